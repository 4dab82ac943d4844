"""A map of the clips: the features that a cell reads, brought to two dimensions, for looking only.

Clips that are near each other in many dimensions may be far apart on the map, and the other way round. No score is
computed from it.

    map_clips  a planned cell -> ClipMap
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from regenre.evaluation.comparison import match_clips
from regenre.learning.plan import PlannedCell
from regenre.learning.tasks import Values

POINTS = ["clip_id", "genre", "x", "y"]
_PERPLEXITY = 30.0  # of t-SNE; a third of the clips if they are few


@dataclass(frozen=True)
class ClipMap:
    """The place of each clip.

    Attributes
    ----------
    points : columns `POINTS`, one row per usable clip, also those that the cell does not test; no rows for a cell that
        reads nothing but texts
    axes : what x and y are, in a sentence
    """

    points: pd.DataFrame
    axes: str


def map_clips(cell: PlannedCell, clip_ids: pd.Series, method: str, seed: int) -> ClipMap:
    """Project the columns of a cell, each brought to mean 0 and variance 1; texts are left out.

    A clip that the cell reads as frames or in pieces is their mean.

    Parameters
    ----------
    clip_ids : of the clip table
    method : `pca`, the two directions of the largest variance (Pearson 1901); or `tsne` (van der Maaten and Hinton
        2008), which starts from these
    seed : of t-SNE
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import StandardScaler

    rows = pd.DataFrame(_average_frames(cell.values))
    if rows.empty:
        return ClipMap(pd.DataFrame(columns=POINTS), f"{cell.name} reads nothing but texts, which have no place.")
    own = match_clips(cell.clips["clip_id"], clip_ids).to_numpy()
    genres = pd.Series(cell.clips["genre"].to_numpy(), own).groupby(level=0).first()
    values = StandardScaler().fit_transform(rows.groupby(own).mean().to_numpy())
    pca = PCA(min(2, *values.shape), random_state=seed).fit(values)
    places = np.zeros((len(values), 2))  # a single column has no second direction
    places[:, : pca.n_components_] = pca.transform(values)
    axes = (
        f"The two directions in which the {values.shape[1]} standardised columns of {cell.name} vary most (PCA); they"
        f" hold {pca.explained_variance_ratio_.sum() * 100:.0f} % of the variance."
    )
    if method == "tsne":
        perplexity = min(_PERPLEXITY, (len(values) - 1) / 3)
        places = TSNE(init=places, perplexity=perplexity, random_state=seed).fit_transform(values)
        axes = (
            f"t-SNE of the {values.shape[1]} standardised columns of {cell.name} (perplexity {perplexity:.0f}): it"
            " keeps neighbours together, and distances between clusters mean nothing."
        )
    table = pd.DataFrame({"clip_id": genres.index, "genre": genres.to_numpy(), "x": places[:, 0], "y": places[:, 1]})
    return ClipMap(table[POINTS], axes)


def _average_frames(values: Values) -> np.ndarray:
    """Return one row of numbers per clip."""
    if values.lengths is not None:
        sums = np.add.reduceat(values.array, np.cumsum(values.lengths) - values.lengths, dtype=np.float64)
        return np.asarray(sums / values.lengths[:, None])
    places = [place for place in range(values.array.shape[1]) if not values.words or place != values.words.place]
    return values.array[:, places].astype(np.float64)
