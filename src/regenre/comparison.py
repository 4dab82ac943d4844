"""Cells against each other, on the same clips.

    most_honest    which split of a grid to believe
    against_best   every cell of a split against the one with the highest accuracy: differences, tests
    leak           what a split that lets groups straddle claims, less what an honest one finds
    after_choosing what to expect of the best of many cells on new groups

Clips of one group are not independent, so a test that flips single clips (McNemar) claims too much. The test
that decides here flips whole groups; with a clip a group it is McNemar's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.stats

from regenre import metrics
from regenre.tables import clips_of_pieces

HONEST = ("fault_filtered", "fault_filtered_valid", "grouped_kfold")  # splits that can be believed, the best first
LEVEL = 0.05


def most_honest(splits: Sequence[str]) -> str:
    """The split of these whose scores can be believed most."""
    return next((name for name in HONEST if name in splits), splits[0])


@dataclass(frozen=True)
class Hits:
    """Which clips a cell names rightly.

    Attributes
    ----------
    table : a row a tested clip or piece: clip_id, group, fold, hit
    n_train : clips that each fold was fitted on
    """

    table: pd.DataFrame
    n_train: Sequence[int]

    @classmethod
    def of(cls, predictions: pd.DataFrame, n_train: Sequence[int]) -> "Hits":
        """The hits of a cell's predictions."""
        hit = (predictions["actual"] == predictions["predicted"]).astype(float)
        return cls(predictions[["clip_id", "group", "fold"]].assign(hit=hit), n_train)

    @property
    def accuracy(self) -> float:
        """Share of hits."""
        return float(self.table["hit"].mean())


def against_best(cells: Mapping[str, Hits], seed: int) -> pd.DataFrame:
    """Every cell against the best; all have to have tested the same clips.

    Returns
    -------
    a row a cell: cell, best, difference (of accuracy, best less this) with `_low` and `_high`, n_only_best and
    n_only_this (clips that one of them alone names rightly), p_mcnemar, p_corrected_t, p_groups, p_holm (of p_groups,
    over the cells) and indistinguishable (p_holm is above 0.05)
    """
    best = max(cells, key=lambda name: cells[name].accuracy)
    rows = [{"cell": name, "best": best, **_compared(cells[best], hits, seed)} for name, hits in cells.items()]
    table = pd.DataFrame(rows).assign(p_holm=1.0)
    others = table["cell"] != best
    table.loc[others, "p_holm"] = holm(table.loc[others, "p_groups"].to_numpy())
    return table.assign(indistinguishable=table["p_holm"] > LEVEL)


def _compared(best: Hits, this: Hits, seed: int) -> dict[str, float]:
    both = best.table.merge(this.table[["clip_id", "fold", "hit"]], on=["clip_id", "fold"], suffixes=("", "_this"))
    if len(both) != len(best.table) or len(both) != len(this.table):
        raise ValueError("cells of one split test the same clips")
    apart = both["hit"] - both["hit_this"]
    n_best, n_this = int((apart > 0).sum()), int((apart < 0).sum())
    difference, low, high = metrics.mean_over_groups(apart.to_numpy(), both["group"].to_numpy(), seed)
    of_folds = apart.groupby(both["fold"]).mean().to_numpy()
    n_test = both.groupby("fold").size().to_numpy()
    return {
        "difference": float(difference),
        "difference_low": float(low),
        "difference_high": float(high),
        "n_only_best": n_best,
        "n_only_this": n_this,
        "p_mcnemar": mcnemar(n_best, n_this),
        "p_corrected_t": corrected_t(of_folds, np.asarray(this.n_train), n_test),
        "p_groups": flipped(apart.groupby(both["group"]).sum().to_numpy().astype(int)),
    }


def mcnemar(n_only_one: int, n_only_other: int) -> float:
    """Exact two-sided p of McNemar's test (1947): discordant clips against a fair coin."""
    n = n_only_one + n_only_other
    return float(scipy.stats.binomtest(n_only_one, n).pvalue) if n else 1.0


def flipped(differences: np.ndarray) -> float:
    """Exact two-sided p of the sum of the groups' differences (Fisher 1935), each group's sign being a fair coin.

    Parameters
    ----------
    differences : clips that the one names rightly less those that the other does, int, shape (n_groups,)
    """
    sizes = np.abs(differences[differences != 0])
    share = np.ones(1)  # of each sum from -k to k, as groups are added
    for size in sizes:
        share = np.convolve(share, np.r_[0.5, np.zeros(2 * size - 1), 0.5])
    sums = np.arange(len(share)) - len(share) // 2
    return float(min(1.0, share[np.abs(sums) >= abs(differences.sum())].sum()))


def corrected_t(differences: np.ndarray, n_train: np.ndarray, n_test: np.ndarray) -> float:
    """Two-sided p of the corrected resampled t-test (Nadeau and Bengio 2003, section 3).

    t = mean / sqrt((1 / J + n_test / n_train) s^2) with J - 1 degrees of freedom, J differences of accuracy, a fold
    each: training sets overlap, so plain t claims too much. NaN for a single fold.
    """
    n = len(differences)
    if n < 2:
        return float("nan")
    mean, variance = differences.mean(), differences.var(ddof=1)
    scale = np.sqrt((1 / n + n_test.mean() / n_train.mean()) * variance)
    if scale == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * scipy.stats.t.sf(abs(mean) / scale, n - 1))


def holm(p: np.ndarray) -> np.ndarray:
    """P-values adjusted for their number (Holm 1979): those below a hold at level a together."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def leak(honest: Hits, other: Hits, seed: int) -> dict[str, float]:
    """What another split claims beyond an honest one, on the clips that the honest one tests.

    Pieces of a clip count as parts of it. The interval is the bootstrap's over groups, each drawn for both.

    Returns
    -------
    n_clips, honest, claimed (accuracies), leak, leak_low, leak_high
    """
    found = honest.table.groupby("clip_id").agg(group=("group", "first"), hit=("hit", "mean"))
    claimed = other.table.assign(clip_id=clips_of_pieces(other.table["clip_id"])).groupby("clip_id")["hit"].mean()
    both = found.join(claimed.rename("claimed"), how="inner")
    apart = (both["claimed"] - both["hit"]).to_numpy()
    difference, low, high = metrics.mean_over_groups(apart, both["group"].to_numpy(), seed)
    means = {"honest": both["hit"].mean(), "claimed": both["claimed"].mean()}
    return {"n_clips": len(both), **means, "leak": float(difference), "leak_low": float(low), "leak_high": float(high)}


def after_choosing(cells: Mapping[str, Hits], seed: int) -> float:
    """Accuracy to expect on new groups of the cell that is chosen for its accuracy on these.

    Chosen on resampled groups and scored on those that were not drawn, on average (the bootstrap bias correction of
    Tsamardinos, Greasidou and Borboudakis 2018, algorithm 3).
    """
    by_group = [hits.table.groupby("group")["hit"].agg(["sum", "size"]) for hits in cells.values()]
    hits, sizes = (np.array([table[column] for table in by_group], dtype=float) for column in ("sum", "size"))
    drawn = metrics.resampled(hits.shape[1], seed)
    chosen = ((drawn @ hits.T) / (drawn @ sizes.T)).argmax(axis=1)
    left_out = (drawn == 0).astype(float)
    rows, n = np.arange(len(chosen)), (left_out @ sizes.T)
    known = n[rows, chosen] > 0
    scores = (left_out @ hits.T)[rows, chosen][known] / n[rows, chosen][known]
    return float(scores.mean()) if len(scores) else float("nan")
