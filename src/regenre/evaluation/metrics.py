"""Predictions -> scores with 95 % intervals.

Every score is a function of sums over clips (`Sums`). The bootstrap evaluates the same function on sums over resampled
groups. It resamples whole groups (artists), because clips of one group are not independent. With one clip per group it
is the ordinary bootstrap over clips (Efron and Tibshirani 1993, chapter 13). Intervals are percentile intervals. They
are widened for few groups by Student's t (Hesterberg 2015, section 5.3). If all clips are classified correctly, or
none, every resample has the same score; the limits are then the exact binomial ones for as many trials as there are
groups.

Conventions: rows of a confusion matrix are actual genres, columns predicted ones. A genre that is never predicted has
precision 0. A genre without clips does not count.

    score                scores of a cell and of its genres with intervals
    score_folds          accuracy of each fold
    count_confusions     confusion matrix
    Sums                 sums over clips that scores are computed from
    sum_groups           predictions -> sums of each group
    compute_scores       sums -> scores
    score_sums           sums -> precision, recall and F1 of each genre
    average_over_groups  mean over clips with its interval
    resample             how often each resample contains each group
    weigh                sums over resampled groups
    compute_interval     resampled values -> percentile interval
    widen_extremes       intervals of shares that are 0 or 1
    SCORES, PER_GENRE    names of the scores of a cell, and of a genre
    N_RESAMPLES          number of resamples
    CONFIDENCE           of the intervals
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import scipy.special

from regenre.common.tables import PROBA, list_genres

SCORES = (
    "accuracy",
    "balanced_accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "matthews",
    "top2_accuracy",
    "log_loss",
    "calibration_error",
)
_SHARES = ("accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "top2_accuracy")
PER_GENRE = ("precision", "recall", "f1")
N_RESAMPLES = 2000
CONFIDENCE = 0.95
_MIN_PROBA = 5e-7  # replaces 0 in the log loss: half of the last decimal of a stored probability
_N_BINS = 10


@dataclass(frozen=True)
class Sums:
    """Sums over clips that scores are computed from; the leading axes (...) are groups, resamples or none.

    Attributes
    ----------
    hits, actual, predicted : number of clips of each genre that are classified correctly, that belong to it, that are
        classified as it: diagonal, rows and columns of the confusion matrix, shape (..., n_genres)
    log_loss : sum of -log of the actual genre's probability, shape (...)
    among_two : number of clips whose genre is one of the two most probable, shape (...)
    confidence : sum of the predicted genre's probability minus number of hits, in ten bins of that probability, shape
        (..., 10)
    """

    hits: np.ndarray
    actual: np.ndarray
    predicted: np.ndarray
    log_loss: np.ndarray
    among_two: np.ndarray
    confidence: np.ndarray

    def resample(self, seed: int) -> "Sums":
        """Return sums over resampled groups; the leading axis, of groups, becomes one of resamples."""
        counts = resample(len(self.log_loss), seed)
        return Sums(*(weigh(counts, values) for values in vars(self).values()))

    @property
    def total(self) -> "Sums":
        """Sums over all groups."""
        return Sums(*(values.sum(axis=0) for values in vars(self).values()))


def sum_groups(predictions: pd.DataFrame) -> tuple[Sums, np.ndarray]:
    """Return the sums of each group.

    Returns
    -------
    sums : with a leading axis of length n_groups
    groups : names of the groups, sorted, shape (n_groups,)
    """
    genres, actual, predicted = _find_genres(predictions)
    places, names = pd.factorize(predictions["group"], sort=True)
    proba = predictions[[PROBA + genre for genre in genres]].to_numpy()
    n, hit, top, own = len(names), actual == predicted, proba.max(axis=1), proba[np.arange(len(actual)), actual]
    bins = np.minimum((top * _N_BINS).astype(int), _N_BINS - 1)
    earlier = np.arange(len(genres)) < actual[:, None]  # of equal probabilities the first genre's counts as higher
    higher = ((proba > own[:, None]) | (proba == own[:, None]) & earlier).sum(axis=1)

    def count(columns: np.ndarray, n_columns: int, values: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(places * n_columns + columns, values, n * n_columns).reshape(n, n_columns)

    return Sums(
        count(actual, len(genres), hit),
        count(actual, len(genres)),
        count(predicted, len(genres)),
        np.bincount(places, -np.log(np.maximum(own, _MIN_PROBA)), n),
        np.bincount(places, higher < 2, n),
        count(bins, _N_BINS, top - hit),
    ), np.asarray(names)


def count_confusions(predictions: pd.DataFrame) -> np.ndarray:
    """Return the confusion matrix: number of clips, int64, shape (n_genres, n_genres)."""
    genres, actual, predicted = _find_genres(predictions)
    n = len(genres)
    return np.bincount(actual * n + predicted, minlength=n * n).reshape(n, n)


def _find_genres(predictions: pd.DataFrame) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the genres, and each clip's place among them: of its genre and of the predicted one."""
    genres = list_genres(predictions)
    actual, predicted = (
        pd.Index(genres).get_indexer(pd.Index(predictions[column])) for column in ("actual", "predicted")
    )
    return genres, actual, predicted


