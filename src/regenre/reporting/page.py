"""`reports/index.html`: the results as one page that needs no network.

This module decides what the page says; templates/page.html (Jinja) decides how it looks.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from regenre import tables
from regenre.evaluation import grid, metrics
from regenre.kinds import Share, strict_dataclass
from regenre.paths import CellName
from regenre.reporting import plots, summary
from regenre.reporting.escaping import read_template
from regenre.reporting.explanation import list_items, render_items

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
_MOST = 12  # clips, confusions and suspects in a list
_FINDINGS = ("clipped", "dc", "wrong_length", "wrong_rate", "replica", "exact_replica")


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
    study : which cell was studied, and the answer
    expected : accuracy to expect of the best cell on new groups
    predictions : cell -> predictions, of the cells under the most honest split
    previews : clip_id -> preview, of the clips that `choose_clips` names and that have audio
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
    stress: pd.DataFrame
    study: grid.Study
    expected: float
    predictions: Mapping[CellName, pd.DataFrame]
    previews: Mapping[str, "Preview"]
    published: Published
    configuration: str


def choose_clips(audit: pd.DataFrame, suspects: pd.DataFrame) -> list[str]:
    """Return the clips that the page shows: the most suspect labels, then the worst of each finding."""
    rows = audit[audit["finding"].isin(_FINDINGS)]
    worst = rows.assign(size=rows["score"].abs()).sort_values(["size", "clip_id"], ascending=[False, True])
    by_finding = worst.groupby("finding").head(2)["clip_id"]
    return list(dict.fromkeys([*suspects["clip_id"].head(4), *by_finding]))[:_MOST]


def render_page(reports: Reports) -> str:
    """Return the page as HTML."""
    cells = reports.summary
    best = grid.select_best(cells)
    name = CellName.read_row(best.to_dict())
    honest = cells[cells["split"] == name.split]
    genres, title = grid.select_genres_of_best(cells, reports.per_genre)
    return read_template("page.html").render(
        dataset=best["dataset"],
        answer=_mark_code(summary.phrase_answer(cells, reports.leak, reports.expected)),
        more_data=reports.study.more_data,
        has_networks=bool((cells["pretrained_on"] != "").any()),
        top=best,
        best=str(name),
        scores=_SCORES,
        cells=_sort_cells(cells, name.split).to_dict("records"),
        maps={split: _map_cells(cells[cells["split"] == split]) for split in dict.fromkeys(cells["split"])},
        classifiers=list(dict.fromkeys(cells["classifier"])),
        leaks=reports.leak.sort_values("honest", ascending=False, kind="stable").to_dict("records"),
        genres=genres[genres["split"] == name.split].to_dict("records"),
        confusions=[_tabulate_confusion(str(cell), rows) for cell, rows in reports.predictions.items()],
        hardest=_list_hardest(reports.predictions[name]),
        curve=reports.learning_curve.to_dict("records"),
        studied=reports.study.cell,
        importance=reports.importance.to_dict("records"),
        why=render_items(list_items(reports.explanations)),
        stress=reports.stress.to_dict("records"),
        survival=_mark_code(summary.phrase_stress(reports.stress)),
        findings=reports.audit["finding"].value_counts().sort_index().to_dict(),
        audit=reports.audit.to_dict("records"),
        suspects=reports.suspects.head(_MOST).to_dict("records"),
        n_suspects=len(reports.suspects),
        pictures={clip: _draw_picture(preview) for clip, preview in reports.previews.items()},
        published=reports.published,
        comparable=best["dataset"] == "gtzan" and name.split == reports.published.split,
        ours=honest.sort_values("accuracy", ascending=False).head(3).to_dict("records"),
        configuration=escape(reports.configuration),  # of several lines
        figures=_draw_figures(reports, genres, title),
        f=_format_number,
    )


def _draw_figures(reports: Reports, genres: pd.DataFrame, title: str) -> dict[str, str]:
    """Return the page's figures as SVG; "" for a leak of one split alone."""
    several = reports.summary["split"].nunique() > 1
    cell = reports.study.cell
    figures = {
        "leak": plots.render_svg("leaks", lambda: plots.draw_leak(reports.summary)) if several else "",
        "per_genre": plots.render_svg("per_genre", lambda: plots.draw_genre_f1(genres, title)),
        "curve": plots.render_svg("curve", lambda: plots.draw_learning_curve(reports.learning_curve, cell)),
    }
    if len(reports.importance):
        figures["importance"] = plots.render_svg("worth", lambda: plots.draw_importance(reports.importance, cell))
    if len(reports.stress):
        figures["stress"] = plots.render_svg("stress", lambda: plots.draw_stress(reports.stress))
    return figures


def _mark_code(sentences: list[str]) -> Markup:
    """Return sentences as HTML; `names` become code."""
    return Markup(" ".join(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))) for text in sentences))


def _format_number(value: Any, decimals: int = 3) -> str:
    return "" if pd.isna(value) else f"{value:.{decimals}f}"


def _sort_cells(cells: pd.DataFrame, honest: str) -> pd.DataFrame:
    """Return the cells of the honest split first, the most accurate on top."""
    return cells.assign(other=cells["split"] != honest).sort_values(
        ["other", "split", "accuracy"], ascending=[True, True, False], kind="stable"
    )


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


def _list_hardest(predictions: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the pairs of genres that are confused most often, with the most confident mistakes."""
    sizes = predictions.groupby("actual").size()
    wrong = predictions[predictions["actual"] != predictions["predicted"]]
    proba = wrong[[tables.PROBA + genre for genre in tables.list_genres(wrong)]].max(axis=1)
    pairs: list[dict[str, Any]] = []
    for (actual, predicted), mistakes in wrong.assign(proba=proba).groupby(["actual", "predicted"]):
        surest = mistakes.sort_values(["proba", "clip_id"], ascending=[False, True])["clip_id"].head(3)
        pairs.append(
            {
                "actual": actual,
                "predicted": predicted,
                "n": len(mistakes),
                "share": len(mistakes) / int(sizes[str(actual)]),
                "clips": list(surest),
            }
        )
    return sorted(pairs, key=lambda pair: (-pair["n"], -pair["share"], pair["actual"], pair["predicted"]))[:_MOST]


def _draw_picture(preview: "Preview") -> str:
    return base64.b64encode(plots.render_preview(preview)).decode()
