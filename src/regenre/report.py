"""Scores -> the tables and the page of text that people read."""

import pandas as pd

from regenre import metrics
from regenre.tables import genres_of

HONEST = ("fault_filtered", "grouped_kfold")  # the splits whose scores can be believed, the best first


def per_genre(cell: dict[str, str], predictions: pd.DataFrame) -> pd.DataFrame:
    """A row a genre: precision, recall, F1 and number of clips."""
    scores = metrics.per_genre(metrics.confusion(predictions))
    return pd.DataFrame({**cell, "genre": genres_of(predictions), **scores})


def best(summary: pd.DataFrame) -> pd.Series:
    """The row with the highest accuracy under the most honest split of the grid."""
    split = next((name for name in HONEST if (summary["split"] == name).any()), summary["split"].iloc[0])
    return summary.loc[summary[summary["split"] == split]["accuracy"].idxmax()]


def markdown(summary: pd.DataFrame, excluded: pd.DataFrame) -> str:
    """`reports/summary.md`: the answer, the table of cells, and who was left out."""
    return "\n".join(
        [
            f"# {summary['dataset'].iloc[0]}: {len(summary)} cells",
            "",
            _answer(summary),
            "",
            _table(summary),
            "",
            *_excluded(excluded),
            "",
        ]
    )


def _answer(summary: pd.DataFrame) -> str:
    top = best(summary)
    words = f"Best under `{top['split']}`: `{top['features']}` with `{top['classifier']}`, accuracy {_interval(top, 'accuracy')} on {top['n_clips']} clips of {top['n_groups']} groups."
    same = summary[
        (summary["split"] == "stratified_kfold")
        & (summary["features"] == top["features"])
        & (summary["classifier"] == top["classifier"])
    ]
    if top["split"] in HONEST and len(same):
        words += f" Clips dealt at random (`stratified_kfold`) would have said {same['accuracy'].iloc[0]:.3f}: {same['accuracy'].iloc[0] - top['accuracy']:+.3f} of that is leak."
    return words


def _table(summary: pd.DataFrame) -> str:
    head = [
        "split",
        "features",
        "classifier",
        "clips",
        "accuracy (95 % interval)",
        "balanced accuracy",
        "macro F1 (95 % interval)",
    ]
    rows = [
        [
            row["split"],
            row["features"],
            row["classifier"],
            str(row["n_clips"]),
            _interval(row, "accuracy"),
            f"{row['balanced_accuracy']:.3f}",
            _interval(row, "macro_f1"),
        ]
        for _, row in summary.iterrows()
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [
        [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        for row in [head, ["-" * width for width in widths], *rows]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _excluded(excluded: pd.DataFrame) -> list[str]:
    if excluded.empty:
        return ["No clip was left out."]
    counts = excluded.groupby(["split", "fault"]).size()
    words = ", ".join(
        f"{count} {fault} ({'every split' if split == '*' else split})" for (split, fault), count in counts.items()
    )
    return [f"Left out: {words}. Each with its reason in `reports/excluded.csv`."]


def _interval(row: pd.Series, score: str) -> str:
    return f"{row[score]:.3f} ({row[f'{score}_low']:.3f} to {row[f'{score}_high']:.3f})"