def score_sums(sums: Sums) -> dict[str, np.ndarray]:
    """Return precision, recall, F1 and support of each genre, shape (..., n_genres).

    Precision and F1 are 0 for a genre that has clips but is never predicted. All but support are NaN where undefined.
    """
    hits, actual, predicted = sums.hits, sums.actual, sums.predicted
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / actual
        precision = np.where(predicted > 0, hits / predicted, np.where(actual > 0, 0.0, np.nan))
        f1 = np.where(actual > 0, 2 * hits / (actual + predicted), np.nan)
    return {"precision": precision, "recall": recall, "f1": f1, "support": actual}


def compute_scores(sums: Sums) -> dict[str, np.ndarray]:
    """Return each of `SCORES`, shape (...).

    macro_* : mean over the genres that have clips; macro recall is balanced accuracy
    matthews : correlation of actual and predicted genre (Gorodkin 2004, eq. 8), 0 where one of them is constant
    log_loss : mean of minus the natural logarithm of the actual genre's probability; less than 5e-7 counts as 5e-7
    calibration_error : expected calibration error (Guo et al. 2017, eq. 3), ten bins of equal width
    """
    genres = score_sums(sums)
    n = sums.actual.sum(axis=-1)
    tested = genres["support"] > 0
    macro = {name: np.nansum(np.where(tested, genres[name], 0.0), axis=-1) / tested.sum(axis=-1) for name in PER_GENRE}
    accuracy = sums.hits.sum(axis=-1) / n
    return {
        "accuracy": accuracy,
        "balanced_accuracy": macro["recall"],
        **{f"macro_{name}": values for name, values in macro.items()},
        "matthews": _compute_matthews(sums, accuracy, n),
        "top2_accuracy": sums.among_two / n,
        "log_loss": sums.log_loss / n,
        "calibration_error": np.abs(sums.confidence).sum(axis=-1) / n,
    }


def _compute_matthews(sums: Sums, accuracy: np.ndarray, n: np.ndarray) -> np.ndarray:
    actual, predicted = sums.actual / n[..., None], sums.predicted / n[..., None]
    spread = np.sqrt((1 - np.square(actual).sum(axis=-1)) * (1 - np.square(predicted).sum(axis=-1)))
    covariance = accuracy - (actual * predicted).sum(axis=-1)
    return np.where(spread > 0, covariance / np.where(spread > 0, spread, 1), 0.0)


@lru_cache(maxsize=2)
def resample(n_groups: int, seed: int) -> np.ndarray:
    """Return how often each resample contains each group, uint8 (25 MB for 12,500 groups), (N_RESAMPLES, n_groups)."""
    rng, shares = np.random.default_rng(seed), np.full(n_groups, 1 / n_groups)
    counts = np.empty((N_RESAMPLES, n_groups), np.uint8)
    for rows in _list_blocks(n_groups):
        counts[rows] = rng.multinomial(n_groups, shares, len(counts[rows]))
    counts.flags.writeable = False
    return counts


