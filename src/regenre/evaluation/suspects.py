"""Suspect labels: clips whose genre is probably wrong, by confident learning (Northcutt, Jiang and Chuang 2021).

The probabilities come from models that were not trained on the clip. Models that know the other clips of its artist
see a wrong label most clearly, so pass the cells of a random split. Check suspects by ear: a confident mistake of the
models looks the same as a wrong label.

    find_suspects   predictions of several cells -> one row per suspect clip
    SUSPECTS        columns of that table
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regenre.common.tables import PROBA, list_genres

SUSPECTS = ["clip_id", "genre", "suspected_genre", "proba_genre", "proba_suspected", "confident"]


def find_suspects(cells: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Find the clips for which another genre is more probable than their own.

    The probabilities are averaged over the cells.

    Parameters
    ----------
    cells : predictions of at least one cell; every clip is tested in at least one of them

    Returns
    -------
    columns `SUSPECTS`, sorted by margin in descending order. The margin is the probability of the other genre minus
    that of the clip's own (the paper's "normalised margin"). `confident` is True where the probability of the other
    genre reaches the average that clips of that genre have for it (the paper's eq. 2).
    """
    genres = list_genres(cells[0])
    by_clip = pd.concat(cells).groupby("clip_id")
    proba, actual = by_clip[[PROBA + genre for genre in genres]].mean().to_numpy(), by_clip["actual"].first()
    rows, label = np.arange(len(actual)), pd.Index(genres).get_indexer(pd.Index(actual))
    own_proba = proba[rows, label]
    thresholds = np.array(
        [own_proba[label == column].mean() if (label == column).any() else np.inf for column in range(len(genres))]
    )
    other_proba = proba.copy()
    other_proba[rows, label] = -1.0
    other = other_proba.argmax(axis=1)
    table = pd.DataFrame(
        {
            "clip_id": actual.index,
            "genre": actual.to_numpy(),
            "suspected_genre": np.array(genres)[other],
            "proba_genre": own_proba,
            "proba_suspected": proba[rows, other],
            "confident": proba[rows, other] >= thresholds[other],
        }
    )
    table = table.assign(margin=table["proba_suspected"] - own_proba)
    suspects = table[table["margin"] > 0].sort_values(["margin", "clip_id"], ascending=[False, True], ignore_index=True)
    return suspects[SUSPECTS]
