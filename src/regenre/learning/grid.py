"""Fit the cells of a grid side by side, as one pool of tasks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from regenre.learning import tasks
from regenre.learning.cells import Cell
from regenre.learning.plan import PlannedCell


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


def fit_cells(cells: Sequence[PlannedCell], folder: Path) -> Iterator[FittedCell]:
    """Fit cells in the processes that `compute` offers; write each into `folder` as soon as its fits are done.

    Parameters
    ----------
    folder : each cell becomes a folder of its name in it
    """
    calls = (delayed(tasks.run_task)(task) for cell in cells for task in cell.tasks)
    results = Parallel(return_as="generator")(calls) if cells else iter(())
    for planned in tqdm(cells, desc="train", unit=" cells", disable=None):
        own = [next(results) for _ in planned.tasks]
        cell, predictions, model = tasks.assemble_cell(planned.plan, planned.inputs, planned.clips, planned.tasks, own)
        cell.write(folder / planned.name, predictions, model)
        yield FittedCell(cell, predictions, sum(result.seconds for result in own))
