"""Scores, comparisons and tables of all cells of a grid: what `evaluate` computes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from regenre.common import tables
from regenre.common.errors import UserError
from regenre.common.files import compute_md5
from regenre.common.kinds import strict_dataclass
from regenre.common.paths import CellName
from regenre.evaluation import comparison, metrics
from regenre.evaluation.comparison import Hits
from regenre.evaluation.metrics import Scores
from regenre.evaluation.suspects import SUSPECTS, find_suspects
from regenre.learning.cells import Cell, TextCounts

CLEAN, WORST = "none", "worst_case"  # rows of stress.csv: unchanged clips, all irrelevant deformations together
RANDOM = "stratified_kfold"  # a random split: its models know the artist's other clips, and so tell most about labels


@dataclass(frozen=True)
class TestedCell:
    """A cell and its predictions."""

    __test__ = False  # no test of pytest's

    cell: Cell
    predictions: pd.DataFrame

    @classmethod
    def read(cls, folder: Path) -> "TestedCell":
        """Read the cell in a folder.

        Raises
        ------
        UserError
            There is no cell, or another version wrote it.
        """
        return cls(Cell.read(folder), tables.read_predictions(folder / "predictions.csv"))

    @property
    def hits(self) -> Hits:
        """Which clips it classifies correctly."""
        return Hits.count(self.predictions, [fold.train + fold.valid for fold in self.cell.plan.folds])


@dataclass(frozen=True)
class Evaluation:
    """The tables of reports/.

    Attributes
    ----------
    summary : one row per cell: names, scores with intervals, what the networks of its features were trained on ("" if
        there are none), indistinguishable from the best of its split
    per_genre : one row per cell and genre
    comparisons : `comparison.compare_with_best` of each split
    leak : `comparison.measure_leak`, one row per cell of a split that is not the most honest
    suspects : labels that are probably wrong
    excluded : clips that are left out, with the reason
    """

    summary: pd.DataFrame
    per_genre: pd.DataFrame
    comparisons: pd.DataFrame
    leak: pd.DataFrame
    suspects: pd.DataFrame
    excluded: pd.DataFrame


def evaluate(dataset: str, cells: Mapping[CellName, TestedCell], clips: pd.DataFrame, seed: int) -> Evaluation:
    """Score all cells and compare them.

    Parameters
    ----------
    cells : of one grid
    clips : the clip table, including the excluded clips
    seed : of the bootstrap
    """
    keys = {name: {"dataset": dataset, **name.columns} for name in cells}
    scores = {name: metrics.score(tested.predictions, seed) for name, tested in cells.items()}
    networks = {name: {"pretrained_on": tested.cell.plan.features.pretrained_on} for name, tested in cells.items()}
    rows = [{**keys[name], **both.cell, **networks[name]} for name, both in scores.items()]
    genres = [both.genres.assign(**keys[name]) for name, both in scores.items()]
    hits = {name: tested.hits for name, tested in cells.items()}
    comparisons = compare_cells(hits, seed)
    first = ["dataset", *CellName.COLUMNS]
    return Evaluation(
        summary=pd.DataFrame(rows).merge(
            comparisons[[*CellName.COLUMNS, "indistinguishable"]], on=list(CellName.COLUMNS)
        ),
        per_genre=pd.concat(genres)[[*first, *genres[0].columns.drop(first)]],
        comparisons=comparisons,
        leak=measure_leaks(hits, seed),
        suspects=_find_suspects(cells, clips),
        excluded=list_excluded(clips, {name.split: tested.cell.plan.excluded for name, tested in cells.items()}),
    )


def compare_cells(hits: Mapping[CellName, Hits], seed: int) -> pd.DataFrame:
    """Compare each split's cells with the best of them (`comparison.compare_with_best`)."""
    splits = dict.fromkeys(name.split for name in hits)
    parts = [{name: cell_hits for name, cell_hits in hits.items() if name.split == split} for split in splits]
    return pd.concat([comparison.compare_with_best(part, seed) for part in parts], ignore_index=True)


def measure_leaks(hits: Mapping[CellName, Hits], seed: int) -> pd.DataFrame:
    """Measure what each other split claims beyond the most honest one (`comparison.measure_leak`): one row per cell."""
    honest = choose_honest(hits)
    rows: list[dict[str, Any]] = []
    for name, cell_hits in hits.items():
        if name.split != honest:
            same = CellName(honest, name.features, name.classifier)
            leak = comparison.measure_leak(hits[same], cell_hits, seed)
            rows.append({**name.columns, "honest_split": honest, **leak})
    columns = [*CellName.COLUMNS, "honest_split", "n_clips", "honest", "claimed", "leak", "leak_low", "leak_high"]
    return pd.DataFrame(rows, columns=columns)


def estimate_best(hits: Mapping[CellName, Hits], seed: int) -> float:
    """Estimate the accuracy of the cell that is chosen under the most honest split (`comparison.estimate_best`)."""
    honest = choose_honest(hits)
    return comparison.estimate_best({name: part for name, part in hits.items() if name.split == honest}, seed)


def find_texts(cells: Iterable[TestedCell]) -> TextCounts | None:
    """Return the counts of the texts that cells of one grid read; None if none reads texts."""
    return next((tested.cell.plan.texts for tested in cells if tested.cell.plan.texts), None)


def choose_honest(names: Mapping[CellName, Any]) -> str:
    """Return the most honest split of these cells."""
    return comparison.choose_honest([name.split for name in names])


