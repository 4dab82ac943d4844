"""The clip table: every clip opened once, every fault a row with its reason.

Exact replicas (same bytes) join one group, so that a grouped split keeps them on one side.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse
from joblib import Parallel, delayed
from tqdm import tqdm

from regenre import audio, tables
from regenre.errors import UserError
from regenre.fetch import md5_of

_NOTHING_KNOWN: dict[str, object] = {
    "duration_s": np.nan, "sr": 0, "channels": 0, "md5": "", "status": "ok", "fault": "", "reason": "",
}  # fmt: skip


def index(clips: pd.DataFrame, raw: Path, min_duration_s: float, audio_given: bool = True) -> pd.DataFrame:
    """Open every clip and say what it is.

    Parameters
    ----------
    clips : columns `datasets.CLIP_FACTS`
    raw : folder that `path` is relative to
    min_duration_s : shorter clips are excluded as `too_short`
    audio_given : False for clips that are rows of a table: nothing is opened, every clip is usable

    Returns
    -------
    the clip table, columns `tables.CLIPS`

    Raises
    ------
    UserError
        No usable clip in a genre, or fewer than two genres.
    """
    if audio_given:
        looked = Parallel(return_as="generator")(
            delayed(_look)(raw.absolute(), path, min_duration_s) for path in clips["path"]
        )
        facts = list(tqdm(looked, total=len(clips), desc="index", unit=" clips", disable=None))
        table = pd.concat([clips, pd.DataFrame(facts, index=clips.index)], axis=1)
        table["group"] = _joined(table)
    else:
        table = pd.concat([clips, pd.DataFrame([_NOTHING_KNOWN] * len(clips), index=clips.index)], axis=1)
    _check_genres(table)
    return table[tables.CLIPS]


def _look(raw: Path, path: str, min_duration_s: float) -> dict[str, object]:
    """One clip's facts; a fault is a fact."""
    facts = dict(_NOTHING_KNOWN)
    try:
        if not path:
            raise audio.AudioError("missing", "the source does not hold this clip")
        facts["md5"] = md5_of(raw / path) if (raw / path).is_file() else ""
        samples, sr = audio.decode(raw / path)
        facts |= {"duration_s": len(samples) / sr, "sr": sr, "channels": samples.shape[1]}
        audio.check(samples, sr, min_duration_s)
    except audio.AudioError as error:
        facts |= {"status": "excluded", "fault": error.fault, "reason": str(error)}
    return facts


def _joined(table: pd.DataFrame) -> pd.Series:
    """Groups, with those that share a file's bytes made one, named after the first of them."""
    usable = table[table["status"] == "ok"]
    groups, names = pd.factorize(usable["group"], sort=True)
    files, _ = pd.factorize(usable["md5"])
    n = len(names) + len(usable)
    edges = scipy.sparse.coo_matrix((np.ones(len(usable)), (groups, len(names) + files)), shape=(n, n))
    _, component = scipy.sparse.csgraph.connected_components(edges, directed=False)
    first = pd.Series(names).groupby(component[: len(names)]).first().to_numpy()
    joined = table["group"].copy()
    joined[usable.index] = first[np.unique(component, return_inverse=True)[1][groups]]
    return joined


def _check_genres(table: pd.DataFrame) -> None:
    usable = table.assign(usable=table["status"] == "ok").groupby("genre")["usable"].sum()
    if (usable == 0).any():
        genre = usable.idxmin()
        reason = table[table["genre"] == genre]["reason"].iloc[0]
        raise UserError(f"genre {genre}: no usable clip (the first: {reason}); mend its files or remove the genre")
    if len(usable) < 2:
        raise UserError(
            f"at least two genres expected, {len(usable)} found ({', '.join(usable.index) or 'no clip at all'})"
        )
