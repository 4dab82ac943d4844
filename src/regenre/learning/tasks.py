"""Tasks: fit one estimator on one fold and test it; then join the results of a cell's folds.

Features and genres meet here. Everything that is fitted is fitted anew on each fold's training clips. A `Task` holds
all that a fit needs, so tasks of many cells can run side by side, on this machine or on others.

    Values         features of all clips
    Task, Result   one fit: what goes in, what comes out
    run_task       choose, fit, test
    select_training  clips of a task to fit on, with their copies
    score_inner    the score on the inner folds, for a sweep
    assemble_cell  a cell's results -> its record, predictions and model
"""

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.metrics import get_scorer

from regenre.common import files, tables
from regenre.common.errors import UserError, join_lines
from regenre.common.threads import limit_threads
from regenre.learning import estimator, models, splits
from regenre.learning.cells import Cell, CellPlan, FoldSizes, Search
from regenre.learning.estimator import Fit, Learner
from regenre.learning.splits import Fold

if TYPE_CHECKING:
    from regenre.learning.words import Words


@dataclass(frozen=True)
class Values:
    """Features of all clips.

    Parameters
    ----------
    array : one row per clip (objects if a column holds texts); or, with `lengths`, the frames of all clips, one clip
        after the other
    lengths : number of frames of each clip
    columns : names of the columns; empty for frames
    words : the column of texts
    copies : the features of the first changed copy of every clip, of the second, ...; see `select_training`
    """

    array: np.ndarray
    lengths: np.ndarray | None = None
    columns: tuple[str, ...] = ()
    words: "Words | None" = None
    copies: tuple["Values", ...] = ()

    def store(self, folder: Path) -> "Values":
        """Return the same values in a memory map: other processes are sent the path of its file. Texts stay here."""
        if self.array.dtype == object:
            return self
        path = folder / f"{self._own_md5}.npy"
        if not path.is_file():
            files.write_atomically(path, self._write_array)
        copies = tuple(copy.store(folder) for copy in self.copies)
        return replace(self, array=np.load(path, mmap_mode="r"), copies=copies)

    def _write_array(self, path: Path) -> None:
        with path.open("wb") as stream:  # numpy would append .npy to a name
            np.save(stream, self.array)

    def __getstate__(self) -> dict[str, Any]:
        array: Any = self.array
        return self.__dict__ | ({"array": Path(str(array.filename)).absolute()} if isinstance(array, np.memmap) else {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        array = state["array"]
        self.__dict__.update(state, array=np.load(array, mmap_mode="r") if isinstance(array, Path) else array)

    def select(self, rows: np.ndarray) -> np.ndarray:
        """Return these clips: a matrix, or an object array of sequences."""
        # an array from another process has a dtype object of its own; scikit-learn's KD-tree then copies what it would
        # share, so the bytes of the model would depend on the number of processes
        array: np.ndarray = np.asarray(self.array).view(self.array.dtype.str)
        if self.lengths is None:
            matrix: np.ndarray = array[rows]
            return matrix
        ends = np.cumsum(self.lengths)
        sequences = np.empty(len(rows), dtype=object)
        sequences[:] = [array[ends[row] - self.lengths[row] : ends[row]] for row in rows]
        return sequences

    @property
    def md5(self) -> str:
        """Digest of the values, and of the copies'."""
        return "".join([self._own_md5, *(copy.md5 for copy in self.copies)])

    @cached_property
    def _own_md5(self) -> str:
        return digest_arrays([self.array, *([] if self.lengths is None else [self.lengths])])


def digest_arrays(arrays: Sequence[np.ndarray]) -> str:
    """Return the MD5 of arrays of numbers or of text: of their types, shapes and contents."""
    digest = md5(usedforsecurity=False)
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape} ".encode())
        if array.dtype == object:
            digest.update("\0".join(map(repr, array.ravel())).encode())
        else:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Task:
    """One fit: a fold of a cell; or the cell's model, which tests no clip.

    Parameters
    ----------
    cell : name, for errors
    genre, group : of every clip
    fold : which clips to fit on and which to test
    inner : folds to choose hyper-parameters by; positions in `fold.fit`
    metric : scikit-learn's name of the score to choose by
    keep : whether to return the fitted estimator
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
    """What a task returns: `proba` has one row per tested clip and one column for each of `genres`."""

    genres: np.ndarray
    proba: np.ndarray
    chosen: dict[str, Any]
    score: float | None
    warnings: list[str]
    model: bytes
    seconds: float


def run_task(task: Task) -> Result:
    """Choose hyper-parameters, fit, and test.

    Raises
    ------
    UserError
        scikit-learn refuses: too few clips, or a parameter that does not exist.
    """
    start = time.perf_counter()
    test = task.fold.test
    with supervise(task) as messages:
        fit = fit_fold(task)
        genres = fit.estimator.classes_
        proba = fit.estimator.predict_proba(task.values.select(test)) if len(test) else np.empty((0, len(genres)))
        model = models.dump_model(fit.estimator) if task.keep else b""
    return Result(genres, proba, fit.chosen, fit.score, messages, model, time.perf_counter() - start)


def score_inner(task: Task) -> float:
    """Return the mean score of a task's learner on its inner folds; no tested clip is read.

    Of values to choose from, the first is taken.

    Raises
    ------
    UserError
        There is no inner fold, or scikit-learn refuses.
    """
    if not task.inner:
        raise UserError(f"{task.cell}: too few groups for inner folds; use fewer folds or add clips")
    rows, values = task.fold.fit, task.values
    scores = []
    with supervise(task):
        for part in task.inner:
            training, test = select_training(task, rows[part.fit]), rows[part.test]
            fitted = estimator.fit(task.learner, *training, (), task.metric, values.words, len(values.copies)).estimator
            scores.append(get_scorer(task.metric)(fitted, values.select(test), task.genre[test]))
    return float(np.mean(scores))


def fit_fold(task: Task) -> Fit:
    """Fit a task's learner on the clips of its fold, and on their copies."""
    rows, values = task.fold.fit, task.values
    n_copies = len(values.copies)
    inner = [splits.add_copies(part, len(rows), n_copies) for part in task.inner]
    training = select_training(task, rows)
    return estimator.fit(task.learner, *training, inner, task.metric, values.words, n_copies)


def select_training(task: Task, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, genres and groups of clips to fit on: first the clips, then the first copy of each, ..."""
    parts = [values.select(rows) for values in (task.values, *task.values.copies)]
    X = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return X, np.tile(task.genre[rows], len(parts)), np.tile(task.group[rows], len(parts))


def join_predictions(clips: pd.DataFrame, folds: Sequence[Fold], results: Sequence[Result]) -> pd.DataFrame:
    """Join the results of a cell's folds.

    Returns
    -------
    columns `tables.PREDICTIONS` and `proba__<genre>`, one row per tested clip and fold, six decimals as on disk
    """
    columns = [tables.PROBA + genre for genre in sorted(clips["genre"].unique())]
    parts = []
    for number, (fold, result) in enumerate(zip(folds, results, strict=True)):
        rows = clips.iloc[fold.test][["clip_id", "group"]].reset_index(drop=True)
        rows = rows.assign(
            fold=number,
            actual=clips["genre"].iloc[fold.test].to_numpy(),
            predicted=result.genres[result.proba.argmax(axis=1)],
        )
        proba = pd.DataFrame(result.proba, columns=[tables.PROBA + genre for genre in result.genres])
        parts.append(pd.concat([rows, proba.reindex(columns=columns, fill_value=0.0)], axis=1))
    return pd.concat(parts, ignore_index=True).round(6)


def assemble_cell(
    plan: CellPlan, inputs: str, clips: pd.DataFrame, tasks: Sequence[Task], results: Sequence[Result]
) -> tuple[Cell, pd.DataFrame, bytes]:
    """Return a cell's record, its predictions and its model.

    Parameters
    ----------
    inputs : digest of everything that decides the cell
    tasks : one per fold, then the model's if there are several folds
    results : of these tasks
    """
    n_folds = len(plan.folds)
    searches = [
        Search(
            fold=number if number < n_folds else None,
            chosen=result.chosen,
            score=None if result.score is None else round(result.score, 6),
            inner_folds=[FoldSizes(**part.sizes) for part in task.inner],
            warnings=result.warnings,
        )
        for number, (task, result) in enumerate(zip(tasks, results, strict=True))
    ]
    predictions = join_predictions(clips, [task.fold for task in tasks[:n_folds]], results[:n_folds])
    return Cell(plan, inputs, searches, {}), predictions, results[-1].model


@contextmanager
def supervise(task: Task) -> Iterator[list[str]]:
    """Run one level of parallelism; add scikit-learn's warnings to the list, and the cell's name to its errors.

    On a cluster joblib would send the parts of a search to other workers, and the features with them.
    """
    with _name_errors(task), limit_threads(), parallel_config("sequential"), _record_warnings() as messages:
        yield messages


@contextmanager
def _name_errors(task: Task) -> Iterator[None]:
    """Add the cell's name and the number of clips to what scikit-learn refuses."""
    try:
        yield
    except (ValueError, UserError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{task.cell}, {len(task.fold.fit)} training clips: {reason}") from error


@contextmanager
def _record_warnings() -> Iterator[list[str]]:
    """List scikit-learn's warnings, each once; let other warnings pass."""
    messages: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        for category in (FitFailedWarning, UserWarning):  # a ConvergenceWarning is a UserWarning
            warnings.simplefilter("always", category)
        yield messages
    for warning in caught:
        from_sklearn = issubclass(warning.category, UserWarning) and "sklearn" in Path(warning.filename).parts
        if from_sklearn or issubclass(warning.category, (ConvergenceWarning, FitFailedWarning)):
            messages.append(join_lines(str(warning.message)))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    messages[:] = sorted(set(messages))
