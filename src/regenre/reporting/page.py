"""`reports/index.html`: the results as one page that needs no network.

This module decides what the page says; templates/page.html (Jinja) and the section files in templates/page/ decide how
it looks. A new section is a file there, its name in `SECTIONS`, and what it shows in `render_page`.
"""

import base64
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import escape

from regenre.common import tables
from regenre.common.kinds import Share, strict_dataclass
from regenre.common.paths import CellName
from regenre.evaluation import grid, metrics
from regenre.evaluation.comparison import match_clips
from regenre.reporting import clip_map, plots, summary
from regenre.reporting.dot_plot import Plot
from regenre.reporting.escaping import mark_code, read_template
from regenre.reporting.explanation import list_items, render_items
from regenre.reporting.lead import phrase_lead

if TYPE_CHECKING:
    from regenre.quality.preview import Preview

_SCORES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_precision": "macro precision",
    "macro_f1": "macro F1",
    "matthews": "Matthews",
    "top2_accuracy": "top 2",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
}
# table of reports/ -> the columns that the page needs
TABLES = {
    "summary": [
        "dataset", *CellName.COLUMNS, "n_clips", "n_groups", "accuracy_low", "accuracy_high", *_SCORES, "pretrained_on",
    ],
    "per_genre": [*CellName.COLUMNS, "genre", "support", "precision", "recall", "f1"],
    "leak": [*CellName.COLUMNS, "honest_split", "n_clips", "honest", "claimed", "leak", "leak_low", "leak_high"],
    "audit": ["clip_id", "finding", "related_clip_id", "score"],
    "suspects": ["clip_id", "genre", "suspected_genre", "proba_genre", "proba_suspected", "confident"],
    "importance": ["of", "n_columns", "loss", "loss_low", "loss_high"],
    "explanations": [
        "clip_id", "genre", "predicted_genre", "proba", "background", "part", "of", "of_genre", "value", "error",
    ],
    "learning_curve": ["n_train", "accuracy", "accuracy_low", "accuracy_high", "measured"],
    "map": ["clip_id", "genre", "x", "y"],
    "stress": [
        *CellName.COLUMNS,
        "deformation",
        "action",
        "irrelevant",
        "worst_genre",
        "worst_difference",
        *(f"{score}{end}" for score in ("accuracy", "difference", "changed") for end in ("", "_low", "_high")),
    ],
}  # fmt: skip
_MOST = 12  # confusions and suspects in a list
_MOST_FINDINGS = 200  # in the list; all are in audit.csv
_MOST_HEARD = 6  # clips of a kind
_MOST_SOUNDS = 120  # in the page, of 22 kB each
_MOST_COUNTS = 30_000  # numbers in the confusion matrices, beside those of the best cell
_MOST_PAIRS = 20  # in the figure of the leak
_FINDINGS = ("clipped", "dc", "wrong_length", "wrong_rate", "replica", "exact_replica")
_LICENCE = {
    True: "This page plays excerpts of 4 s. If you publish it, judge whether the licence of the recordings lets you;"
    " `report.audio: false` in conf/config.yaml leaves them out.",
    False: "The sounds are left out of this page (`report.audio: false` in conf/config.yaml). Who publishes sounds has"
    " to judge whether the licence of the recordings allows it.",
}
BASELINE = "dummy"
SECTIONS = (
    "heat-map", "leak", "leaderboard", "map", "genres", "confusions", "more-data", "importance", "why", "stress",
    "audit", "published", "configuration",
)  # fmt: skip
"""Of the page, in order; each is a file in templates/page/ with a heading of this id."""


@strict_dataclass
class Published:
    """conf/published.yaml: source -> method -> accuracy that others report under a split."""

    split: str
    accuracy: dict[str, dict[str, Share]]


@dataclass(frozen=True)
class Reports:
    """The tables of reports/, and what else the page shows.

    Attributes
    ----------
    study : which cell was studied, and the answers
    studied : predictions of that cell
    expected : accuracy to expect of the best cell on new groups
    predictions : cell -> predictions, of the cells under the most honest split
    previews : clip_id -> preview, of the clips that `choose_clips` names and that have audio
    sounds : whether the page plays them
    published : conf/published.yaml
    configuration : the grid and the best cell, as text
    """

    summary: pd.DataFrame
    per_genre: pd.DataFrame
    leak: pd.DataFrame
    audit: pd.DataFrame
    suspects: pd.DataFrame
    importance: pd.DataFrame
    explanations: pd.DataFrame
    learning_curve: pd.DataFrame
    map: pd.DataFrame
    stress: pd.DataFrame
    study: grid.Study
    studied: pd.DataFrame
    expected: float
    predictions: Mapping[CellName, pd.DataFrame]
    previews: Mapping[str, "Preview"]
    sounds: bool
    published: Published
    configuration: str


