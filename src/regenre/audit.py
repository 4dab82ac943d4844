"""What is wrong with the data: of each clip, and between clips.

A finding is a row: clip_id, finding, related_clip_id, score.

    (faults)        why a clip is excluded (`audio.FAULTS`)
    clipped         share of samples in flat tops, at least 1e-4
    dc              mean sample, at least 0.01 of full scale either way
    wrong_length    seconds, a tenth and more off the median of a corpus of one length
    wrong_rate      Hz, other than most clips have
    exact_replica   the same bytes as the related clip
    replica         the same recording (`fingerprint`): share of coinciding peaks

`suspects` are labels that classifiers doubt; they take fitted models, and so come last.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regenre import fingerprint
from regenre.tables import PROBA, genres_of

FINDINGS = ["clip_id", "finding", "related_clip_id", "score"]
SUSPECTS = ["clip_id", "genre", "suspected_genre", "proba_genre", "proba_suspected", "confident"]
_CLIPPED, _DC, _LENGTH = 1e-4, 0.01, 0.1
_FLAT = 3  # samples a flat top has at least


@dataclass(frozen=True)
class Heard:
    """What one look at a clip's samples yields: see the module."""

    clipped: float
    dc: float
    peaks: np.ndarray


def heard(samples: np.ndarray, sr: int) -> Heard:
    """Look at samples of shape (n_samples, n_channels)."""
    return Heard(
        max(flat_tops(channel) for channel in samples.T),
        float(max(samples.mean(axis=0, dtype=np.float64), key=abs)),
        fingerprint.peaks(samples.mean(axis=1, dtype=np.float32), sr),
    )


def flat_tops(y: np.ndarray) -> float:
    """Share of the samples that lie in runs of three and more at the highest or the lowest value."""
    n = 0
    for extreme in (y.max(), y.min()):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], (y == extreme).astype(np.int8), [0]])))
        runs = edges[1::2] - edges[::2]
        n += int(runs[runs >= _FLAT].sum())
    return n / len(y)


def findings(clips: pd.DataFrame, found: dict[str, Heard]) -> pd.DataFrame:
    """All findings, sorted by finding and clip.

    Parameters
    ----------
    clips : the clip table
    found : clip_id -> what was heard, of usable clips
    """
    usable = clips[clips["status"] == "ok"]
    rows: list[tuple[str, str, str, float]] = [
        (str(row.clip_id), str(row.fault), "", np.nan) for row in clips[clips["status"] != "ok"].itertuples()
    ]
    for clip_id, clip in found.items():
        rows += [(clip_id, "clipped", "", clip.clipped)] if clip.clipped >= _CLIPPED else []
        rows += [(clip_id, "dc", "", clip.dc)] if abs(clip.dc) >= _DC else []
    rows += _odd(usable, "wrong_length", usable["duration_s"], usable["duration_s"].median() * _LENGTH)
    rows += _odd(usable, "wrong_rate", usable["sr"], 0.5)
    exact = [(one, other) for _, same in usable.groupby("md5")["clip_id"] for one, other in itertools.pairwise(same)]
    rows += [(other, "exact_replica", one, 1.0) for one, other in exact]
    names, md5 = list(found), dict(zip(usable["clip_id"], usable["md5"], strict=True))
    for pair in fingerprint.replicas([found[name].peaks for name in names]):
        one, other = names[pair.first], names[pair.second]
        if md5[one] != md5[other]:
            rows.append((other, "replica", one, pair.agreement))
    return pd.DataFrame(rows, columns=FINDINGS).sort_values(FINDINGS[1::-1], ignore_index=True)


def _odd(clips: pd.DataFrame, finding: str, values: pd.Series, tolerated: float) -> list[tuple[str, str, str, float]]:
    """Clips off the median, where at least half are on it."""
    off = (values - values.median()).abs() > tolerated
    if off.mean() > 0.5:
        return []
    return [(str(clips["clip_id"][row]), finding, "", float(values[row])) for row in off[off].index]


def suspects(cells: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Labels that are probably wrong: confident learning (Northcutt, Jiang and Chuang 2021).

    A clip is listed where another genre is more probable than its own, by the probabilities of models that were not
    trained on it, averaged over the cells. Of no score, so models that know the artist's other clips tell the most:
    give the cells of a random split.

    Parameters
    ----------
    cells : predictions, every clip tested in at least one of them

    Returns
    -------
    columns `SUSPECTS`, by margin, the other genre's probability less its own (their "normalised margin"), the largest
    first; confident: that probability is at least what clips of that genre have on average (their eq. 2)
    """
    genres = genres_of(cells[0])
    every = pd.concat(cells).groupby("clip_id")
    proba, actual = every[[PROBA + genre for genre in genres]].mean().to_numpy(), every["actual"].first()
    rows, label = np.arange(len(actual)), pd.Index(genres).get_indexer(pd.Index(actual))
    own = proba[rows, label]
    usual = np.array([own[label == place].mean() if (label == place).any() else np.inf for place in range(len(genres))])
    others = proba.copy()
    others[rows, label] = -1.0
    other = others.argmax(axis=1)
    table = pd.DataFrame(
        {
            "clip_id": actual.index,
            "genre": actual.to_numpy(),
            "suspected_genre": np.array(genres)[other],
            "proba_genre": own,
            "proba_suspected": proba[rows, other],
            "confident": proba[rows, other] >= usual[other],
        }
    )
    table = table.assign(margin=table["proba_suspected"] - own)
    found = table[table["margin"] > 0].sort_values(["margin", "clip_id"], ascending=[False, True], ignore_index=True)
    return found[SUSPECTS]