def list_excluded(clips: pd.DataFrame, by_split: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """List the clips that are left out and why: faulty clips (split `*`), then what each split leaves out."""
    faulty = clips[clips["status"] != "ok"].assign(split="*")[["clip_id", "split", "fault", "reason"]]
    rows = [
        (clip_id, split, "not_in_split", reason)
        for split, reasons in by_split.items()
        for clip_id, reason in reasons.items()
    ]
    return pd.concat([faulty, pd.DataFrame(rows, columns=faulty.columns)]).sort_values(["split", "clip_id"])


@strict_dataclass
class StudyChoice:
    """The record of the cell that `study` and `stress` look at closely: it changes when that cell does.

    Parameters
    ----------
    cell : its name
    inputs : digest of what decides it
    predictions : MD5 of its predictions
    """

    FORMAT: ClassVar[int] = 5

    cell: str
    inputs: str
    predictions: str


@strict_dataclass
class StressChoice(StudyChoice):
    """What `stress` looks at: the cell, and others with the digest of what decides each."""

    others: dict[str, str]


def find_cell(cells: Iterable[CellName], text: str, key: str) -> CellName:
    """Return the cell of this name; `key` is the setting that has it.

    Raises
    ------
    UserError
        There is none.
    """
    names = {str(name): name for name in cells}
    if text not in names:
        raise UserError(f"{key}: a cell of the grid expected ({', '.join(names)}), {text!r} found; choose one")
    return names[text]


def choose_cells(
    evaluation: Evaluation,
    cells: Mapping[CellName, TestedCell],
    folder: Path,
    text: str | None,
    stressed: list[str],
) -> tuple[StudyChoice, StressChoice]:
    """Return what `study` and `stress` look at: the cell of this name (`find_cell`) or the best one, and the rest."""
    best = CellName.read_row(select_best(evaluation.summary).to_dict())
    name = best if text is None else find_cell(cells, text, "study.cell")
    others = {other: cells[find_cell(cells, other, "stress.cells")].cell.inputs for other in stressed}
    chosen = (str(name), cells[name].cell.inputs, compute_md5(folder / str(name) / "predictions.csv"))
    return StudyChoice(*chosen), StressChoice(*chosen, others)


@strict_dataclass
class Study:
    """The record study.json: the cell that was studied, and its answers in sentences.

    Parameters
    ----------
    more_data : whether more data is needed
    projection : what the axes of map.csv are
    """

    FORMAT: ClassVar[int] = 2

    cell: str
    more_data: str
    projection: str


def read_summary(path: Path) -> pd.DataFrame:
    """Read summary.csv, for `select_best`."""
    summary = tables.read_report(path, ["dataset", *CellName.COLUMNS, "accuracy"])
    if summary.empty:
        raise UserError(f"{path}: a row for each cell expected, none found; run `dvc repro --force evaluate`")
    return summary


def select_best(summary: pd.DataFrame) -> pd.Series:
    """Return the row with the highest accuracy under the most honest split of the grid."""
    rows = summary[summary["split"] == comparison.choose_honest(list(summary["split"]))]
    return rows.iloc[int(rows["accuracy"].to_numpy().argmax())]


def select_cell(table: pd.DataFrame, name: CellName) -> pd.DataFrame:
    """Return the rows of a cell of the grid."""
    return table[np.logical_and.reduce([table[key].to_numpy(object) == value for key, value in name.columns.items()])]


def read_scores(summary: pd.DataFrame, per_genre: pd.DataFrame, name: CellName) -> Scores:
    """Return the scores of a cell of the grid, as `evaluate` wrote them: with six decimals.

    Raises
    ------
    UserError
        The tables lack the cell.
    """
    rows = select_cell(summary, name)
    if rows.empty:
        raise UserError(f"reports/summary.csv: a row of {name} expected, none found; run `dvc repro`")
    counts, ends = ("n_clips", "n_groups", "n_folds"), ("", "_low", "_high")
    names = [*counts, *(f"{score}{end}" for score in metrics.SCORES for end in ends)]
    genres = select_cell(per_genre, name).drop(columns=["dataset", *CellName.COLUMNS])
    return Scores({score: float(rows[score].iloc[0]) for score in names}, genres.reset_index(drop=True))


def describe_best(evaluation: Evaluation) -> dict[str, Any]:
    """Return the best cell under the most honest split: its name, its accuracy, and the most that others claim."""
    best = select_best(evaluation.summary)
    scores = {name: round(float(best[name]), 6) for name in ("accuracy", "accuracy_low", "accuracy_high")}
    leaks = evaluation.leak
    same = leaks[(leaks["features"] == best["features"]) & (leaks["classifier"] == best["classifier"])]
    leak = {"leak": round(float(same["leak"].max()), 6)} if len(same) else {}
    name = str(CellName.read_row(best.to_dict()))
    return {**scores, **leak, "cell": name, "n_clips": int(best["n_clips"]), "n_groups": int(best["n_groups"])}


def select_genres_of_best(summary: pd.DataFrame, per_genre: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the per-genre scores of the best cell under every split, and the figure's title."""
    best = select_best(summary)
    rows = per_genre[(per_genre["features"] == best["features"]) & (per_genre["classifier"] == best["classifier"])]
    return rows, f"{best['dataset']}: F1 by genre, {best['features']} with {best['classifier']}"


def _find_suspects(cells: Mapping[CellName, TestedCell], clips: pd.DataFrame) -> pd.DataFrame:
    """Find suspect labels by the random split's cells, or else by every cell that tests whole clips."""
    at_random = [tested.predictions for name, tested in cells.items() if name.split == RANDOM]
    clip_ids = set(clips["clip_id"])
    whole = [tested.predictions for tested in cells.values() if set(tested.predictions["clip_id"]) <= clip_ids]
    predictions = at_random or whole
    return find_suspects(predictions) if predictions else pd.DataFrame(columns=SUSPECTS)
