"""The clip table: every clip opened once, every fault a row with its reason.

Clips that are one recording (`audit`) join one group, so that a grouped split keeps them on one side.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse
from joblib import Parallel, delayed
from tqdm import tqdm

from regenre import audio, audit, tables
from regenre.errors import UserError
from regenre.fetch import md5_of

_NOTHING_KNOWN: dict[str, object] = {
    "duration_s": np.nan, "sr": 0, "channels": 0, "md5": "", "status": "ok", "fault": "", "reason": "",
}  # fmt: skip


def index(
    clips: pd.DataFrame, raw: Path, min_duration_s: float, audio_given: bool = True
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Open every clip and say what it is.

    Parameters
    ----------
    clips : columns `datasets.CLIP_FACTS`
    raw : folder that `path` is relative to
    min_duration_s : shorter clips are excluded as `too_short`
    audio_given : False for clips that are rows of a table: nothing is opened, every clip is usable

    Returns
    -------
    the clip table, columns `tables.CLIPS`, and what the audit found, columns `audit.FINDINGS`

    Raises
    ------
    UserError
        No usable clip in a genre, or fewer than two genres.
    """
    heard: dict[str, audit.Heard] = {}
    if audio_given:
        looked = Parallel(return_as="generator")(
            delayed(_look)(raw.absolute(), path, min_duration_s) for path in clips["path"]
        )
        facts, samples = zip(*tqdm(looked, total=len(clips), desc="index", unit=" clips", disable=None), strict=True)
        heard = {clip_id: clip for clip_id, clip in zip(clips["clip_id"], samples, strict=True) if clip is not None}
    else:
        facts = tuple([_NOTHING_KNOWN] * len(clips))
    table = pd.concat([clips, pd.DataFrame(facts, index=clips.index)], axis=1)
    _check_genres(table)
    found = audit.findings(table, heard) if audio_given else pd.DataFrame(columns=audit.FINDINGS)
    table["group"] = _joined(table, found)
    return table[tables.CLIPS], found


def _look(raw: Path, path: str, min_duration_s: float) -> tuple[dict[str, object], audit.Heard | None]:
    """One clip's facts, a fault being a fact, and what is heard in a usable clip."""
    facts, heard = dict(_NOTHING_KNOWN), None
    try:
        if not path:
            raise audio.AudioError("missing", "the source does not hold this clip")
        facts["md5"] = md5_of(raw / path) if (raw / path).is_file() else ""
        samples, sr = audio.decode(raw / path)
        facts |= {"duration_s": len(samples) / sr, "sr": sr, "channels": samples.shape[1]}
        audio.check(samples, sr, min_duration_s)
        heard = audit.heard(samples, sr)
    except audio.AudioError as error:
        facts |= {"status": "excluded", "fault": error.fault, "reason": str(error)}
    return facts, heard


def _joined(table: pd.DataFrame, found: pd.DataFrame) -> pd.Series:
    """Groups, with those that share a recording made one, named after the first of them."""
    group = table.set_index("clip_id")["group"]
    names = pd.Index(sorted(set(group)))
    same = found[found["related_clip_id"] != ""]
    one, other = (names.get_indexer(pd.Index(group[same[column]])) for column in ("clip_id", "related_clip_id"))
    edges = scipy.sparse.coo_matrix((np.ones(len(same)), (one, other)), shape=(len(names), len(names)))
    _, component = scipy.sparse.csgraph.connected_components(edges, directed=False)
    first = pd.Series(names).groupby(component).transform("first")
    return table["group"].map(dict(zip(names, first, strict=True)))


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
