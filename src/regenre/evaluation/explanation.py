"""Why a model answers as it does: what each family adds to the probability, and which training clips are nearest.

The Shapley value of a family (Shapley 1953; Lundberg and Lee 2017, eq. 8) is what it adds to the probability of the
predicted genre, averaged over all orders in which the families may join. A family that has not joined has the
values of a training clip instead, and the probability is averaged over the training clips of the background. So the
values sum to the probability less its mean over the background.

    Training          what a model was fitted on
    Explanation       why it answers as it does
    explain_clip      features of a clip -> explanation
    compute_shapley   features of a clip -> Shapley values of groups of columns
    find_nearest      features of a clip -> the nearest training clips
    explain_tested    tested clips of a cell -> the table of reports/explanations.csv
    choose_mistakes   predictions -> the clips of the surest mistakes
    COLUMNS           of that table
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.feature_selection import VarianceThreshold
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from regenre.common.errors import UserError
from regenre.common.tables import PROBA, list_genres
from regenre.learning.plan import PlannedCell
from regenre.learning.tasks import Task, fit_fold, supervise

MOST_EXACT = 10  # families whose 2^n coalitions are all computed
N_BACKGROUND = 100  # training clips, at most
N_ORDERS = 1000  # of more families, drawn in all
N_NEAREST = 3
FAMILY, CLIP = "family", "clip"  # kinds of rows of the table
COLUMNS = ["clip_id", "genre", "predicted_genre", "proba", "background", "part", "of", "of_genre", "value", "error"]
_MOST_MIXED = 25_600  # rows to predict for the exact values of a clip: a minute of a slow model
_ROWS = 1024  # given to a model at once


@dataclass(frozen=True)
class Training:
    """What a model was fitted on.

    Attributes
    ----------
    X : features, shape (n_clips, n_columns)
    columns : names of the columns, `<family>__...`
    clips : row of the clip table for each row
    seed : of the draws
    """

    X: np.ndarray
    columns: Sequence[str]
    clips: pd.DataFrame
    seed: int

    @classmethod
    def select(cls, cell: PlannedCell, rows: np.ndarray) -> "Training":
        """Return these clips of a cell.

        Raises
        ------
        UserError
            The classifier reads frames, and so has no columns that another clip could fill.
        """
        if cell.values.lengths is not None:
            raise UserError(f"{cell.name} reads frames; they are computed for classifiers that read rows")
        X, clips = cell.values.select(rows), cell.clips.iloc[rows].reset_index(drop=True)
        return cls(X, cell.values.columns, clips, cell.plan.seed)

    @property
    def background(self) -> np.ndarray:
        """Rows that stand for a family that is absent, drawn without replacement.

        `N_BACKGROUND` at most; 50 for nine families and 25 for ten, whose coalitions are many.
        """
        n_families, rng = len(self.blocks), np.random.default_rng([self.seed, 19])
        n = min(N_BACKGROUND, _MOST_MIXED >> n_families) if n_families <= MOST_EXACT else N_BACKGROUND
        return self.X[np.sort(rng.permutation(len(self.X))[:n])]

    @property
    def blocks(self) -> dict[str, np.ndarray]:
        """Family -> places of its columns."""
        families = np.array([column.partition("__")[0] for column in self.columns])
        return {str(name): np.flatnonzero(families == name) for name in dict.fromkeys(families)}


@dataclass(frozen=True)
class Explanation:
    """Why a model answers as it does.

    Attributes
    ----------
    genre, proba : the predicted genre and its probability
    background, n_background : mean probability of that genre over the background, and number of its clips
    families : family, value (Shapley value) and error (standard error; 0 if exact), the largest value first; no rows
        for a single family
    nearest : clip_id, genre, path and distance of the nearest training clips (`find_nearest`)
    """

    genre: str
    proba: float
    background: float
    n_background: int
    families: pd.DataFrame
    nearest: pd.DataFrame


def explain_clip(estimator: Any, x: np.ndarray, training: Training) -> Explanation:
    """Explain the answer to one clip.

    Parameters
    ----------
    estimator : fitted on `training`
    x : features of the clip, shape (n_columns,)
    """
    place = int(estimator.predict_proba(x[None])[0].argmax())

    def predict(X: np.ndarray) -> np.ndarray:
        proba: np.ndarray = estimator.predict_proba(X)[:, place]
        return proba

    blocks, background = training.blocks, training.background
    values, errors = np.empty(0), np.empty(0)
    if len(blocks) > 1:
        values, errors = compute_shapley(predict, x, background, list(blocks.values()), training.seed)
    families = pd.DataFrame({"family": list(blocks)[: len(values)], "value": values, "error": errors})
    return Explanation(
        str(estimator.classes_[place]),
        float(predict(x[None])[0]),
        float(predict(background).mean()),
        len(background),
        families.sort_values(["value", "family"], ascending=[False, True], ignore_index=True),
        find_nearest(estimator, x, training),
    )


def compute_shapley(
    predict: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    background: np.ndarray,
    blocks: Sequence[np.ndarray],
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the Shapley value of each group of columns, exact for up to `MOST_EXACT` groups.

    Of more groups, orders are drawn (Castro, Gomez and Tejada 2009, algorithm 1), as many for each row of the
    background. The values sum to `predict(x) - predict(background).mean()` either way.

    Parameters
    ----------
    predict : features of shape (n, n_columns) -> values of shape (n,)
    x : features of the clip, shape (n_columns,)
    background : features of other clips, shape (n_background, n_columns)
    blocks : places of the columns of each group

    Returns
    -------
    values, errors : Shapley values and their standard errors, which are 0 if exact, shape (n_groups,)
    """
    n, n_rows = len(blocks), len(background)
    group = np.empty(len(x), dtype=int)
    for number, places in enumerate(blocks):
        group[places] = number

    def mix(joined: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Predict clips that have the groups of `joined` from x, and the others from these rows of the background."""
        starts = range(0, len(rows), _ROWS)
        parts = [(joined[start : start + _ROWS], rows[start : start + _ROWS]) for start in starts]
        steps = tqdm(parts, desc="families", leave=False, disable=None)
        return np.concatenate([predict(np.where(own[:, group], x, background[part])) for own, part in steps])

    if n <= MOST_EXACT:
        numbers = np.arange(2**n)
        joined = (numbers[:, None] >> np.arange(n) & 1).astype(bool)
        worth = mix(np.repeat(joined, n_rows, axis=0), np.tile(np.arange(n_rows), len(joined)))
        worth = worth.reshape(len(joined), n_rows).mean(axis=1)
        values = np.empty(n)
        weights = 1 / (n * np.array([math.comb(n - 1, size) for size in range(n)]))
        for number in range(n):
            without = numbers[~joined[:, number]]
            gains = worth[without | 1 << number] - worth[without]
            values[number] = weights[joined[without].sum(axis=1)] @ gains
        return values, np.zeros(n)
    rng = np.random.default_rng([seed, 23])
    rows = np.repeat(np.arange(n_rows), max(1, round(N_ORDERS / n_rows)))
    ranks = rng.permuted(np.tile(np.arange(n), (len(rows), 1)), axis=1)  # the place of each group in an order
    joined = ranks[:, None, :] < np.arange(n + 1)[:, None]
    worth = mix(joined.reshape(-1, n), np.repeat(rows, n + 1)).reshape(len(rows), n + 1)
    gains = np.take_along_axis(np.diff(worth, axis=1), ranks, axis=1)
    return gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(len(rows))


def find_nearest(estimator: Any, x: np.ndarray, training: Training) -> pd.DataFrame:
    """Return the `N_NEAREST` nearest training clips: clip_id, genre, path, distance.

    The distance is Euclidean in what the classifier reads, over the square root of the number of its columns. Columns
    that the model does not scale, as those of trees, are standardised on the training clips first.
    """
    space = _find_space(estimator) or make_pipeline(VarianceThreshold(), StandardScaler()).fit(training.X)
    rows = space.transform(training.X)
    finder = NearestNeighbors(n_neighbors=min(N_NEAREST, len(rows)), algorithm="brute").fit(rows)
    distances, places = finder.kneighbors(space.transform(x[None]))
    clips: pd.DataFrame = training.clips[["clip_id", "genre", "path"]].iloc[places[0]].reset_index(drop=True)
    return clips.assign(distance=distances[0] / np.sqrt(rows.shape[1]))


def _find_space(estimator: Any) -> Pipeline | None:
    """Return the steps before the classifier; of a vote those of the first member that has some."""
    if hasattr(estimator, "calibrated_classifiers_"):
        return _find_space(estimator.calibrated_classifiers_[0].estimator)
    if hasattr(estimator, "estimators_") and not isinstance(estimator, Pipeline):
        return next(filter(None, map(_find_space, estimator.estimators_)), None)
    if not isinstance(estimator, Pipeline):  # a frozen member of a vote
        return _find_space(estimator.estimator) if hasattr(estimator, "estimator") else None
    return estimator[:-1] if len(estimator) > 1 else None


def explain_tested(cell: PlannedCell, clip_ids: Sequence[str]) -> pd.DataFrame:
    """Explain the answers to tested clips, each by the model of its fold, which did not see it.

    Returns
    -------
    `COLUMNS`; for each clip the rows of its families (`part` is family: `value` is the Shapley value of `of`), then
    those of the nearest clips (`part` is clip: `value` is the distance of `of`, `of_genre` its genre). No rows for
    clips that the cell does not test, and for a classifier that reads frames.
    """
    if cell.values.lengths is not None:
        return pd.DataFrame(columns=COLUMNS)
    ids = cell.clips["clip_id"].to_numpy(dtype=object)
    tasks = [
        (task, task.fold.test[np.isin(ids[task.fold.test], clip_ids)]) for task in cell.tasks[: len(cell.deal.folds)]
    ]
    parts = Parallel(return_as="list")(
        delayed(_explain_fold)(task, Training.select(cell, task.fold.fit), rows) for task, rows in tasks if len(rows)
    )
    rows = [row for _, tested in tasks for row in tested]
    explained = dict(zip(rows, [found for part in parts for found in part], strict=True))
    tables = [
        _tabulate(explained[row], cell.clips.iloc[row])
        for row in sorted(rows, key=lambda row: clip_ids.index(ids[row]))
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)


def choose_mistakes(predictions: pd.DataFrame, n: int) -> list[str]:
    """Return the clips of the n mistakes whose predicted genre is most probable."""
    wrong = predictions[predictions["actual"] != predictions["predicted"]]
    proba = wrong[[PROBA + genre for genre in list_genres(wrong)]].max(axis=1)
    by_proba = wrong.assign(proba=proba).sort_values(["proba", "clip_id"], ascending=[False, True])
    return list(by_proba["clip_id"].head(n))


def _explain_fold(task: Task, training: Training, rows: np.ndarray) -> list[Explanation]:
    with supervise(task):
        estimator = fit_fold(task).estimator
        return [explain_clip(estimator, x, training) for x in task.values.select(rows)]


def _tabulate(found: Explanation, clip: pd.Series) -> pd.DataFrame:
    families = found.families.rename(columns={"family": "of"}).assign(part=FAMILY, of_genre="")
    nearest = found.nearest.rename(columns={"clip_id": "of", "genre": "of_genre", "distance": "value"})
    table = pd.concat([families, nearest.assign(part=CLIP, error=0.0)], ignore_index=True)
    facts = {"clip_id": clip["clip_id"], "genre": clip["genre"], "predicted_genre": found.genre}
    return table.assign(**facts, proba=found.proba, background=found.background)[COLUMNS]