def choose_clips(by_table: Mapping[str, pd.DataFrame], predictions: pd.DataFrame, sounds: bool) -> list[str]:
    """Return the clips that the page shows; with sounds, also those near the explained ones, and those of its map.

    Parameters
    ----------
    by_table : `audit`, `suspects`, `explanations` and `map` of `TABLES`
    predictions : of the best cell
    """
    clip_ids = by_table["map"]["clip_id"]
    answers = _list_answers(predictions, clip_ids)
    by_kind = _list_shown(by_table["audit"], by_table["suspects"], answers)
    shown = dict.fromkeys(clip for clips in by_kind.values() for clip in clips)
    if not sounds:
        return list(shown)
    explanations, mistakes = by_table["explanations"], _sort_mistakes(answers)["clip_id"]
    nearest = explanations["of"][explanations["part"] == "clip"]
    return list(dict.fromkeys([*shown, *nearest, *mistakes, *clip_ids]))[:_MOST_SOUNDS]


def render_page(reports: Reports) -> str:
    """Return the page as HTML."""
    cells = reports.summary
    best = grid.select_best(cells)
    name = CellName.read_row(best.to_dict())
    honest = cells[cells["split"] == name.split]
    genres, _ = grid.select_genres_of_best(cells, reports.per_genre)
    matrices = _choose_matrices(reports.predictions, name)
    answers = _list_answers(reports.predictions[name], reports.map["clip_id"])
    shown = _list_shown(reports.audit, reports.suspects, answers)
    sounds = {clip: _encode(view.mp3) for clip, view in reports.previews.items()} if reports.sounds else {}
    return read_template("page.html").render(
        sections=[
            section
            for section in SECTIONS
            if section not in ("why", "stress") or len(reports.stress if section == "stress" else reports.explanations)
        ],
        dataset=best["dataset"],
        lead=phrase_lead(cells, reports.leak, genres["genre"].nunique()),
        answer=mark_code(summary.phrase_answer(cells, reports.leak, reports.expected)),
        more_data=reports.study.more_data,
        has_networks=bool((cells["pretrained_on"] != "").any()),
        top=best,
        best=str(name),
        n_cells=len(cells),
        scores=_SCORES,
        leaderboards=_list_leaderboards(cells, name),
        maps={split: _map_cells(cells[cells["split"] == split]) for split in _sort_splits(cells, name.split)},
        classifiers=list(dict.fromkeys(cells["classifier"])),
        leaks=reports.leak.sort_values("honest", ascending=False, kind="stable").to_dict("records"),
        genres=genres[genres["split"] == name.split].to_dict("records"),
        confusions=[_tabulate_confusion(str(cell), reports.predictions[cell]) for cell in matrices],
        n_left_out=len(reports.predictions) - len(matrices),
        hardest=_list_hardest(reports.predictions[name]),
        curve=reports.learning_curve.to_dict("records"),
        curve_figure=plots.render_svg(
            "curve", lambda: plots.draw_learning_curve(reports.learning_curve, reports.study.cell)
        ),
        studied=reports.study.cell,
        projection=reports.study.projection,
        chart=_describe_map(reports, sounds, {clip for clips in shown.values() for clip in clips}),
        n_points=len(reports.map),
        n_heard=len(set(reports.previews) & set(reports.map["clip_id"])),
        importance=reports.importance.to_dict("records"),
        why=render_items(list_items(reports.explanations, sounds)),
        stress=reports.stress.to_dict("records"),
        survival=mark_code(summary.phrase_stress(reports.stress)),
        findings=reports.audit["finding"].value_counts().sort_index().to_dict(),
        audit=reports.audit.head(_MOST_FINDINGS).to_dict("records"),
        n_findings=len(reports.audit),
        suspects=reports.suspects.head(_MOST).to_dict("records"),
        n_suspects=len(reports.suspects),
        clips=_describe_clips(reports, answers, shown),
        sounds=reports.sounds,
        licence=mark_code([_LICENCE[reports.sounds]]) if reports.previews else "",
        published=reports.published,
        comparable=best["dataset"] == "gtzan" and name.split == reports.published.split,
        ours=honest.sort_values("accuracy", ascending=False).head(3).to_dict("records"),
        configuration=escape(reports.configuration),  # of several lines
        plots=_plot_scores(reports, genres, name),
        f=_format_number,
    )


