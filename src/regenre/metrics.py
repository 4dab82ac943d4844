"""Predictions -> scores with their uncertainty.

Every score is a function of a confusion matrix (`from_confusion`), so the bootstrap is the same
function on resampled matrices. Intervals are 95 % percentile intervals from resampling whole groups
(artists), since clips of one group are not independent; with one clip a group it is the ordinary
bootstrap over clips (Efron and Tibshirani 1993, chapter 13).

Conventions: confusion matrices have shape (..., n_genres, n_genres), rows actual, columns predicted.
A genre that is never predicted has precision 0; one without clips does not count.
"""

import numpy as np
import pandas as pd

from regenre.tables import genres_of

SCORES = ("accuracy", "balanced_accuracy", "macro_f1")
N_RESAMPLES = 2000
CONFIDENCE = 0.95


def confusion(predictions: pd.DataFrame) -> np.ndarray:
    """Counts, int64, shape (n_genres, n_genres)."""
    return _counts(predictions).sum(axis=0)


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


def from_confusion(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy, balanced accuracy (mean recall) and macro F1, each of shape (...)."""
    genres = per_genre(counts)
    accuracy = np.trace(counts, axis1=-2, axis2=-1) / counts.sum(axis=(-2, -1))
    return {
        "accuracy": accuracy,
        "balanced_accuracy": np.nanmean(genres["recall"], axis=-1),
        "macro_f1": np.nanmean(genres["f1"], axis=-1),
    }


def score(predictions: pd.DataFrame, seed: int) -> dict[str, float]:
    """All scores of a cell.

    Returns
    -------
    n_clips, n_groups, n_folds and, for each of `SCORES`, the value, `<score>_low` and `<score>_high`
    """
    counts = _counts(predictions)
    n_groups = len(counts)
    shares = np.full(n_groups, 1 / n_groups)
    drawn = np.random.default_rng(seed).multinomial(n_groups, shares, N_RESAMPLES)
    resampled = from_confusion(np.tensordot(drawn, counts, axes=1))
    point = from_confusion(counts.sum(axis=0))
    result: dict[str, float] = {
        "n_clips": len(predictions),
        "n_groups": n_groups,
        "n_folds": predictions["fold"].nunique(),
    }
    for name in SCORES:
        low, high = np.quantile(resampled[name], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        result |= {name: float(point[name]), f"{name}_low": float(low), f"{name}_high": float(high)}
    return result


def _counts(predictions: pd.DataFrame) -> np.ndarray:
    """A confusion matrix for each group, int64, shape (n_groups, n_genres, n_genres)."""
    genres = pd.Index(genres_of(predictions))
    groups, names = pd.factorize(predictions["group"], sort=True)
    actual, predicted = (genres.get_indexer(pd.Index(predictions[column])) for column in ("actual", "predicted"))
    counts = np.zeros((len(names), len(genres), len(genres)), dtype=np.int64)
    np.add.at(counts, (groups, actual, predicted), 1)
    return counts
