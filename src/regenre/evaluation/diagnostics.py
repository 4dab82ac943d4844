"""Diagnostics of one cell: would more data help, and how much does each family contribute?

    measure_learning_curve  fit the cell on parts of its training groups; a power law through the accuracies
    measure_importance      accuracy lost when a family's columns are shuffled among the tested clips

Both are fitted and tested on the cell's own folds, with its own search inside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from regenre.common.errors import UserError
from regenre.evaluation import metrics
from regenre.learning import splits
from regenre.learning.plan import PlannedCell
from regenre.learning.splits import Fold
from regenre.learning.tasks import Result, Task, fit_fold, run_task, supervise

AHEAD = (1.5, 2.0, 4.0)  # multiples of the number of clips at which the law is evaluated
_EXPONENTS = np.geomspace(0.1, 2.0, 40)


@dataclass(frozen=True)
class Curve:
    """A learning curve.

    Attributes
    ----------
    points : n_train (clips, mean over folds and draws), accuracy, `_low`, `_high`, measured (or extrapolated)
    gain, gain_low, gain_high : accuracy at twice the clips less accuracy now, by the law, with its interval
    left_out : share of the training groups -> why the cell cannot be fitted on so few
    """

    points: pd.DataFrame
    gain: float
    gain_low: float
    gain_high: float
    left_out: dict[float, str] = field(default_factory=dict)

    @property
    def answer(self) -> str:
        """Whether more data is needed, in a sentence."""
        interval = f"{self.gain:+.3f} ({self.gain_low:+.3f} to {self.gain_high:+.3f})"
        if self.gain_low >= 0.01:
            verdict = "Yes: more data would help"
        elif self.gain_high < 0.02:
            verdict = "No: more of the same data would hardly help"
        else:
            verdict = "This data cannot tell"
        answer = f"Is more data needed? {verdict}. Twice as many clips are worth {interval} in accuracy, extrapolated."
        for share, reason in self.left_out.items():
            answer += f" The point at {share:.0%} of the training groups is left out: {reason}."
        return answer


def measure_learning_curve(
    cell: PlannedCell, whole: pd.DataFrame, shares: Sequence[float], n_repeats: int, search_folds: int, seed: int
) -> Curve:
    """Fit the cell on parts of its training groups, in the processes that `compute` offers.

    Parameters
    ----------
    whole : the cell's predictions, the curve's last point
    shares : parts of the training groups of each genre, drawn without replacement
    n_repeats : number of draws per share
    search_folds : number of inner folds for the choice of hyper-parameters
    """
    rng = np.random.default_rng([seed, 17])
    tasks: list[tuple[int, Task]] = []
    for number, share in enumerate(shares):
        for _ in range(n_repeats):
            for task in cell.tasks[: len(cell.deal.folds)]:
                part = _draw_part(task.fold, task.genre, task.group, share, rng)
                inner = splits.deal_inner(cell.clips, part, search_folds, seed)
                tasks.append((number, replace(task, fold=part, inner=inner, keep=False)))
    results = Parallel(return_as="list")(delayed(_try_task)(task) for _, task in tasks)
    failed = {number: result for (number, _), result in zip(tasks, results, strict=True) if isinstance(result, str)}
    groups = pd.Index(sorted(whole["group"].unique()))
    hits, sizes = np.zeros((len(shares) + 1, len(groups))), np.zeros((len(shares) + 1, len(groups)))
    n_train = np.zeros(len(shares) + 1)
    for (number, task), result in zip(tasks, results, strict=True):
        if isinstance(result, str) or number in failed:
            continue
        test = task.fold.test
        hit = result.genres[result.proba.argmax(axis=1)] == task.genre[test]
        places = groups.get_indexer(pd.Index(task.group[test]))
        np.add.at(hits[number], places, hit)
        np.add.at(sizes[number], places, 1)
        n_train[number] += len(task.fold.fit) / (n_repeats * len(cell.deal.folds))
    places = groups.get_indexer(pd.Index(whole["group"]))
    np.add.at(hits[-1], places, whole["actual"] == whole["predicted"])
    np.add.at(sizes[-1], places, 1)
    n_train[-1] = np.mean([len(fold.fit) for fold in cell.deal.folds])
    points = [number for number in range(len(n_train)) if number not in failed]
    curve = extrapolate(n_train[points], hits[points], sizes[points], seed)
    return replace(curve, left_out={shares[number]: reason for number, reason in sorted(failed.items())})


def _try_task(task: Task) -> Result | str:
    """Run a task; return the reason if a genre has too few clips in its part, or the like."""
    try:
        return run_task(task)
    except UserError as error:
        return str(error)


def _draw_part(fold: Fold, genre: np.ndarray, group: np.ndarray, share: float, rng: np.random.Generator) -> Fold:
    """Return the fold with a share of each genre's training groups, at least two."""
    groups_left: set[object] = set()
    for name in np.unique(genre[fold.fit]):
        groups = np.unique(group[fold.fit][genre[fold.fit] == name])
        groups_left |= set(rng.permutation(groups)[: max(2, round(share * len(groups)))])
    inside = np.array([name in groups_left for name in group])
    return Fold(fold.train[inside[fold.train]], fold.test, fold.valid[inside[fold.valid]])


