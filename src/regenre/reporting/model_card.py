"""The card of a model: what it was trained on, how well it does and how sure that is, what it cannot do.

`report` writes it, from the predictions that it scores, so an edit of the text re-fits no model.
"""

from pathlib import Path

import pandas as pd

from regenre.common import files, tables
from regenre.common.settings import AudioSettings
from regenre.common.tables import CopiesRecord
from regenre.evaluation import comparison, metrics
from regenre.evaluation.grid import TestedCell
from regenre.evaluation.metrics import Scores
from regenre.learning.cells import Cell
from regenre.reporting import confusion, summary
from regenre.reporting.escaping import escape_markdown


def write_views(tested: TestedCell, scores: Scores, stress: pd.DataFrame, card: Path, figure: Path) -> None:
    """Write what people look at of one cell: its model card and its confusion matrix.

    Parameters
    ----------
    scores : of the cell
    stress : as for `render_card`
    card, figure : where they go
    """
    files.write_text(card, render_card(tested, scores, stress))
    counts, genres = metrics.count_confusions(tested.predictions), tables.list_genres(tested.predictions)
    files.write_text(figure, confusion.render_svg(counts, genres, str(tested.cell.plan.name)))


def render_card(tested: TestedCell, scores: Scores, stress: pd.DataFrame) -> str:
    """Return the card of a cell's model as Markdown.

    Parameters
    ----------
    scores : of the cell
    stress : rows of the cell in the table of `evaluation.stress.stress_cells`; none if it was not stressed
    """
    cell = tested.cell
    plan = cell.plan
    length = "" if plan.duration_s is None else f" of a clip of about {plan.duration_s:.0f} s"
    limits = [*_list_limits(cell, scores.cell, set(tested.predictions["actual"])), *summary.phrase_stress(stress)]
    parts = [
        f"# {escape_markdown(str(plan.name))}, of {escape_markdown(plan.dataset)}",
        f"Tells {len(plan.fitted_on)} genres{length}: {', '.join(map(escape_markdown, plan.fitted_on))}.",
        "## How well",
        _phrase_scores(scores.cell, plan.name.split),
        _format_genres(scores.genres, plan.fitted_on),
        "## Trained on",
        _format_origin(cell),
        "## Limits",
        "\n".join(f"- {limit}" for limit in limits),
        "## Use",
        f"`regenre classify FILE --model {plan.name}`; for MLflow `regenre register --model {plan.name}`."
        " The model is stored without pickle; loading it runs no code from its file.",
    ]
    return "\n\n".join(parts) + "\n"


def _phrase_scores(scores: dict[str, float], split: str) -> str:
    titles = {
        "accuracy": "accuracy",
        "macro_f1": "macro F1",
        "log_loss": "log loss",
        "calibration_error": "calibration error",
    }
    values = ", ".join(f"{title} {summary.format_interval(scores, score)}" for score, title in titles.items())
    sentences = [
        f"Under `{split}`: {values} (95 % intervals), on {scores['n_clips']} clips of {scores['n_groups']} groups in"
        f" {scores['n_folds']} folds.",
        "The model itself was fitted afterwards on all of these clips, so no clip is left to test it."
        if scores["n_folds"] > 1
        else "The model is the one that was tested.",
    ]
    if split not in comparison.HONEST:
        sentences.insert(1, "**This split lets an artist or a recording be on both sides: these scores are too high.**")
    return " ".join([*sentences, *summary.phrase_doubts(scores)])


def _format_genres(scores: pd.DataFrame, fitted_on: dict[str, int]) -> str:
    table = pd.DataFrame({"genre": scores["genre"].map(escape_markdown)})
    table["trained on"] = scores["genre"].map(fitted_on).fillna(0).astype(int)
    table["tested"] = scores["support"]
    for score in metrics.PER_GENRE:
        table[score] = [
            summary.format_interval(row, score) if pd.notna(row[score]) else "" for _, row in scores.iterrows()
        ]
    return str(table.to_markdown(index=False, disable_numparse=True))


def _format_origin(cell: Cell) -> str:
    plan, pretrained_on = cell.plan, cell.plan.features.pretrained_on
    chosen = ", ".join(f"{name} = {value}" for name, value in cell.searches[-1].chosen.items())
    rows = [
        ("dataset", f"{plan.dataset}, {sum(plan.fitted_on.values())} clips"),
        ("left out", f"{len(plan.excluded)} clips by the split; faulty clips are in reports/excluded.csv"),
        ("features", f"{plan.name.features}: {', '.join(plan.features.families)}"),
        *([("changed copies", _phrase_copies(plan.features.augment))] if plan.features.augment else []),
        *([("pre-trained on", pretrained_on)] if pretrained_on else []),
        ("classifier", plan.name.classifier),
        ("chosen on the training clips", chosen or "nothing"),
        ("audio", _phrase_audio(plan.features.audio)),
        ("seed", plan.seed),
        *((f"MD5 of {name}", md5) for name, md5 in plan.md5.items()),
        ("MD5 of all inputs of the model", cell.inputs),
    ]
    if plan.texts:
        rows.append(("texts", f"{plan.texts.without} of {plan.texts.clips} clips have none"))
    table = pd.DataFrame([(what, escape_markdown(str(value))) for what, value in rows], columns=["what", "value"])
    return str(table.to_markdown(index=False, disable_numparse=True))


def _phrase_audio(audio: AudioSettings) -> str:
    level = {"none": "", "rms": ", RMS of -20 dB", "bs1770": ", -20 LUFS"}[audio.loudness]
    floor = "" if audio.floor_db is None else f", white noise {audio.floor_db:g} dB below"
    return f"mono, {audio.sr} Hz{level}{floor}"


def _phrase_copies(augment: CopiesRecord) -> str:
    return f"{augment.n} of each training clip, each by one of: {', '.join(augment.deformations)}"


def _list_limits(cell: Cell, scores: dict[str, float], tested: set[str]) -> list[str]:
    plan = cell.plan
    limits = [
        'It cannot answer "none of these": every sound gets one of its genres, also noise, speech, or other music.',
        "It learned how these clips sound, with their recordings and their labels; expect lower scores on other"
        " collections.",
        f"Its probabilities are off by {scores['calibration_error']:.2f} on average (calibration error).",
    ]
    limits += map(escape_markdown, summary.phrase_pretraining("Its features are", plan.features.pretrained_on))
    untested = sorted(set(plan.fitted_on) - tested)
    if untested:
        limits.append(
            f"Never tested, because all of their clips are of one group: {', '.join(map(escape_markdown, untested))}."
        )
    if plan.texts and plan.texts.naming_their_genre:
        limits.append(
            f"{plan.texts.naming_their_genre} of its texts contain the name of their genre; expect lower scores on"
            " texts that do not."
        )
    return limits
