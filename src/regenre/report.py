"""Scores -> the tables and the page of text that people read."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regenre import comparison

PARTS = ("split", "features", "classifier")  # what names a cell
FEW_GROUPS = 30  # below this, bootstrap intervals cover less than they say
FEW_CLIPS = 100  # below this, a single clip is seen in the accuracy's second decimal
Hits = Mapping[tuple[str, str, str], comparison.Hits]


def comparisons(hits: Hits, seed: int) -> pd.DataFrame:
    """Each split's cells against the best of them (`comparison.against_best`)."""
    found = []
    for split in dict.fromkeys(parts[0] for parts in hits):
        of_split = {"\t".join(parts[1:]): hit for parts, hit in hits.items() if parts[0] == split}
        table = comparison.against_best(of_split, seed)
        for column, names in (("cell", list(PARTS[1:])), ("best", ["best_features", "best_classifier"])):
            table[names] = table.pop(column).str.split("\t", expand=True)
        found.append(table.assign(split=split))
    table = pd.concat(found, ignore_index=True)
    first = [*PARTS, "best_features", "best_classifier"]
    return table[[*first, *table.columns.drop(first)]]


def leaks(hits: Hits, seed: int) -> pd.DataFrame:
    """What each other split of the grid claims beyond the most honest one, a row a cell; `comparison.leak`."""
    honest = comparison.most_honest([parts[0] for parts in hits])
    rows = [
        {**dict(zip(PARTS, parts, strict=True)), "honest_split": honest}
        | comparison.leak(hits[honest, *parts[1:]], hit, seed)
        for parts, hit in hits.items()
        if parts[0] != honest
    ]
    columns = [*PARTS, "honest_split", "n_clips", "honest", "claimed", "leak", "leak_low", "leak_high"]
    return pd.DataFrame(rows, columns=columns)


def after_choosing(hits: Hits, seed: int) -> float:
    """Accuracy to expect of the choice of the best cell under the most honest split (`comparison.after_choosing`)."""
    honest = comparison.most_honest([parts[0] for parts in hits])
    return comparison.after_choosing({"-".join(parts): hit for parts, hit in hits.items() if parts[0] == honest}, seed)


def genres_of_best(summary: pd.DataFrame, per_genre: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The per-genre scores of the best cell under every split, and the figure's title."""
    top = best(summary)
    same = per_genre[(per_genre["features"] == top["features"]) & (per_genre["classifier"] == top["classifier"])]
    return same, f"{top['dataset']}: F1 by genre, {top['features']} with {top['classifier']}"


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
    rows = summary[summary["split"] == comparison.most_honest(list(summary["split"]))]
    return rows.iloc[int(rows["accuracy"].to_numpy().argmax())]


def markdown(
    summary: pd.DataFrame,
    leaks: pd.DataFrame,
    expected: float,
    excluded: pd.DataFrame,
    texts: Mapping[str, int] | None = None,
) -> str:
    """`reports/summary.md`: the answer, the table of cells, and who was left out."""
    title = f"# {summary['dataset'].iloc[0]}: {len(summary)} cells"
    answer = " ".join(sentences(summary, leaks, expected))
    told = [_texts(texts)] if texts else []
    return "\n\n".join([title, answer, _table(summary), *told, _excluded(excluded)]) + "\n"


def sentences(summary: pd.DataFrame, leaks: pd.DataFrame, expected: float) -> list[str]:
    """The answer: the best cell, its peers, what choosing it costs, the leak, and what cannot be known.

    Parameters
    ----------
    expected : `after_choosing`
    """
    top = best(summary)
    rivals = summary[summary["split"] == top["split"]]
    peers = int(rivals["indistinguishable"].sum()) - 1
    words = [
        f"Highest under `{top['split']}`: `{top['features']}` with `{top['classifier']}`, accuracy"
        f" {interval(top, 'accuracy')} on {top['n_clips']} clips of {top['n_groups']} groups."
    ]
    if len(rivals) > 1:
        words.append(
            f"{peers} of the other {len(rivals) - 1} cells cannot be told from it (groups' signs flipped, Holm, 5 %);"
            f" a cell chosen so is to be expected at {expected:.3f} on new groups."
        )
    same = leaks[(leaks["features"] == top["features"]) & (leaks["classifier"] == top["classifier"])]
    if top["n_groups"] < top["n_clips"] and top["split"] in comparison.HONEST:
        words += [
            f"On the same clips `{row['split']}` claims {row['claimed']:.3f}; the difference,"
            f" {row['leak']:+.3f} ({row['leak_low']:+.3f} to {row['leak_high']:+.3f}), is leak."
            for _, row in same.iterrows()
            if row["split"] not in comparison.HONEST
        ]
    return words + doubts(top)


def doubts(scores: Mapping[str, Any] | pd.Series) -> list[str]:
    """What a cell's scores cannot tell, for want of groups or of clips."""
    words = []
    if scores["n_groups"] == scores["n_clips"]:
        words.append(
            "No groups are known: an artist or a recording may be on both sides of a fold, so this may be too high."
        )
    if scores["n_groups"] < FEW_GROUPS:
        words.append(f"Intervals from {scores['n_groups']} groups are too narrow.")
    if scores["n_clips"] < FEW_CLIPS:
        words.append(f"With so few clips a single one moves the accuracy by {1 / scores['n_clips']:.3f}.")
    return words


def _table(summary: pd.DataFrame) -> str:
    shown = summary[list(PARTS)].copy()
    shown["clips"] = summary["n_clips"]
    shown["groups"] = summary["n_groups"]
    for score, title in (("accuracy", "accuracy"), ("macro_f1", "macro F1"), ("matthews", "Matthews")):
        shown[f"{title} (95 % interval)"] = [interval(row, score) for _, row in summary.iterrows()]
    shown["log loss"] = summary["log_loss"].map("{:.3f}".format)
    shown["as good as the best"] = np.where(summary["indistinguishable"], "yes", "no")
    return shown.to_markdown(index=False, disable_numparse=True)


def _excluded(excluded: pd.DataFrame) -> str:
    if excluded.empty:
        return "No clip was left out."
    counts = excluded.groupby(["split", "fault"], as_index=False).size().to_dict("records")
    words = [
        f"{row['size']} {row['fault']} ({'every split' if row['split'] == '*' else row['split']})" for row in counts
    ]
    return f"Left out: {', '.join(words)}. Each with its reason in `reports/excluded.csv`."


def _texts(texts: Mapping[str, int]) -> str:
    given = texts["clips"] - texts["without"]
    said = f"Texts: {given} of {texts['clips']} clips have one."
    if not texts["naming_their_genre"]:
        return said
    return (
        f"{said} {texts['naming_their_genre']} of these name their clip's genre: scores of `text` are too high unless"
        " such words are `ignored` (conf/family/text.yaml)."
    )


def interval(row: Mapping[str, Any] | pd.Series, score: str) -> str:
    """A score with its interval."""
    return f"{row[score]:.3f} ({row[f'{score}_low']:.3f} to {row[f'{score}_high']:.3f})"
