"""Scores -> `reports/summary.md`, and the sentences that the page and the model cards share."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regenre.common.paths import CellName
from regenre.evaluation import comparison
from regenre.evaluation.grid import select_best
from regenre.learning.cells import TextCounts
from regenre.reporting.escaping import escape_markdown

FEW_GROUPS = 30  # below this number, bootstrap intervals cover less than they claim
FEW_CLIPS = 100  # below this number, a single clip changes the second decimal of the accuracy
_NUMBERS = dict(enumerate(("three", "four", "five", "six", "seven", "eight", "nine", "ten"), 3))


def render_summary(
    summary: pd.DataFrame,
    leak: pd.DataFrame,
    stress: pd.DataFrame,
    excluded: pd.DataFrame,
    expected: float,
    texts: TextCounts | None,
) -> str:
    """Return the text of `reports/summary.md`: the answer, the table of cells, and the clips that were left out.

    Parameters
    ----------
    summary, leak, excluded : of an `evaluation.grid.Evaluation`
    stress : as for `phrase_stress`
    expected : `evaluation.grid.estimate_best` under the most honest split
    texts : of the cells that read texts
    """
    title = f"# {escape_markdown(summary['dataset'].iloc[0])}: {len(summary)} cells"
    answer = " ".join([*phrase_answer(summary, leak, expected), *phrase_stress(stress)])
    counts = [_phrase_texts(texts)] if texts else []
    return "\n\n".join([title, answer, _format_table(summary), *counts, _phrase_excluded(excluded)]) + "\n"


def phrase_answer(summary: pd.DataFrame, leak: pd.DataFrame, expected: float) -> list[str]:
    """Return the answer in sentences: the best cell, its rivals, the cost of choosing it, the leak, and the doubts.

    Parameters
    ----------
    summary, leak, expected : as for `render_summary`
    """
    best = select_best(summary)
    mark = " (pre-trained)" if best["pretrained_on"] else ""
    rivals = summary[summary["split"] == best["split"]]
    n_rivals = int(rivals["indistinguishable"].sum()) - 1
    sentences = [
        f"Best cell under `{best['split']}`: `{best['features']}`{mark} with `{best['classifier']}`, accuracy"
        f" {format_interval(best, 'accuracy')} on {best['n_clips']} clips of {best['n_groups']} groups."
    ]
    if len(rivals) > 1:
        sentences.append(
            f"{n_rivals} of the other {len(rivals) - 1} cells are not significantly worse (sign-flip test over groups,"
            " Holm's correction, 5 % level). The best of several cells is partly luck: expect an accuracy of"
            f" {expected:.3f} on new groups."
        )
    rows = leak[(leak["features"] == best["features"]) & (leak["classifier"] == best["classifier"])]
    if best["n_groups"] < best["n_clips"] and best["split"] in comparison.HONEST:
        sentences += [
            f"On the same clips `{row['split']}` claims {row['claimed']:.3f}; the difference,"
            f" {row['leak']:+.3f} ({row['leak_low']:+.3f} to {row['leak_high']:+.3f}), is leak."
            for _, row in rows.iterrows()
            if row["split"] not in comparison.HONEST
        ]
    networks = "; ".join(filter(None, dict.fromkeys(summary["pretrained_on"])))
    return sentences + phrase_doubts(best) + phrase_pretraining("Cells marked pre-trained have features", networks)


def phrase_pretraining(subject: str, pretrained_on: str) -> list[str]:
    """Return what it means that features come from networks that were trained on `pretrained_on`, in sentences."""
    if not pretrained_on:
        return []
    return [
        f"{subject} of networks that were trained elsewhere ({pretrained_on}). Artists that the folds keep apart may"
        " have met there, and so may these very recordings: such scores may be too high, and no split can show it."
    ]


def phrase_doubts(scores: Mapping[str, Any] | pd.Series) -> list[str]:
    """Return what few groups or few clips leave open about a cell's scores, in sentences."""
    sentences = []
    if scores["n_groups"] == scores["n_clips"]:
        sentences.append(
            "No groups are known: an artist or a recording may be on both sides of a fold, so scores may be too high."
        )
    if scores["n_groups"] < FEW_GROUPS:
        sentences.append(f"Intervals from only {scores['n_groups']} groups are too narrow.")
    if scores["n_clips"] < FEW_CLIPS:
        sentences.append(f"With so few clips, a single one changes the accuracy by {1 / scores['n_clips']:.3f}.")
    return sentences