def weigh(counts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return sums over groups, each multiplied by its count.

    Parameters
    ----------
    counts : shape (N_RESAMPLES, n_groups)
    values : shape (n_groups, ...)

    Returns
    -------
    shape (N_RESAMPLES, ...)
    """
    flat = values.reshape(len(values), -1).astype(float)
    sums = np.empty((len(counts), flat.shape[1]))
    for rows in _list_blocks(len(values)):  # in floating point, for BLAS; whole numbers stay exact
        np.matmul(counts[rows].astype(float), flat, out=sums[rows])
    return sums.reshape(len(counts), *values.shape[1:])


def _list_blocks(n_groups: int) -> list[slice]:
    """Return blocks of resamples that take 32 MB each at most."""
    step = max(1, min(N_RESAMPLES, 2**22 // n_groups))
    return [slice(start, start + step) for start in range(0, N_RESAMPLES, step)]


def compute_interval(values: np.ndarray, n_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper end of a percentile interval over the first axis; NaN values do not count.

    The interval is an expanded percentile interval (Hesterberg 2015, section 5.3). The level of its quantiles is the
    normal distribution's at t sqrt(n / (n - 1)), with t the quantile of Student's t with n - 1 degrees of freedom and
    n = n_groups: the bootstrap's standard error is too small by sqrt((n - 1) / n).

    Parameters
    ----------
    values : resampled values, shape (n_resamples, ...)
    n_groups : number of groups that were resampled; with one group the interval spans all values
    """
    level = _find_level(n_groups)
    with np.errstate(invalid="ignore"):
        ends = np.nanquantile(values, [level, 1 - level], axis=0)
    return ends[0], ends[1]


def widen_extremes(
    point: np.ndarray, low: np.ndarray, high: np.ndarray, n_groups: np.ndarray | int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of a share's interval; for shares of 0 and 1, widen them as Clopper and Pearson (1934) do.

    If n of n trials succeed, the exact lower limit of the probability of success is (alpha / 2)^(1 / n).

    Parameters
    ----------
    point : shares
    low, high : ends of their intervals
    n_groups : number of groups, used as the number of trials
    """
    limit = ((1 - CONFIDENCE) / 2) ** (1 / np.maximum(n_groups, 1))
    return np.where(point == 1, np.minimum(low, limit), low), np.where(point == 0, np.maximum(high, 1 - limit), high)


def average_over_groups(values: np.ndarray, group: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean over clips, and its interval by a bootstrap over groups.

    Parameters
    ----------
    values : shape (n_clips, ...)
    group : group of each clip, shape (n_clips,)

    Returns
    -------
    mean, low, high : shape (...)
    """
    places, names = pd.factorize(group, sort=True)
    sums = np.zeros((len(names), *values.shape[1:]))
    np.add.at(sums, places, values)
    counts = resample(len(names), seed)
    n_clips = weigh(counts, np.bincount(places)).reshape(-1, *[1] * (values.ndim - 1))
    low, high = compute_interval(weigh(counts, sums) / n_clips, len(names))
    return values.mean(axis=0), low, high


def _find_level(n_groups: int) -> float:
    """Return the level of the lower quantile of an interval."""
    if n_groups < 2:
        return 0.0
    t = scipy.special.stdtrit(n_groups - 1, (1 - CONFIDENCE) / 2)
    return float(scipy.special.ndtr(t * np.sqrt(n_groups / (n_groups - 1))))


@dataclass(frozen=True)
class Scores:
    """Scores of a cell.

    Attributes
    ----------
    cell : n_clips, n_groups, n_folds and, for each of `SCORES`, its value, `<score>_low` and `<score>_high`
    genres : one row per genre: genre, support, and each of `PER_GENRE` with `_low` and `_high`; NaN where undefined
    """

    cell: dict[str, float]
    genres: pd.DataFrame


def score(predictions: pd.DataFrame, seed: int) -> Scores:
    """Return all scores of a cell.

    Parameters
    ----------
    predictions : of the cell
    seed : of the bootstrap
    """
    by_group, groups = sum_groups(predictions)
    resampled = by_group.resample(seed)
    counts: dict[str, float] = {
        "n_clips": len(predictions),
        "n_groups": len(groups),
        "n_folds": predictions["fold"].nunique(),
    }
    genres = _score_genres(by_group, resampled, len(groups))
    return Scores(
        counts | _score_cell(by_group.total, resampled, len(groups)),
        pd.DataFrame({"genre": list_genres(predictions)} | genres),
    )


def _score_cell(total: Sums, resampled: Sums, n_groups: int) -> dict[str, float]:
    point, values = compute_scores(total), compute_scores(resampled)
    result: dict[str, float] = {}
    for name in SCORES:
        low, high = compute_interval(values[name], n_groups)
        if name == "calibration_error":  # resampling adds to its bias: reflect the high end about the value
            low = np.maximum(0.0, 2 * point[name] - high)
        if name in _SHARES:
            low, high = widen_extremes(point[name], low, high, n_groups)
        elif name == "matthews":  # from the limit of accuracy, if errors spread evenly over the genres
            n_genres = max(2, int((total.actual > 0).sum()))
            limit, _ = widen_extremes(point[name], np.ones(()), high, n_groups)
            low = np.minimum(low, (n_genres * limit - 1) / (n_genres - 1))
        result |= {name: float(point[name]), f"{name}_low": float(low), f"{name}_high": float(high)}
    return result


def _score_genres(by_group: Sums, resampled: Sums, n_groups: int) -> dict[str, np.ndarray]:
    point, values = score_sums(by_group.total), score_sums(resampled)
    table = {"support": point["support"]}
    groups_of_genre = (by_group.actual > 0).sum(axis=0)
    for name in PER_GENRE:
        known = ~np.isnan(point[name])
        ends = np.full((2, len(known)), np.nan)
        ends[:, known] = compute_interval(values[name][:, known], n_groups)
        ends = np.stack(widen_extremes(point[name], ends[0], ends[1], groups_of_genre))
        table |= {name: point[name], f"{name}_low": ends[0], f"{name}_high": ends[1]}
    return table


def score_folds(predictions: pd.DataFrame) -> dict[int, float]:
    """Return the accuracy of each fold; predictions of one cell."""
    hits = predictions["actual"] == predictions["predicted"]
    return {int(str(fold)): float(mean) for fold, mean in hits.groupby(predictions["fold"]).mean().items()}
