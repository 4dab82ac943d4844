"""Cells compared on the same clips.

    choose_honest      which split of a grid to believe
    compare_with_best  every cell of a split against the most accurate one: differences and tests
    measure_leak       accuracy under a split that lets groups straddle folds, minus accuracy under an honest one
    match_clips        the clip of each piece
    estimate_best    the accuracy to expect of the best of many cells on new groups

Clips of one group are not independent, so a test that flips single clips (McNemar) claims too much. The test that
decides here flips whole groups; with one clip per group it is McNemar's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.special
from scipy.special import gammaln

from regenre.common.paths import CellName
from regenre.common.tables import strip_piece_numbers
from regenre.evaluation import metrics

HONEST = ("fault_filtered", "fault_filtered_valid", "official", "grouped_kfold")
"""Splits that can be believed, the best first: none has an artist on both sides."""
LEVEL = 0.05
_NEGLIGIBLE = 1e-300  # probability


def choose_honest(splits: Sequence[str]) -> str:
    """Return the split whose scores can be believed most; the first one if none is honest."""
    return next((name for name in HONEST if name in splits), splits[0])


@dataclass(frozen=True)
class Hits:
    """Which clips a cell classifies correctly.

    Attributes
    ----------
    table : one row per tested clip or piece: clip_id, group, fold, hit
    n_train : number of clips that each fold was fitted on
    """

    table: pd.DataFrame
    n_train: Sequence[int]

    @classmethod
    def count(cls, predictions: pd.DataFrame, n_train: Sequence[int] = ()) -> "Hits":
        """Return the hits of a cell's predictions."""
        hit = (predictions["actual"] == predictions["predicted"]).astype(float)
        return cls(predictions[["clip_id", "group", "fold"]].assign(hit=hit), n_train)

    @property
    def accuracy(self) -> float:
        """Share of hits."""
        return float(self.table["hit"].mean())


def compare_with_best(cells: Mapping[CellName, Hits], seed: int) -> pd.DataFrame:
    """Compare every cell of one split with the most accurate one; all must have tested the same clips.

    Returns
    -------
    one row per cell: its name in three columns, best_features, best_classifier, difference (accuracy of the best less
    that of this cell) with `_low` and `_high`, n_only_best and n_only_this (clips that only one of them classifies
    correctly), p_mcnemar, p_corrected_t, p_groups, p_holm (p_groups adjusted for the number of cells) and
    indistinguishable (p_holm is above 0.05)
    """
    best = max(cells, key=lambda name: cells[name].accuracy)
    names = {"best_features": best.features, "best_classifier": best.classifier}
    rows = [{**cell.columns, **names, **_compare(cells[best], hits, seed)} for cell, hits in cells.items()]
    table = pd.DataFrame(rows).assign(p_holm=1.0)
    others = np.array([cell != best for cell in cells])
    table.loc[others, "p_holm"] = adjust_holm(table.loc[others, "p_groups"].to_numpy())
    return table.assign(indistinguishable=table["p_holm"] > LEVEL)


def _compare(best: Hits, this: Hits, seed: int) -> dict[str, float]:
    both = best.table.merge(this.table[["clip_id", "fold", "hit"]], on=["clip_id", "fold"], suffixes=("", "_this"))
    if len(both) != len(best.table) or len(both) != len(this.table):
        raise ValueError("cells of one split have to test the same clips")
    differences = both["hit"] - both["hit_this"]
    n_best, n_this = int((differences > 0).sum()), int((differences < 0).sum())
    difference, low, high = metrics.average_over_groups(differences.to_numpy(), both["group"].to_numpy(), seed)
    by_fold = differences.groupby(both["fold"]).mean().to_numpy()
    n_test = both.groupby("fold").size().to_numpy()
    return {
        "difference": float(difference),
        "difference_low": float(low),
        "difference_high": float(high),
        "n_only_best": n_best,
        "n_only_this": n_this,
        "p_mcnemar": compute_mcnemar(n_best, n_this),
        "p_corrected_t": compute_corrected_t(by_fold, np.asarray(this.n_train), n_test),
        "p_groups": compute_sign_flip(differences.groupby(both["group"]).sum().to_numpy().astype(int)),
    }


def compute_mcnemar(n_only_one: int, n_only_other: int) -> float:
    """Return the exact two-sided p of McNemar's test (1947): discordant clips against a fair coin."""
    n = n_only_one + n_only_other
    return min(1.0, 2 * float(scipy.special.bdtr(min(n_only_one, n_only_other), n, 0.5)))