def phrase_stress(stress: pd.DataFrame) -> list[str]:
    """Return what becomes of each cell's answers if its clips are changed, in sentences; none for no rows.

    Parameters
    ----------
    stress : the table of `evaluation.stress.stress_cells`; the first sentence is about the irrelevant deformation that
        changes the most answers
    """
    sentences = []
    for names, rows in stress.groupby(CellName.COLUMNS, sort=False):
        clean, *changes, worst = (row for _, row in rows.iterrows())
        irrelevant = [row for row in changes if row["irrelevant"]]
        top = max(irrelevant or changes, key=lambda row: float(row["changed"]))
        action, name = top["action"][0].upper() + top["action"][1:], "-".join(map(str, names))
        right = f"`{name}` is right for {format_interval(clean, 'accuracy')} of {clean['n_clips']} clips"
        if irrelevant:
            n = len(irrelevant)
            under = "the change that leaves" if n == 1 else f"every one of {n} changes that leave"
            more = f", and for {format_interval(worst, 'accuracy')} under {under} the genre as it is"
        else:
            more = " as they are; listeners may take the changed ones for another genre"
        sentences.append(f"{action}, and {_phrase_share(top['changed'])}. {right}{more}.")
    return sentences


def _phrase_share(share: float) -> str:
    """Return a share of the answers, and that it changes."""
    if share == 0:
        return "no answer changes"
    n = int(1 / share + 0.5001)  # the same for a share and its six decimals
    return f"one answer in {_NUMBERS.get(n, n)} changes" if n > 2 else f"{100 * share:.0f} % of the answers change"


def format_interval(row: Mapping[str, Any] | pd.Series, score: str) -> str:
    """Return a score with its interval."""
    return f"{row[score]:.3f} ({row[f'{score}_low']:.3f} to {row[f'{score}_high']:.3f})"


def _format_table(summary: pd.DataFrame) -> str:
    table = summary[CellName.COLUMNS].map(escape_markdown)
    table["clips"] = summary["n_clips"]
    table["groups"] = summary["n_groups"]
    for score, title in (("accuracy", "accuracy"), ("macro_f1", "macro F1"), ("matthews", "Matthews")):
        table[f"{title} (95 % interval)"] = [format_interval(row, score) for _, row in summary.iterrows()]
    table["log loss"] = summary["log_loss"].map("{:.3f}".format)
    table["as good as the best"] = np.where(summary["indistinguishable"], "yes", "no")
    if (summary["pretrained_on"] != "").any():
        table["pre-trained"] = np.where(summary["pretrained_on"] != "", "yes", "no")
    return str(table.to_markdown(index=False, disable_numparse=True))


def _phrase_excluded(excluded: pd.DataFrame) -> str:
    if excluded.empty:
        return "No clip was left out."
    counts = excluded.groupby(["split", "fault"], as_index=False).size().to_dict("records")
    parts = [
        f"{row['size']} {row['fault']} ({'every split' if row['split'] == '*' else row['split']})" for row in counts
    ]
    return f"Left out: {', '.join(parts)}. Each with its reason in `reports/excluded.csv`."


def _phrase_texts(texts: TextCounts) -> str:
    sentence = f"Texts: {texts.clips - texts.without} of {texts.clips} clips have one."
    if not texts.naming_their_genre:
        return sentence
    return (
        f"{sentence} {texts.naming_their_genre} of these texts name their clip's genre: scores of `text` are too high"
        " unless such words are `ignored` (conf/family/text.yaml)."
    )
