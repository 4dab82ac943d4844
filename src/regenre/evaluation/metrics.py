"""Predictions -> scores with 95 % intervals.

Every score is a function of sums over clips (`Sums`). The bootstrap evaluates the same function on sums over resampled
groups. It resamples whole groups (artists), because clips of one group are not independent. With one clip per group it
is the ordinary bootstrap over clips (Efron and Tibshirani 1993, chapter 13). Intervals are percentile intervals. They
are widened for few groups by Student's t (Hesterberg 2015, section 5.3). If all clips are classified correctly, or
none, every resample has the same score; the limits are then the exact binomial ones for as many trials as there are
groups.

Conventions: confusion matrices have shape (..., n_genres, n_genres); rows are actual genres, columns predicted ones. A
genre that is never predicted has precision 0. A genre without clips does not count.

    score                scores of a cell with intervals
    score_genres         scores of each genre with intervals
    score_folds          accuracy of each fold
    count_confusions     confusion matrix
    Sums                 sums over clips that scores are computed from
    sum_groups           predictions -> sums of each group
    compute_scores       sums -> scores
    score_counts         confusion matrix -> precision, recall and F1 of each genre
    average_over_groups  mean over clips with its interval
    resample             how often each resample contains each group
    compute_interval     resampled values -> percentile interval
    widen_extremes       intervals of shares that are 0 or 1
    SCORES, PER_GENRE    names of the scores of a cell, and of a genre
    N_RESAMPLES          number of resamples
    CONFIDENCE           of the intervals
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.special

from regenre.tables import PROBA, list_genres

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
    confusion : number of clips, shape (..., n_genres, n_genres)
    log_loss : sum of -log of the actual genre's probability, shape (...)
    among_two : number of clips whose genre is one of the two most probable, shape (...)
    confidence : sum of the predicted genre's probability minus number of hits, in ten bins of that probability, shape
        (..., 10)
    """

    confusion: np.ndarray
    log_loss: np.ndarray
    among_two: np.ndarray
    confidence: np.ndarray

    def weigh(self, weights: np.ndarray) -> "Sums":
        """Return sums over groups, each multiplied by its weight; weights have shape (..., n_groups)."""
        return Sums(*(np.tensordot(weights, values, axes=1) for values in vars(self).values()))

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
    genres = pd.Index(list_genres(predictions))
    places, names = pd.factorize(predictions["group"], sort=True)
    actual, predicted = (genres.get_indexer(pd.Index(predictions[column])) for column in ("actual", "predicted"))
    proba = predictions[[PROBA + genre for genre in genres]].to_numpy()
    n, rows = len(names), np.arange(len(actual))
    confusion = np.zeros((n, len(genres), len(genres)), dtype=np.int64)
    np.add.at(confusion, (places, actual, predicted), 1)
    top = proba.max(axis=1)
    bins = np.minimum((top * _N_BINS).astype(int), _N_BINS - 1)
    confidence = np.zeros((n, _N_BINS))
    np.add.at(confidence, (places, bins), top - (actual == predicted))
    two = np.argsort(-proba, axis=1, kind="stable")[:, :2]
    return Sums(
        confusion,
        np.bincount(places, -np.log(np.maximum(proba[rows, actual], _MIN_PROBA)), n),
        np.bincount(places, (two == actual[:, None]).any(axis=1), n),
        confidence,
    ), np.asarray(names)


def count_confusions(predictions: pd.DataFrame) -> np.ndarray:
    """Return the confusion matrix: number of clips, int64, shape (n_genres, n_genres)."""
    return sum_groups(predictions)[0].total.confusion


