"""Features and genres meet: one estimator, chosen, fitted and tested fold by fold.

Everything that is fitted (scaling, hyper-parameters, calibration, the classifier) is fitted anew on each
fold's training clips. A `Task` is the whole of one fold's work and knows nothing but its own arrays, so
that tasks of many cells can be done side by side, here or on other machines.
"""

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from threadpoolctl import threadpool_limits

from regenre import fitting, models, tables
from regenre.errors import UserError
from regenre.fitting import Fitted, Learner, Words
from regenre.splits import Fold


@dataclass(frozen=True)
class Values:
    """Features of all clips.

    Parameters
    ----------
    array : a row a clip, of objects where one column is texts; or, with `lengths`, the frames of all clips one after
        the other
    lengths : frames a clip
    columns : names of the rows' columns
    words : of the column of texts
    """

    array: np.ndarray
    lengths: np.ndarray | None = None
    columns: tuple[str, ...] = ()
    words: Words | None = None

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The given clips: a matrix, or an object array of sequences."""
        if self.lengths is None:
            return self.array[rows]
        ends = np.cumsum(self.lengths)
        sequences = np.empty(len(rows), dtype=object)
        sequences[:] = [self.array[ends[row] - self.lengths[row] : ends[row]] for row in rows]
        return sequences


@dataclass(frozen=True)
class Task:
    """One fit: a fold of a cell, or the cell's model when nobody is tested.

    Parameters
    ----------
    cell : its name, for errors
    genre, group : of every clip
    fold : who is fitted on and who is tested
    inner : folds to choose hyper-parameters by, positions in `fold.fit`
    metric : scikit-learn's name of the score to choose by
    keep : return the fitted estimator too
    """

    cell: str
    learner: Learner
    values: Values
    genre: np.ndarray
    group: np.ndarray
    fold: Fold
    inner: Sequence[Fold]
    metric: str
    keep: bool = False


@dataclass(frozen=True)
class Result:
    """What a task yields: `proba` has a row a tested clip and a column for each of `genres`."""

    genres: np.ndarray
    proba: np.ndarray
    chosen: dict[str, Any]
    score: float | None
    warnings: list[str]
    model: bytes
    seconds: float


def work(task: Task) -> Result:
    """Choose, fit, test.

    Raises
    ------
    UserError
        scikit-learn refuses: too few clips, a parameter that does not exist.
    """
    started = time.perf_counter()
    test = task.fold.test
    with in_one_thread(task) as said:
        estimator, chosen, score = fitted_on_fold(task)
        n_genres = len(estimator.classes_)
        proba = estimator.predict_proba(task.values.of(test)) if len(test) else np.empty((0, n_genres))
        model = models.dumps(estimator) if task.keep else b""
    return Result(estimator.classes_, proba, chosen, score, said, model, time.perf_counter() - started)


def fitted_on_fold(task: Task) -> Fitted:
    """`fitting.fitted` on the clips of a task's fold."""
    fit, values = task.fold.fit, task.values
    return fitting.fitted(
        task.learner, values.of(fit), task.genre[fit], task.group[fit], task.inner, task.metric, values.words
    )


def predictions(clips: pd.DataFrame, folds: list[Fold], results: list[Result]) -> pd.DataFrame:
    """Put the results of a cell's folds together.

    Returns
    -------
    columns `tables.PREDICTIONS` and `proba__<genre>`, a row a tested clip and fold
    """
    columns = [tables.PROBA + genre for genre in sorted(clips["genre"].unique())]
    tested = []
    for number, (fold, result) in enumerate(zip(folds, results, strict=True)):
        rows = clips.iloc[fold.test][["clip_id", "group"]].reset_index(drop=True)
        rows = rows.assign(
            fold=number,
            actual=clips["genre"].iloc[fold.test].to_numpy(),
            predicted=result.genres[result.proba.argmax(axis=1)],
        )
        shares = pd.DataFrame(result.proba, columns=[tables.PROBA + genre for genre in result.genres])
        tested.append(pd.concat([rows, shares.reindex(columns=columns, fill_value=0.0)], axis=1))
    return pd.concat(tested, ignore_index=True)


@contextmanager
def in_one_thread(task: Task) -> Iterator[list[str]]:
    """Where a task's estimator is fitted and asked: one level of parallelism; what goes wrong is said or recorded."""
    with _said_with(task), threadpool_limits(1), _recorded() as said:
        yield said


@contextmanager
def _said_with(task: Task) -> Iterator[None]:
    """What scikit-learn refuses, said with the cell's name and the number of clips."""
    try:
        yield
    except (ValueError, UserError) as error:
        complaint = str(error).strip().splitlines()[0]
        raise UserError(f"{task.cell}, {len(task.fold.fit)} training clips: {complaint}") from error


@contextmanager
def _recorded() -> Iterator[list[str]]:
    """What did not converge, could not be tried or rests on too few clips, each once; other warnings go their way."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        for category in (FitFailedWarning, UserWarning):  # a ConvergenceWarning is a UserWarning
            warnings.simplefilter("always", category)
        yield said
    for warning in caught:
        of_scikit_learn = issubclass(warning.category, UserWarning) and "sklearn" in Path(warning.filename).parts
        if of_scikit_learn or issubclass(warning.category, (ConvergenceWarning, FitFailedWarning)):
            said.append(" ".join(str(warning.message).split()))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    said[:] = sorted(set(said))
