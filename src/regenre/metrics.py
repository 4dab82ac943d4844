"""Predictions -> scores with their uncertainty.

Every score is a function of sums over clips (`Sums`): a confusion matrix, log losses, hits among two, and
bins of confidence. So the bootstrap is the same function on sums of resampled groups. Whole groups
(artists) are drawn, since clips of one group are not independent; with one clip a group it is the
ordinary bootstrap over clips (Efron and Tibshirani 1993, chapter 13). Intervals are 95 % percentile
intervals, widened for few groups by Student's t (Hesterberg 2015, section 5.3). Where every clip is named rightly, or
none, resampling knows no doubt, and the limits are those of as many coin tosses as there are groups.

Conventions: confusion matrices have shape (..., n_genres, n_genres), rows actual, columns predicted.
A genre that is never predicted has precision 0; one without clips does not count.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.special
import scipy.stats

from regenre.tables import PROBA, genres_of

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
_LEAST = 5e-7  # half the last decimal of a stored probability: what 0 is taken for
_N_BINS = 10


@dataclass(frozen=True)
class Sums:
    """What scores are made of, summed over clips; leading axes (...) are groups, resamples or nothing.

    Attributes
    ----------
    confusion : clips, shape (..., n_genres, n_genres)
    log_loss : -log of the actual genre's probability, shape (...)
    among_two : clips whose genre is one of the two likeliest, shape (...)
    confidence : probability of the predicted genre less hits, in ten bins of that probability, shape (..., 10)
    """

    confusion: np.ndarray
    log_loss: np.ndarray
    among_two: np.ndarray
    confidence: np.ndarray

    def weighed(self, weights: np.ndarray) -> "Sums":
        """Sums over groups, each counted so often; weights (..., n_groups)."""
        return Sums(*(np.tensordot(weights, part, axes=1) for part in vars(self).values()))

    @property
    def total(self) -> "Sums":
        """Sums over all groups."""
        return Sums(*(part.sum(axis=0) for part in vars(self).values()))


def sums(predictions: pd.DataFrame) -> tuple[Sums, np.ndarray]:
    """The sums of each group.

    Returns
    -------
    sums : leading axis n_groups
    groups : their names, sorted
    """
    genres = pd.Index(genres_of(predictions))
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
        np.bincount(places, -np.log(np.maximum(proba[rows, actual], _LEAST)), n),
        np.bincount(places, (two == actual[:, None]).any(axis=1), n),
        confidence,
    ), np.asarray(names)


def confusion(predictions: pd.DataFrame) -> np.ndarray:
    """Counts, int64, shape (n_genres, n_genres)."""
    return sums(predictions)[0].total.confusion


def per_genre(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall, F1 and support of each genre, shape (..., n_genres); NaN where undefined.

    Precision of a genre that is never predicted is 0 if it has clips; F1 likewise.
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    actual, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / actual
        precision = np.where(predicted > 0, hits / predicted, np.where(actual > 0, 0.0, np.nan))
        f1 = np.where(actual > 0, 2 * hits / (actual + predicted), np.nan)
    return {"precision": precision, "recall": recall, "f1": f1, "support": actual}


def from_sums(of: Sums) -> dict[str, np.ndarray]:
    """Each of `SCORES`, shape (...).

    macro_* : mean over the genres that have clips; macro recall is balanced accuracy
    matthews : correlation of actual and predicted genre (Gorodkin 2004, eq. 8), 0 where one of them is constant
    log_loss : natural logarithm
    calibration_error : expected calibration error (Guo et al. 2017, eq. 3), ten bins of equal width
    """
    genres = per_genre(of.confusion)
    n = of.confusion.sum(axis=(-2, -1))
    tested = genres["support"] > 0
    macro = {name: np.nansum(np.where(tested, genres[name], 0.0), axis=-1) / tested.sum(axis=-1) for name in PER_GENRE}
    accuracy = np.trace(of.confusion, axis1=-2, axis2=-1) / n
    return {
        "accuracy": accuracy,
        "balanced_accuracy": macro["recall"],
        **{f"macro_{name}": values for name, values in macro.items()},
        "matthews": _matthews(of.confusion, accuracy, n),
        "top2_accuracy": of.among_two / n,
        "log_loss": of.log_loss / n,
        "calibration_error": np.abs(of.confidence).sum(axis=-1) / n,
    }


def _matthews(counts: np.ndarray, accuracy: np.ndarray, n: np.ndarray) -> np.ndarray:
    actual, predicted = (counts.sum(axis=axis) / n[..., None] for axis in (-1, -2))
    spread = np.sqrt((1 - np.square(actual).sum(axis=-1)) * (1 - np.square(predicted).sum(axis=-1)))
    covariance = accuracy - (actual * predicted).sum(axis=-1)
    return np.where(spread > 0, covariance / np.where(spread > 0, spread, 1), 0.0)


def resampled(n_groups: int, seed: int) -> np.ndarray:
    """How often each group is drawn in each resample, int, shape (N_RESAMPLES, n_groups)."""
    shares = np.full(n_groups, 1 / n_groups)
    return np.random.default_rng(seed).multinomial(n_groups, shares, N_RESAMPLES)


def interval(values: np.ndarray, n_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of a percentile interval over the first axis; NaN resamples do not count.

    The quantiles are those of Student's t with n_groups - 1 degrees of freedom, in units of a standard error that
    n_groups groups make too small by sqrt((n - 1) / n).
    """
    low = _tail(n_groups)
    with np.errstate(invalid="ignore"):
        ends = np.nanquantile(values, [low, 1 - low], axis=0)
    return ends[0], ends[1]


