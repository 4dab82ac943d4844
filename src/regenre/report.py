"""Scores -> the tables and the page of text that people read."""

import pandas as pd

from regenre import metrics
from regenre.tables import genres_of

HONEST = ("fault_filtered", "grouped_kfold")  # the splits whose scores can be believed, the best first
FEW_GROUPS = 30  # below this, bootstrap intervals cover less than they say


def per_genre(cell: dict[str, str], predictions: pd.DataFrame) -> pd.DataFrame:
    """A row a genre: precision, recall, F1 and number of clips."""
    scores = metrics.per_genre(metrics.confusion(predictions))
    return pd.DataFrame({**cell, "genre": genres_of(predictions), **scores})


def excluded(clips: pd.DataFrame, by_split: dict[str, dict[str, str]]) -> pd.DataFrame:
    """Who is left out and why: faulty clips (split `*`), then what each split leaves out."""
    faulty = clips[clips["status"] != "ok"].assign(split="*")[["clip_id", "split", "fault", "reason"]]
    rows = [
        (clip_id, split, "not_in_split", reason)
        for split, left_out in by_split.items()
        for clip_id, reason in left_out.items()
    ]
    return pd.concat([faulty, pd.DataFrame(rows, columns=faulty.columns)]).sort_values(["split", "clip_id"])


def best(summary: pd.DataFrame) -> pd.Series:
    """The row with the highest accuracy under the most honest split of the grid."""
    split = next((name for name in HONEST if (summary["split"] == name).any()), summary["split"].iloc[0])
    rows = summary[summary["split"] == split]
    return rows.iloc[int(rows["accuracy"].to_numpy().argmax())]


def markdown(summary: pd.DataFrame, excluded: pd.DataFrame) -> str:
    """`reports/summary.md`: the answer, the table of cells, and who was left out."""
    title = f"# {summary['dataset'].iloc[0]}: {len(summary)} cells"
    return "\n\n".join([title, _answer(summary), _table(summary), _excluded(excluded)]) + "\n"


def _answer(summary: pd.DataFrame) -> str:
    top = best(summary)
    words = (
        f"Highest under `{top['split']}`: `{top['features']}` with `{top['classifier']}`, accuracy"
        f" {_interval(top, 'accuracy')} on {top['n_clips']} clips of {top['n_groups']} groups."
    )
    same = summary[
        (summary["split"] == "stratified_kfold")
        & (summary["features"] == top["features"])
        & (summary["classifier"] == top["classifier"])
        & (summary["n_clips"] == top["n_clips"])
    ]
    if top["n_groups"] == top["n_clips"]:
        words += (
            " No groups are known: an artist or a recording may be on both sides of a fold, so this may be too high."
        )
    elif top["split"] in HONEST and len(same):
        inflated = same["accuracy"].iloc[0]
        words += (
            f" The same clips dealt at random (`stratified_kfold`): {inflated:.3f}."
            f" The difference, {inflated - top['accuracy']:+.3f}, is what knowing the group is worth: leak."
        )
    if top["n_groups"] < FEW_GROUPS:
        words += f" Intervals from {top['n_groups']} groups are too narrow."
    return words


def _table(summary: pd.DataFrame) -> str:
    shown = summary[["split", "features", "classifier"]].copy()
    shown["clips"] = summary["n_clips"]
    shown["groups"] = summary["n_groups"]
    shown["accuracy (95 % interval)"] = [_interval(row, "accuracy") for _, row in summary.iterrows()]
    shown["balanced accuracy"] = summary["balanced_accuracy"].map("{:.3f}".format)
    shown["macro F1 (95 % interval)"] = [_interval(row, "macro_f1") for _, row in summary.iterrows()]
    return shown.to_markdown(index=False, disable_numparse=True)


def _excluded(excluded: pd.DataFrame) -> str:
    if excluded.empty:
        return "No clip was left out."
    counts = excluded.groupby(["split", "fault"], as_index=False).size().to_dict("records")
    words = [
        f"{row['size']} {row['fault']} ({'every split' if row['split'] == '*' else row['split']})" for row in counts
    ]
    return f"Left out: {', '.join(words)}. Each with its reason in `reports/excluded.csv`."


def _interval(row: pd.Series, score: str) -> str:
    return f"{row[score]:.3f} ({row[f'{score}_low']:.3f} to {row[f'{score}_high']:.3f})"