def extrapolate(n_train: np.ndarray, hits: np.ndarray, sizes: np.ndarray, seed: int) -> Curve:
    """Fit the law accuracy(n) = a - b n^-c (Cortes et al. 1994, eq. 1) to the points, with a bootstrap over groups.

    Parameters
    ----------
    n_train : training clips of each point, shape (n_points,); the last point has all of them
    hits, sizes : correct clips and tested clips, shape (n_points, n_groups)
    """
    counts = metrics.resample(hits.shape[1], seed)
    measured = hits.sum(axis=1) / sizes.sum(axis=1)
    resampled = (counts @ hits.T) / (counts @ sizes.T)
    ahead = n_train[-1] * np.array(AHEAD)
    at = np.concatenate([ahead, n_train[-1:]])
    law, laws = _fit_law(n_train, measured[None], at)[0], _fit_law(n_train, resampled, at)
    low, high = metrics.compute_interval(np.hstack([resampled, laws[:, :-1]]), hits.shape[1])
    points = pd.DataFrame(
        {
            "n_train": np.concatenate([n_train, ahead]),
            "accuracy": np.concatenate([measured, law[:-1]]),
            "accuracy_low": low,
            "accuracy_high": high,
            "measured": [True] * len(n_train) + [False] * len(ahead),
        }
    )
    twice = AHEAD.index(2.0)
    gain_low, gain_high = metrics.compute_interval(laws[:, twice] - laws[:, -1], hits.shape[1])
    return Curve(points, float(law[twice] - law[-1]), float(gain_low), float(gain_high))


def _fit_law(n: np.ndarray, accuracies: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Fit by least squares with b >= 0, a <= 1 and c from `_EXPONENTS`; return one row of values at `at` per row."""
    best, values = np.full(len(accuracies), np.inf), np.zeros((len(accuracies), len(at)))
    mean = accuracies.mean(axis=1, keepdims=True)
    for exponent in _EXPONENTS:
        x = n**-exponent
        spread = np.square(x - x.mean()).sum()  # 0 if every point has as many training clips
        slopes = (accuracies - mean) @ (x - x.mean()) / spread if spread > 0 else np.zeros(len(accuracies))
        b = np.maximum(0, -slopes)[:, None]
        a = mean + b * x.mean()
        over = a > 1
        a, b = np.where(over, 1, a), np.where(over, (1 - accuracies) @ x[:, None] / np.square(x).sum(), b)
        error = np.square(accuracies - (a - b * x)).sum(axis=1)
        better = error < best
        best[better], values[better] = error[better], (a - b * at**-exponent)[better]
    return values


def measure_importance(cell: PlannedCell, n_permutations: int, seed: int) -> pd.DataFrame:
    """Measure the accuracy lost when a family's columns are shuffled together among the tested clips (Breiman 2001).

    Two families with the same information both lose little, even if either alone would be worth much. If the set is a
    single family, its features are measured instead.

    Returns
    -------
    of, n_columns, loss, loss_low, loss_high; no rows for a classifier that reads frames
    """
    blocks = _group_columns(cell.values.columns)
    columns = ["of", "n_columns", "loss", "loss_low", "loss_high"]
    if not blocks:
        return pd.DataFrame(columns=columns)
    tasks = cell.tasks[: len(cell.deal.folds)]
    losses = Parallel(return_as="list")(
        delayed(_measure_losses)(task, list(blocks.values()), n_permutations, [seed, number])
        for number, task in enumerate(tasks)
    )
    tested = np.concatenate([task.fold.test for task in tasks])
    group = cell.clips["group"].to_numpy(dtype=object)[tested]
    loss, low, high = metrics.average_over_groups(np.concatenate(losses, axis=1).T, group, seed)
    table = pd.DataFrame(
        {
            "of": list(blocks),
            "n_columns": [len(places) for places in blocks.values()],
            "loss": loss,
            "loss_low": low,
            "loss_high": high,
        }
    )
    return table.sort_values(["loss", "of"], ascending=[False, True], ignore_index=True)[columns]


def _group_columns(columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Return family -> its columns; if there is one family, feature -> its columns."""
    parts = [column.split("__") for column in columns]
    alone = len({part[0] for part in parts}) == 1
    names = np.array([" ".join(part[: 2 if alone else 1]) for part in parts])
    return {str(name): np.flatnonzero(names == name) for name in dict.fromkeys(names)}


def _measure_losses(task: Task, blocks: list[np.ndarray], n_permutations: int, seed: list[int]) -> np.ndarray:
    """Return the hits that each tested clip loses, mean over permutations, shape (n_blocks, n_tested)."""
    test = task.fold.test
    rng = np.random.default_rng(seed)
    with supervise(task):
        estimator = fit_fold(task).estimator
        X, actual = task.values.select(test), task.genre[test]
        before = (estimator.predict(X) == actual).astype(float)
        losses = np.zeros((len(blocks), len(test)))
        for block, places in zip(losses, blocks, strict=True):
            for _ in range(n_permutations):
                shuffled = X.copy()
                shuffled[:, places] = X[rng.permutation(len(X))][:, places]
                block += (before - (estimator.predict(shuffled) == actual)) / n_permutations
    return losses
