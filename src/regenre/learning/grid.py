"""Fit the cells of a grid side by side, as one pool of tasks.

fit_cells      fit and write
share_tables   what tasks read, in files
estimate_fits  how long a cell will take
score_inner    the score that a sweeper optimises
"""

import math
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from regenre.learning import tasks
from regenre.learning.cells import Cell
from regenre.learning.estimator import Learner
from regenre.learning.plan import PlannedCell
from regenre.learning.splits import NOBODY, Fold
from regenre.learning.tasks import Task

MANY = 20_000  # training clips, from which on the time of a cell's fits is estimated first
LONG_S = 3600.0
FOR_SIZE = "svm_rbf_nystroem and sgd"
_TRIALS = (1000, 2000)  # clips


@dataclass(frozen=True)
class FittedCell:
    """A cell that was fitted and written.

    Attributes
    ----------
    seconds : of all its fits
    """

    cell: Cell
    predictions: pd.DataFrame
    seconds: float


def score_inner(planned: PlannedCell, folder: Path) -> float:
    """Return the mean of a fitted cell's scores on the inner folds of its folds.

    This is what a sweeper may optimise: the accuracy on tested clips would choose by what should be tested.
    """
    searches = Cell.read(folder / planned.name).searches[: len(planned.deal.folds)]
    scores = [
        tasks.score_inner(task) if search.score is None else search.score
        for search, task in zip(searches, planned.tasks, strict=False)
    ]
    return float(np.mean(scores))


def estimate_fits(cell: PlannedCell) -> tuple[float, float]:
    """Return the seconds that all fits of a cell will take, and the exponent of their growth with the number of clips.

    Both are extrapolated from one fit on `_TRIALS[0]` and one on `_TRIALS[1]` clips of its first fold.
    """
    task = cell.tasks[0]
    order = np.random.default_rng(0).permutation(task.fold.fit)
    seconds = [_time_fit(task, order[:n]) for n in _TRIALS]
    exponent = max(1.0, float(np.log(seconds[1] / seconds[0]) / np.log(_TRIALS[1] / _TRIALS[0])))
    n_fits = [1 + len(each.inner) * _count_candidates(each.learner) for each in cell.tasks]
    sizes = [len(each.fold.fit) / _TRIALS[1] for each in cell.tasks]
    return seconds[1] * sum(n * size**exponent for n, size in zip(n_fits, sizes, strict=True)), exponent


def _time_fit(task: Task, rows: np.ndarray) -> float:
    start = time.perf_counter()
    tasks.run_task(replace(task, fold=Fold(np.sort(rows), NOBODY), inner=(), keep=False))
    return time.perf_counter() - start


def _count_candidates(learner: Learner) -> int:
    if learner.members:
        return sum(map(_count_candidates, learner.members.values()))
    return math.prod(map(len, learner.search.values())) if learner.search else 0


def warn_of_size(cell: PlannedCell) -> str:
    """Return a warning, in one line, if a cell of many clips will take long to fit; else ""."""
    n = len(cell.tasks[0].fold.fit)
    if n < MANY:
        return ""
    seconds, exponent = estimate_fits(cell)
    if seconds < LONG_S:
        return ""
    return (
        f"{cell.name}: about {seconds / 3600:.1f} h of fits on {n} clips (they grow as clips ** {exponent:.1f});"
        f" for so many clips there are {FOR_SIZE}"
    )


def fit_cells(cells: Sequence[PlannedCell], folder: Path) -> Iterator[FittedCell]:
    """Fit cells in the processes that `compute` offers; write each into `folder` as soon as its fits are done.

    Parameters
    ----------
    folder : each cell becomes a folder of its name in it
    """
    with share_tables(cells, folder.with_name(f".{folder.name}.values")) as shared:
        calls = (delayed(tasks.run_task)(task) for cell in shared for task in cell.tasks)
        for line in filter(None, map(warn_of_size, shared)):
            tqdm.write(line)
        results = Parallel(return_as="generator")(calls) if cells else iter(())
        for planned in tqdm(cells, desc="train", unit=" cells", disable=None):
            own = [next(results) for _ in planned.tasks]
            cell, predictions, model = tasks.assemble_cell(
                planned.plan, planned.inputs, planned.clips, planned.tasks, own
            )
            cell.write(folder / planned.name, predictions, model)
            yield FittedCell(cell, predictions, sum(result.seconds for result in own))


@contextmanager
def share_tables(cells: Sequence[PlannedCell], folder: Path) -> Iterator[list[PlannedCell]]:
    """Yield the cells with their values in files of a folder: a task then carries a path and row numbers, no table.

    The workers of a cluster have to see the folder under the same path. It is removed at the end.
    """
    try:
        yield [replace(cell, values=cell.values.store(folder)) for cell in cells]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