def _format_number(value: Any, decimals: int = 3) -> str:
    return "" if pd.isna(value) else f"{value:.{decimals}f}"


def _sort_splits(cells: pd.DataFrame, honest: str) -> list[str]:
    """Return the splits, the honest one first."""
    return list(dict.fromkeys([honest, *cells["split"]]))


def _list_leaderboards(cells: pd.DataFrame, best: CellName) -> dict[str, list[dict[Hashable, Any]]]:
    """Return title -> cells, the most accurate on top: of the honest split, its baseline, then the other splits."""
    is_best = (cells[CellName.COLUMNS] == [*best.columns.values()]).all(axis=1)
    ranked = cells.assign(is_best=is_best).sort_values("accuracy", ascending=False, kind="stable")
    is_baseline = ranked["classifier"] == BASELINE
    boards: dict[str, pd.DataFrame] = {}
    for split in _sort_splits(cells, best.split):
        is_apart = is_baseline & (split == best.split)
        boards[split] = ranked[(ranked["split"] == split) & ~is_apart]
        boards[f"{split}, the baseline"] = ranked[(ranked["split"] == split) & is_apart]
    return {title: board.to_dict("records") for title, board in boards.items() if len(board)}


def _map_cells(cells: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return feature set -> classifier -> row."""
    return {
        str(features): {str(row["classifier"]): row for row in rows.to_dict("records")}
        for features, rows in cells.groupby("features", sort=False)
    }


def _tabulate_confusion(cell: str, predictions: pd.DataFrame) -> dict[str, Any]:
    counts = metrics.count_confusions(predictions)
    rates = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    genres = tables.list_genres(predictions)
    rows = [
        (genre, list(zip(genres, row.tolist(), shares.tolist(), strict=True)), int(row.sum()))
        for genre, row, shares in zip(genres, counts, rates, strict=True)
        if row.sum()
    ]
    return {"cell": cell, "genres": genres, "rows": rows, "accuracy": np.trace(counts) / counts.sum()}


def _choose_matrices(predictions: Mapping[CellName, pd.DataFrame], best: CellName) -> list[CellName]:
    """Return the cells whose confusion matrix is shown: the best, then as many as the page can hold."""
    n_counts = len(tables.list_genres(predictions[best])) ** 2
    others = [cell for cell in predictions if cell != best and cell.classifier != BASELINE]
    baselines = [cell for cell in predictions if cell != best and cell.classifier == BASELINE]
    return [best, *[*others, *baselines][: _MOST_COUNTS // n_counts]]


def _list_hardest(predictions: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Return the pairs of genres that are confused most often, with the most confident mistakes."""
    sizes = predictions.groupby("actual").size()
    wrong = predictions[predictions["actual"] != predictions["predicted"]]
    proba = wrong[[tables.PROBA + genre for genre in tables.list_genres(wrong)]].max(axis=1)
    surest = wrong.assign(proba=proba).sort_values(["proba", "clip_id"], ascending=[False, True])
    pairs = wrong.groupby(["actual", "predicted"], as_index=False).agg(n=("clip_id", "size"))
    pairs["share"] = pairs["n"] / sizes.loc[pairs["actual"]].to_numpy()
    pairs = pairs.sort_values(["n", "share", "actual", "predicted"], ascending=[False, False, True, True]).head(_MOST)
    return [
        {
            **pair,
            "clips": list(
                surest[(surest["actual"] == pair["actual"]) & (surest["predicted"] == pair["predicted"])]["clip_id"][:3]
            ),
        }
        for pair in pairs.to_dict("records")
    ]


def _list_answers(predictions: pd.DataFrame, clip_ids: pd.Series) -> pd.DataFrame:
    """Return one row per tested clip: clip_id (also as index), group, actual, predicted, proba (of the answer).

    Of a clip that is tested in pieces, the answer is that of the surest piece.
    """
    proba = predictions[[tables.PROBA + genre for genre in tables.list_genres(predictions)]].max(axis=1)
    rows = predictions.assign(clip_id=match_clips(predictions["clip_id"], clip_ids), proba=proba)
    surest = rows.sort_values("proba", kind="stable").drop_duplicates("clip_id", keep="last")
    return surest.set_index("clip_id", drop=False)[["clip_id", "group", "actual", "predicted", "proba"]].sort_index()


def _sort_mistakes(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the wrong answers, the surest first."""
    return answers[answers["actual"] != answers["predicted"]].sort_values("proba", ascending=False, kind="stable")


def _list_shown(audit: pd.DataFrame, suspects: pd.DataFrame, answers: pd.DataFrame) -> dict[str, list[str]]:
    """Return kind -> the clips to show: the hardest confusion and the surest mistakes, suspects, the worst findings."""
    mistakes = _sort_mistakes(answers)
    pairs = mistakes.groupby(["actual", "predicted"])["clip_id"]
    hardest = list(pairs.get_group(pairs.size().idxmax()))[: _MOST_HEARD // 2] if len(mistakes) else []
    rows = audit[audit["finding"].isin(_FINDINGS)]
    worst = rows.assign(size=rows["score"].abs()).sort_values(["size", "clip_id"], ascending=[False, True])
    return {
        "mistakes": list(dict.fromkeys([*hardest, *mistakes["clip_id"]]))[:_MOST_HEARD],
        "suspects": list(suspects["clip_id"].head(_MOST_HEARD)),
        "findings": list(dict.fromkeys(worst.groupby("finding").head(2)["clip_id"]))[:_MOST],
    }


def _describe_clips(
    reports: Reports, answers: pd.DataFrame, shown: Mapping[str, list[str]]
) -> dict[str, list[dict[str, str]]]:
    """Return kind -> clips with a preview: name, picture, sound, actual and predicted genre, why they are shown."""
    genres = {**reports.map.set_index("clip_id")["genre"], **answers["actual"]}
    suspects = reports.suspects.set_index("clip_id")
    why = {
        "mistakes": lambda clip: f"{100 * answers.loc[clip, 'proba']:.0f} % sure",
        "suspects": lambda clip: "the models prefer {suspected_genre}".format(**suspects.loc[clip]),
        "findings": lambda clip: ", ".join(reports.audit[reports.audit["clip_id"] == clip]["finding"]),
    }
    return {
        kind: [
            {
                "name": clip,
                "picture": _encode(plots.render_preview(reports.previews[clip])),
                "sound": _encode(reports.previews[clip].mp3),
                "actual": genres.get(clip, "genre unknown"),
                "predicted": answers["predicted"].get(clip, ""),
                "why": why[kind](clip),
            }
            for clip in clips
            if clip in reports.previews
        ]
        for kind, clips in shown.items()
    }


def _describe_map(reports: Reports, sounds: Mapping[str, str], elsewhere: Collection[str]) -> dict[str, Any]:
    """Return the map, with the sounds of the clips that the page does not play elsewhere."""
    answers = _list_answers(reports.studied, reports.map["clip_id"])
    return clip_map.describe_map(
        reports.map, answers, {clip: sound for clip, sound in sounds.items() if clip not in elsewhere}
    )


def _encode(content: bytes | memoryview) -> str:
    return base64.b64encode(content).decode()


def _plot_scores(reports: Reports, genres: pd.DataFrame, best: CellName) -> dict[str, Plot]:
    """Return the figures of scores: the leak (only of several splits), genres, importance, stress."""
    cells, splits = reports.summary, _sort_splits(reports.summary, best.split)
    pairs = cells.assign(pair=cells["features"] + ", " + cells["classifier"])
    lowest = pairs.groupby("pair", sort=False)["accuracy"].min().sort_values(ascending=False, kind="stable")
    pairs = pairs[pairs["pair"].isin(lowest.index[:_MOST_PAIRS])]
    changes = reports.stress.assign(
        cell=reports.stress[CellName.COLUMNS].agg("-".join, axis=1) if len(reports.stress) else "",
        change=reports.stress["action"].where(
            reports.stress["action"] != "", reports.stress["deformation"].str.replace("_", " ")
        ),
    )
    losses = reports.importance.head(_MOST_PAIRS).assign(series="loss")
    return {
        "leak": Plot.arrange(pairs, "pair", "split", "accuracy", splits, list(lowest.index[:_MOST_PAIRS])),
        "genres": Plot.arrange(genres, "genre", "split", "f1", splits),
        "importance": Plot.arrange(losses, "of", "series", "loss"),
        "stress": Plot.arrange(changes, "change", "cell", "accuracy", line=grid.CLEAN),
    }
