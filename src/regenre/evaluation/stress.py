"""Does a score survive what leaves the genre as it is?

A model that answers by the music gives the same answer if the clip is a little louder, brighter or noisier. One that
has found something else which goes with the labels, such as the sound of a recording, does not: a "horse" (Sturm 2014,
"A simple method to determine if a music information retrieval system is a 'horse'", IEEE Trans. Multimedia 16(6)).

The tested clips of each fold are changed, and the fold's model answers. Nothing is fitted on a changed clip.

    stress_cells   cells and deformations -> the table of reports/stress.csv
    score_answers  answers to unchanged and changed clips -> rows of the table
    COLUMNS        of the table
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from regenre import audio
from regenre.common import tables
from regenre.common.errors import UserError
from regenre.common.files import check_clip
from regenre.common.paths import CellName
from regenre.common.threads import limit_threads
from regenre.deformation.deformation import Deformation, deform
from regenre.evaluation import metrics
from regenre.evaluation.grid import CLEAN, WORST
from regenre.features import extraction
from regenre.features.extraction import Analysis, Features
from regenre.features.family import Family
from regenre.features.pooling import Pooling
from regenre.learning.plan import Build, PlannedCell
from regenre.learning.splits import Split
from regenre.learning.tasks import Task, Values, fit_fold, supervise

_MEASURES = ("accuracy", "difference", "changed")
COLUMNS = [
    *CellName.COLUMNS, "deformation", "action", "irrelevant", "n_clips", "n_groups",
    *(f"{measure}{end}" for measure in _MEASURES for end in ("", "_low", "_high")), "worst_genre", "worst_difference",
]  # fmt: skip


def stress_cells(
    cells: Sequence[PlannedCell], deformations: Mapping[str, Deformation], raw: Path, build: Build, seed: int
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Change the tested clips of each fold and let the fold's model answer, in the processes that `compute` offers.

    Parameters
    ----------
    cells : of one grid
    deformations : name -> deformation
    raw : folder to which `path` of the clip table is relative
    build : as in `Planner`
    seed : of the intervals

    Returns
    -------
    table : `COLUMNS`; for each cell the rows of `score_answers`
    left_out : name of a cell -> why it cannot be stressed

    Raises
    ------
    UserError
        Two deformations cannot be told apart by name or action; a clip is not on this machine, is not what was indexed,
        or cannot be read.
    """
    _check_names(deformations)
    reasons = {cell.name: _explain_unfit(cell, build) for cell in cells}
    left_out = {name: reason for name, reason in reasons.items() if reason}
    cells = [cell for cell in cells if cell.name not in left_out]
    if not cells:
        return pd.DataFrame(columns=COLUMNS), left_out
    tested = np.unique(np.concatenate([fold.test for cell in cells for fold in cell.deal.folds]))
    clips, analysis = cells[0].clips.iloc[tested], _build_analysis(cells, build)
    analysis(extraction.make_probe(analysis.sr))  # compiles before the workers start, as in `extract`
    results = Parallel(return_as="generator")(
        delayed(_deform_clip)(clip_id, raw.absolute() / path, md5, deformations, analysis)
        for clip_id, path, md5 in clips[["clip_id", "path", "md5"]].itertuples(index=False)
    )
    features = list(tqdm(results, total=len(clips), desc="stress", unit=" clips", disable=None))
    parts = [_stress_cell(cell, tested, features, deformations, analysis, seed) for cell in cells]
    return pd.concat(parts, ignore_index=True), left_out


def _check_names(deformations: Mapping[str, Deformation]) -> None:
    actions: dict[str, str] = {}
    for name, deformation in deformations.items():
        if name in (CLEAN, WORST):
            raise UserError(
                f"conf/deformation/{name}.yaml: another name expected, since stress.csv has this; rename it"
            )
        if (other := actions.setdefault(deformation.action, name)) != name:
            raise UserError(
                f"conf/deformation/{name}.yaml: an action of its own expected, that of {other} found; change it"
            )


def _explain_unfit(cell: PlannedCell, build: Build) -> str | None:
    """Return why a cell cannot be stressed: what it reads is not computed from whole clips. None if it can be."""
    splitter: Split = build(cell.plan.split, f"conf/split/{cell.plan.name.split}.yaml", Split)
    if splitter.pieces:
        return f"{cell.plan.name.split} deals pieces of clips"
    tables_read = [name for name, family in cell.plan.features.families.items() if not family.probe]
    return f"{tables_read[0]} is not computed from audio" if tables_read else None


def _build_analysis(cells: Sequence[PlannedCell], build: Build) -> Analysis:
    """Return how all features of the cells are computed; cells of one grid have pooling, rate and window in common."""
    sets = [cell.plan.features for cell in cells]
    settings = {name: family.settings for each in sets for name, family in each.families.items()}
    return Analysis(
        {name: build(leaf, f"conf/family/{name}.yaml", Family) for name, leaf in sorted(settings.items())},
        build(sets[0].pooling, "conf/pooling", Pooling),
        sets[0].audio.sr,
        sets[0].frames.n_fft,
        sets[0].frames.hop_length,
        n_averaged=max((each.sequences.n_averaged for each in sets if each.sequences), default=0),
        loudness=sets[0].audio.loudness,
        floor_db=sets[0].audio.floor_db,
    )