def without_exception(
    point: np.ndarray, low: np.ndarray, high: np.ndarray, n_groups: np.ndarray | int
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval of a share, those of shares 0 and 1 after Clopper and Pearson (1934).

    Of n tosses that all came out alike: (alpha / 2)^(1 / n) is the least chance of that side.
    """
    least = ((1 - CONFIDENCE) / 2) ** (1 / np.maximum(n_groups, 1))
    return np.where(point == 1, np.minimum(low, least), low), np.where(point == 0, np.maximum(high, 1 - least), high)


def mean_over_groups(values: np.ndarray, group: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over clips, and its interval by resampled groups.

    Parameters
    ----------
    values : shape (n_clips, ...)
    group : of each clip

    Returns
    -------
    mean, low, high : shape (...)
    """
    places, names = pd.factorize(group, sort=True)
    sums = np.zeros((len(names), *values.shape[1:]))
    np.add.at(sums, places, values)
    sizes = np.bincount(places)
    drawn = resampled(len(names), seed)
    n_drawn = (drawn @ sizes).reshape(-1, *[1] * (values.ndim - 1))
    low, high = interval(np.tensordot(drawn, sums, axes=1) / n_drawn, len(names))
    return values.mean(axis=0), low, high


def _tail(n_groups: int) -> float:
    if n_groups < 2:
        return 0.0
    t = scipy.stats.t.ppf((1 - CONFIDENCE) / 2, n_groups - 1)
    return float(scipy.special.ndtr(t * np.sqrt(n_groups / (n_groups - 1))))


def score(predictions: pd.DataFrame, seed: int) -> dict[str, float]:
    """All scores of a cell.

    Returns
    -------
    n_clips, n_groups, n_folds and, for each of `SCORES`, the value, `<score>_low` and `<score>_high`
    """
    by_group, groups = sums(predictions)
    point, drawn = from_sums(by_group.total), from_sums(by_group.weighed(resampled(len(groups), seed)))
    result: dict[str, float] = {
        "n_clips": len(predictions),
        "n_groups": len(groups),
        "n_folds": predictions["fold"].nunique(),
    }
    for name in SCORES:
        low, high = interval(drawn[name], len(groups))
        if name == "calibration_error":  # resampling adds to its bias: the low end is reflected about the value
            low = np.maximum(0.0, 2 * point[name] - high)
        if name in _SHARES:
            low, high = without_exception(point[name], low, high, len(groups))
        elif name == "matthews":  # errors spread evenly over the genres
            n_genres = max(2, int((by_group.total.confusion.sum(axis=1) > 0).sum()))
            least, _ = without_exception(point[name], np.ones(()), high, len(groups))
            low = np.minimum(low, (n_genres * least - 1) / (n_genres - 1))
        result |= {name: float(point[name]), f"{name}_low": float(low), f"{name}_high": float(high)}
    return result


def score_genres(predictions: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A row a genre: genre, support and each of `PER_GENRE` with `_low` and `_high`; NaN where undefined."""
    by_group, groups = sums(predictions)
    point = per_genre(by_group.total.confusion)
    drawn = per_genre(by_group.weighed(resampled(len(groups), seed)).confusion)
    table = {"genre": genres_of(predictions), "support": point["support"]}
    n_groups = (by_group.confusion.sum(axis=2) > 0).sum(axis=0)  # that have clips of the genre
    for name in PER_GENRE:
        known = ~np.isnan(point[name])
        ends = np.full((2, len(known)), np.nan)
        ends[:, known] = interval(drawn[name][:, known], len(groups))
        ends = np.stack(without_exception(point[name], ends[0], ends[1], n_groups))
        table |= {name: point[name], f"{name}_low": ends[0], f"{name}_high": ends[1]}
    return pd.DataFrame(table)