def score_counts(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return precision, recall, F1 and support of each genre, shape (..., n_genres).

    Precision and F1 are 0 for a genre that has clips but is never predicted. All but support are NaN where undefined.
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    actual, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
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
    genres = score_counts(sums.confusion)
    n = sums.confusion.sum(axis=(-2, -1))
    tested = genres["support"] > 0
    macro = {name: np.nansum(np.where(tested, genres[name], 0.0), axis=-1) / tested.sum(axis=-1) for name in PER_GENRE}
    accuracy = np.trace(sums.confusion, axis1=-2, axis2=-1) / n
    return {
        "accuracy": accuracy,
        "balanced_accuracy": macro["recall"],
        **{f"macro_{name}": values for name, values in macro.items()},
        "matthews": _compute_matthews(sums.confusion, accuracy, n),
        "top2_accuracy": sums.among_two / n,
        "log_loss": sums.log_loss / n,
        "calibration_error": np.abs(sums.confidence).sum(axis=-1) / n,
    }


def _compute_matthews(counts: np.ndarray, accuracy: np.ndarray, n: np.ndarray) -> np.ndarray:
    actual, predicted = (counts.sum(axis=axis) / n[..., None] for axis in (-1, -2))
    spread = np.sqrt((1 - np.square(actual).sum(axis=-1)) * (1 - np.square(predicted).sum(axis=-1)))
    covariance = accuracy - (actual * predicted).sum(axis=-1)
    return np.where(spread > 0, covariance / np.where(spread > 0, spread, 1), 0.0)


def resample(n_groups: int, seed: int) -> np.ndarray:
    """Return how often each resample contains each group, int, shape (N_RESAMPLES, n_groups)."""
    shares = np.full(n_groups, 1 / n_groups)
    return np.random.default_rng(seed).multinomial(n_groups, shares, N_RESAMPLES)


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
    sizes = np.bincount(places)
    counts = resample(len(names), seed)
    n_clips = (counts @ sizes).reshape(-1, *[1] * (values.ndim - 1))
    low, high = compute_interval(np.tensordot(counts, sums, axes=1) / n_clips, len(names))
    return values.mean(axis=0), low, high


def _find_level(n_groups: int) -> float:
    """Return the level of the lower quantile of an interval."""
    if n_groups < 2:
        return 0.0
    t = scipy.special.stdtrit(n_groups - 1, (1 - CONFIDENCE) / 2)
    return float(scipy.special.ndtr(t * np.sqrt(n_groups / (n_groups - 1))))


def score(predictions: pd.DataFrame, seed: int) -> dict[str, float]:
    """Return all scores of a cell.

    Parameters
    ----------
    predictions : of the cell
    seed : of the bootstrap

    Returns
    -------
    n_clips, n_groups, n_folds and, for each of `SCORES`, its value, `<score>_low` and `<score>_high`
    """
    by_group, groups = sum_groups(predictions)
    point, resampled = compute_scores(by_group.total), compute_scores(by_group.weigh(resample(len(groups), seed)))
    result: dict[str, float] = {
        "n_clips": len(predictions),
        "n_groups": len(groups),
        "n_folds": predictions["fold"].nunique(),
    }
    for name in SCORES:
        low, high = compute_interval(resampled[name], len(groups))
        if name == "calibration_error":  # resampling adds to its bias: reflect the high end about the value
            low = np.maximum(0.0, 2 * point[name] - high)
        if name in _SHARES:
            low, high = widen_extremes(point[name], low, high, len(groups))
        elif name == "matthews":  # from the limit of accuracy, if errors spread evenly over the genres
            n_genres = max(2, int((by_group.total.confusion.sum(axis=1) > 0).sum()))
            limit, _ = widen_extremes(point[name], np.ones(()), high, len(groups))
            low = np.minimum(low, (n_genres * limit - 1) / (n_genres - 1))
        result |= {name: float(point[name]), f"{name}_low": float(low), f"{name}_high": float(high)}
    return result


def score_genres(predictions: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return one row per genre: genre, support, and each of `PER_GENRE` with `_low` and `_high`; NaN where undefined.

    Parameters
    ----------
    predictions : of a cell
    seed : of the bootstrap
    """
    by_group, groups = sum_groups(predictions)
    point = score_counts(by_group.total.confusion)
    resampled = score_counts(by_group.weigh(resample(len(groups), seed)).confusion)
    table = {"genre": list_genres(predictions), "support": point["support"]}
    n_groups = (by_group.confusion.sum(axis=2) > 0).sum(axis=0)  # groups that have clips of the genre
    for name in PER_GENRE:
        known = ~np.isnan(point[name])
        ends = np.full((2, len(known)), np.nan)
        ends[:, known] = compute_interval(resampled[name][:, known], len(groups))
        ends = np.stack(widen_extremes(point[name], ends[0], ends[1], n_groups))
        table |= {name: point[name], f"{name}_low": ends[0], f"{name}_high": ends[1]}
    return pd.DataFrame(table)


def score_folds(predictions: pd.DataFrame) -> dict[int, float]:
    """Return the accuracy of each fold; predictions of one cell."""
    hits = predictions["actual"] == predictions["predicted"]
    return {int(str(fold)): float(mean) for fold, mean in hits.groupby(predictions["fold"]).mean().items()}
