"""Two cells, of this project or of others, compared on the clips that both test.

Pair          the comparison of A with B
compare_pair  predictions of two cells -> comparison
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from regenre.common.errors import UserError
from regenre.evaluation import comparison, metrics


@dataclass(frozen=True)
class Pair:
    """The comparison of A with B, on the clips that both test.

    Attributes
    ----------
    scores : n_clips, n_groups, accuracy_a, accuracy_b, difference (B less A) with `_low` and `_high`, n_only_a and
        n_only_b (clips that only one of them classifies correctly), p_groups (`comparison.compute_sign_flip`)
    genres : genre, n_clips, recall_a, recall_b, difference with `_low` and `_high`; by the labels of A
    changed : the clips that only one of them classifies correctly: clip_id, group, actual_a, actual_b, predicted_a,
        predicted_b, right ("A" or "B")
    n_left_a, n_left_b : number of clips that only A tests, that only B tests
    n_relabelled : number of clips whose labels differ; each cell is scored by its own
    """

    scores: dict[str, float]
    genres: pd.DataFrame
    changed: pd.DataFrame
    n_left_a: int
    n_left_b: int
    n_relabelled: int


def compare_pair(a: pd.DataFrame, b: pd.DataFrame, seed: int) -> Pair:
    """Compare the predictions of two cells.

    Clips whose groups are the same in A or in B are resampled together, and their signs are flipped together.

    Parameters
    ----------
    a, b : predictions
    seed : of the bootstrap over groups

    Raises
    ------
    UserError
        They have no clip in common.
    """
    columns = ["clip_id", "group", "actual", "predicted"]
    both = a[columns].merge(b[columns], on="clip_id", suffixes=("_a", "_b"))
    if both.empty:
        raise UserError(
            f"clips that both cells test expected, none found: one tests {a['clip_id'].iloc[0]}, the other"
            f" {b['clip_id'].iloc[0]}; compare cells of the same clips"
        )
    hits = {side: (both[f"actual_{side}"] == both[f"predicted_{side}"]).to_numpy(float) for side in "ab"}
    group = _join_groups(both["group_a"], both["group_b"])
    difference: np.ndarray = hits["b"] - hits["a"]
    scores = {
        "n_clips": len(both),
        "n_groups": len(np.unique(group)),
        "accuracy_a": float(hits["a"].mean()),
        "accuracy_b": float(hits["b"].mean()),
        **_average(difference, group, seed),
        "n_only_a": int((difference < 0).sum()),
        "n_only_b": int((difference > 0).sum()),
        "p_groups": comparison.compute_sign_flip(np.bincount(group, difference).round().astype(int)),
    }
    genres = []
    for genre in sorted(both["actual_a"].unique()):
        rows = (both["actual_a"] == genre).to_numpy()
        recalls = {f"recall_{side}": float(hits[side][rows].mean()) for side in "ab"}
        average = _average(difference[rows], group[rows], seed)
        genres.append({"genre": genre, "n_clips": int(rows.sum()), **recalls, **average})
    shown = ["clip_id", "group", "actual_a", "actual_b", "predicted_a", "predicted_b", "right"]
    changed = both.assign(group=both["group_a"], right=np.where(difference > 0, "B", "A"))[difference != 0][shown]
    return Pair(
        scores,
        pd.DataFrame(genres),
        changed.sort_values(["right", "actual_a", "clip_id"], ascending=[False, True, True], ignore_index=True),
        int((~a["clip_id"].isin(both["clip_id"])).sum()),
        int((~b["clip_id"].isin(both["clip_id"])).sum()),
        int((both["actual_a"] != both["actual_b"]).sum()),
    )


def _average(difference: np.ndarray, group: np.ndarray, seed: int) -> dict[str, float]:
    mean, low, high = metrics.average_over_groups(difference, group, seed)
    return {"difference": float(mean), "difference_low": float(low), "difference_high": float(high)}


def _join_groups(a: pd.Series, b: pd.Series) -> np.ndarray:
    """Return the number of each clip's group; groups of A and of B that share a clip are one."""
    (place_a, names), (place_b, others) = pd.factorize(a), pd.factorize(b)
    n = len(names) + len(others)
    links = coo_array((np.ones(len(a)), (place_a, len(names) + place_b)), shape=(n, n))
    _, number = connected_components(links, directed=False)
    return pd.factorize(number[place_a])[0]