def compute_sign_flip(differences: np.ndarray) -> float:
    """Return the exact two-sided p of the sum of differences if each group's sign is a fair coin (Fisher 1935).

    Parameters
    ----------
    differences : correct clips of one cell less those of the other, int, shape (n_groups,)
    """
    sizes, numbers = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    share, lowest = np.ones(1), 0  # probability of each sum, from the lowest
    for size, n in zip(sizes.tolist(), numbers.tolist(), strict=True):  # of n coins k show heads: size (2 k - n)
        heads = np.arange(n + 1)
        binomial = np.exp(gammaln(n + 1) - gammaln(heads + 1) - gammaln(n - heads + 1) - n * np.log(2))
        first, last = _find_ends(binomial)
        steps = np.zeros(2 * size * (last - first) + 1)
        steps[:: 2 * size] = binomial[first : last + 1]
        share, lowest = np.convolve(share, steps), lowest + size * (2 * first - n)
        first, last = _find_ends(share)
        share, lowest = share[first : last + 1], lowest + first
    sums = lowest + np.arange(len(share))
    return float(min(1.0, share[np.abs(sums) >= abs(differences.sum())].sum()))


def _find_ends(shares: np.ndarray) -> tuple[int, int]:
    """Return the first and the last place of the probabilities that are not negligible: the sums in between are few."""
    kept = np.flatnonzero(shares > _NEGLIGIBLE)
    return int(kept[0]), int(kept[-1])


def compute_corrected_t(differences: np.ndarray, n_train: np.ndarray, n_test: np.ndarray) -> float:
    """Return the two-sided p of the corrected resampled t-test (Nadeau and Bengio 2003, section 3).

    t = mean / sqrt((1 / J + n_test / n_train) s^2) with J - 1 degrees of freedom, for J differences of accuracy, one
    per fold. The correction accounts for training sets that overlap. NaN for a single fold.
    """
    n = len(differences)
    if n < 2:
        return float("nan")
    mean, variance = differences.mean(), differences.var(ddof=1)
    scale = np.sqrt((1 / n + n_test.mean() / n_train.mean()) * variance)
    if scale == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * scipy.special.stdtr(n - 1, -abs(mean) / scale))


def adjust_holm(p: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for their number (Holm 1979); those below a are significant together at level a."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def measure_leak(honest: Hits, other: Hits, seed: int) -> dict[str, float]:
    """Measure what another split claims beyond an honest one, on the clips that the honest one tests.

    Pieces of a clip count as parts of it. The interval is a bootstrap over groups, each drawn for both splits at once.

    Returns
    -------
    n_clips, honest and claimed (accuracies), leak, leak_low, leak_high
    """
    by_clip = honest.table.groupby("clip_id").agg(group=("group", "first"), hit=("hit", "mean"))
    clip_ids = match_clips(other.table["clip_id"], honest.table["clip_id"])
    claimed = other.table.assign(clip_id=clip_ids).groupby("clip_id")["hit"].mean()
    both = by_clip.join(claimed.rename("claimed"), how="inner")
    differences = (both["claimed"] - both["hit"]).to_numpy()
    difference, low, high = metrics.average_over_groups(differences, both["group"].to_numpy(), seed)
    means = {"honest": both["hit"].mean(), "claimed": both["claimed"].mean()}
    return {"n_clips": len(both), **means, "leak": float(difference), "leak_low": float(low), "leak_high": float(high)}


def match_clips(ids: pd.Series, clip_ids: pd.Series) -> pd.Series:
    """Return the clip of each id, which are those of clips or those of pieces of all of `clip_ids`.

    A clip may be called `song#1`, so its name alone does not tell it from a piece.
    """
    clips_of_pieces = strip_piece_numbers(ids)
    are_pieces = (clips_of_pieces != ids).all() and clip_ids.isin(clips_of_pieces).all()
    return clips_of_pieces if are_pieces else ids


def estimate_best(cells: Mapping[CellName, Hits], seed: int) -> float:
    """Estimate the accuracy on new groups of the cell that is chosen for its accuracy on these.

    The cell is chosen on resampled groups and scored on those that were not drawn; the result is the mean (the
    bootstrap bias correction of Tsamardinos, Greasidou and Borboudakis 2018, algorithm 3).
    """
    by_group = [hits.table.groupby("group")["hit"].agg(["sum", "size"]) for hits in cells.values()]
    hits, sizes = (np.array([table[column] for table in by_group], dtype=float) for column in ("sum", "size"))
    counts = metrics.resample(hits.shape[1], seed)
    chosen = ((counts @ hits.T) / (counts @ sizes.T)).argmax(axis=1)
    left_out = (counts == 0).astype(float)
    rows, n = np.arange(len(chosen)), (left_out @ sizes.T)
    scored = n[rows, chosen] > 0
    scores = (left_out @ hits.T)[rows, chosen][scored] / n[rows, chosen][scored]
    return float(scores.mean()) if len(scores) else float("nan")