def _deform_clip(
    clip_id: str, path: Path, md5: str, deformations: Mapping[str, Deformation], analysis: Analysis
) -> list[Features]:
    """Return the features of a clip after each deformation."""
    with limit_threads():  # as in extraction
        check_clip(path, md5)
        with audio.name_errors(path):
            samples, sr = audio.decode(path)
        return [
            analysis(audio.convert(deform(deformation, name, samples, sr, clip_id), sr, analysis.sr))
            for name, deformation in deformations.items()
        ]


def _stress_cell(
    cell: PlannedCell,
    tested: np.ndarray,
    features: list[list[Features]],
    deformations: Mapping[str, Deformation],
    analysis: Analysis,
    seed: int,
) -> pd.DataFrame:
    values = [_join(cell, [clip[number] for clip in features], analysis) for number in range(len(deformations))]
    tasks = cell.tasks[: len(cell.deal.folds)]
    places = [np.searchsorted(tested, task.fold.test) for task in tasks]
    answers = Parallel(return_as="list")(
        delayed(_answer)(task, [each.select(rows) for each in values]) for task, rows in zip(tasks, places, strict=True)
    )
    rows = np.concatenate([task.fold.test for task in tasks])
    actual, group = (cell.clips[column].to_numpy(dtype=object)[rows] for column in ("genre", "group"))
    table = score_answers(np.concatenate(answers, axis=1), actual, group, deformations, seed)
    return table.assign(**cell.plan.name.columns)[COLUMNS]


def _join(cell: PlannedCell, features: Sequence[Features], analysis: Analysis) -> Values:
    """Return the features of clips as a cell reads them."""
    families, patterns = sorted(cell.plan.features.families), cell.plan.features.columns
    is_sequence = cell.values.lengths is not None
    if is_sequence:
        families = [name for name in families if name in analysis.framewise]
    name_columns = analysis.name_frame_columns if is_sequence else analysis.name_columns
    places = tables.match_columns([column for name in families for column in name_columns(name)], patterns)
    parts = [np.concatenate([clip[is_sequence][name] for name in families], axis=-1)[..., places] for clip in features]
    if is_sequence:
        return Values(np.concatenate(parts), np.array([len(part) for part in parts]))
    return Values(np.stack(parts))


def _answer(task: Task, changed: list[np.ndarray]) -> np.ndarray:
    """Return the genres that a fold's model names for its tested clips: unchanged, then after each deformation."""
    with supervise(task):
        estimator = fit_fold(task).estimator
        clips = [task.values.select(task.fold.test), *changed]
        return np.stack([estimator.classes_[estimator.predict_proba(X).argmax(axis=1)] for X in clips])


def score_answers(
    answers: np.ndarray, actual: np.ndarray, group: np.ndarray, deformations: Mapping[str, Deformation], seed: int
) -> pd.DataFrame:
    """Score answers to unchanged and to changed clips.

    Parameters
    ----------
    answers : genres, shape (1 + n_deformations, n_clips); the first row is of the unchanged clips
    actual, group : of each clip, shape (n_clips,)
    deformations : name -> deformation, in the order of the rows
    seed : of the bootstrap over groups

    Returns
    -------
    `COLUMNS` without the cell's name. Rows: `CLEAN`, each deformation, and `WORST`, where a clip counts as correct if
    it is so unchanged and under every irrelevant deformation.
        accuracy : with its interval
        difference : accuracy less that of the unchanged clips, paired by clip, with its interval
        changed : share of the clips with another answer than unchanged, with its interval
        worst_genre, worst_difference : the genre whose recall falls most, "" if none falls, and by how much
    """
    irrelevant = np.array([True, *(deformation.irrelevant for deformation in deformations.values())])
    hits, changed = answers == actual, answers != answers[0]
    hits = np.vstack([hits, hits[irrelevant].all(axis=0)])
    changed = np.vstack([changed, changed[irrelevant].any(axis=0)])
    differences = hits.astype(float) - hits[0]
    n_groups = len(np.unique(group.astype(str)))
    scores: dict[str, np.ndarray] = {}
    for name, values in zip(_MEASURES, (hits, differences, changed), strict=True):
        mean, low, high = metrics.average_over_groups(values.T.astype(float), group, seed)
        if name != "difference":
            low, high = metrics.widen_extremes(mean, low, high, n_groups)
        scores |= {name: mean, f"{name}_low": low, f"{name}_high": high}
    scores["changed_high"][0] = 0.0  # of the unchanged clips
    genres = np.unique(actual.astype(str))
    losses = np.stack([differences[:, actual == genre].mean(axis=1) for genre in genres])
    worst = np.where(losses.min(axis=0) < 0, genres[losses.argmin(axis=0)], "")
    return pd.DataFrame(
        {
            "deformation": [CLEAN, *deformations, WORST],
            "action": ["", *(deformation.action for deformation in deformations.values()), ""],
            "irrelevant": [*irrelevant, True], "n_clips": len(actual),
            "n_groups": n_groups, **scores, "worst_genre": worst, "worst_difference": losses.min(axis=0),
        }
    )  # fmt: skip
