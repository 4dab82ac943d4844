"""The clip table: every clip is opened once, and a clip with a fault is a row with the reason.

Clips of the same recording (`audit`) join one group, so that a grouped split keeps them on one side.

    index_clips   clips of a dataset -> clip table, findings of the audit, previews
"""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse

from regenre import audio, parts
from regenre.common import tables
from regenre.common.compute import CRASHED
from regenre.common.errors import UserError, explain_error
from regenre.common.files import compute_md5
from regenre.decoding import AudioError
from regenre.quality import audit
from regenre.quality.preview import HEIGHT, WIDTH, Preview, make_preview

_DEFAULT_FACTS: dict[str, object] = {
    "duration_s": np.nan, "sr": 0, "channels": 0, "md5": "", "status": "ok", "fault": "", "reason": "",
}  # fmt: skip
_LISTS = {"peaks": pa.float32(), "bars": pa.uint8(), "levels": pa.uint8(), "mp3": pa.uint8()}
_MEASURED = ("clipped", "dc", "peaks", "preview_s", "bars", "levels", "mp3")
_SCHEMA = pa.schema(
    [(name, pa.scalar(value).type) for name, value in _DEFAULT_FACTS.items()]
    + [(name, pa.list_(_LISTS[name]) if name in _LISTS else pa.float64()) for name in _MEASURED]
)
_UNLABELLED = {"status": "excluded", "fault": "unlabelled", "reason": "the source gives no genre"}


def index_clips(
    clips: pd.DataFrame, raw: Path, min_duration_s: float, audio_given: bool = True, folder: Path | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Preview]]:
    """Open every clip; return the clip table, the findings of the audit and the previews.

    Parameters
    ----------
    clips : columns `dataset.CLIP_FACTS`, and any of `dataset.MORE_FACTS`
    raw : folder that `path` is relative to
    min_duration_s : shorter clips are excluded as `too_short`
    audio_given : False for clips that are rows of a table: no file is opened and every clip is usable
    folder : where parts are kept, see `parts.compute_parts`

    Returns
    -------
    clip table : columns `tables.CLIPS`, and `tables.PART` if `clips` has it
    findings : columns `audit.FINDINGS`
    previews : clip_id -> preview, of every usable clip

    Raises
    ------
    UserError
        A genre has no usable clip, or there are fewer than two genres.
    """
    if clips.empty:
        raise UserError(f"{raw}: clips expected, none found; run `dvc repro download`")
    measurements: dict[str, audit.Measurements] = {}
    previews: dict[str, Preview] = {}
    if audio_given:
        broken = clips["broken"] if "broken" in clips else [""] * len(clips)
        calls = [(raw.absolute(), *call, min_duration_s) for call in zip(clips["path"], broken, strict=True)]
        inputs = [list(map(_describe, calls))]
        rows = parts.compute_parts(folder, inputs, _inspect_clip, calls, _SCHEMA, "index", _leave_out)
        facts = rows.select(list(_DEFAULT_FACTS)).to_pylist()
        labelled = ~tables.is_blank(clips["genre"])
        columns = (parts.view_rows(rows[name]) if name in _LISTS else rows[name].to_pylist() for name in _MEASURED)
        for clip_id, clipped, *others in itertools.compress(zip(clips["clip_id"], *columns, strict=True), labelled):
            if clipped is not None:
                dc, peaks, duration_s, bars, levels, mp3 = others
                measurements[clip_id] = audit.Measurements(clipped, dc, peaks.reshape(-1, 2))
                previews[clip_id] = Preview(duration_s, bars, levels.reshape(HEIGHT, WIDTH), mp3.data)
    else:
        facts = [_DEFAULT_FACTS] * len(clips)
    table = pd.concat([clips, pd.DataFrame(facts, index=clips.index)], axis=1)
    is_unlabelled = (table["status"] == "ok") & tables.is_blank(table["genre"])
    table.loc[is_unlabelled, list(_UNLABELLED)] = list(_UNLABELLED.values())
    _check_genres(table)
    findings = audit.list_findings(table, measurements) if audio_given else pd.DataFrame(columns=audit.FINDINGS)
    table["group"] = _join_groups(table, findings)
    return table.filter([*tables.CLIPS, tables.PART]), findings, previews


def _describe(call: tuple[Path, str, str, float]) -> list[object]:
    """Return what decides the row of a clip: its name and setting, and the size and time of its file."""
    raw, path, *others = call
    facts = (raw / path).stat() if (raw / path).is_file() else None
    return [path, *others, *([facts.st_size, facts.st_mtime_ns] if facts else [])]


def _inspect_clip(raw: Path, path: str, broken: str, min_duration_s: float) -> list[dict[str, object]]:
    """Return a clip's row: `_DEFAULT_FACTS`, and `_MEASURED` if it is usable."""
    row: dict[str, object] = dict(_DEFAULT_FACTS)
    try:
        if not path:
            raise AudioError("missing", "the source does not hold this clip")
        row["md5"] = compute_md5(raw / path) if (raw / path).is_file() else ""
        if broken:
            raise AudioError("broken", broken)
        samples, sr = audio.decode(raw / path)
        row |= {"duration_s": len(samples) / sr, "sr": sr, "channels": samples.shape[1]}
        y = audio.check_samples(samples, sr, min_duration_s)
        measured, preview = audit.measure(samples, sr), make_preview(y, sr)
        mp3 = np.frombuffer(preview.mp3, np.uint8)
        flat = measured.peaks.ravel(), preview.duration_s, preview.peaks, preview.levels.ravel(), mp3
        row |= dict(zip(_MEASURED, (measured.clipped, measured.dc, *flat), strict=True))
    except AudioError as error:
        row |= {"status": "excluded", "fault": error.fault, "reason": str(error)}
    except Exception as error:  # the other clips go on
        row |= {"status": "excluded", "fault": "unreadable", "reason": explain_error(error)}
    return [row]


def _leave_out(raw: Path, path: str, *_: object) -> list[dict[str, object]]:
    """Return the row of a clip that ends the process which inspects it."""
    why = {"status": "excluded", "fault": "unreadable", "reason": CRASHED}
    return [dict(_DEFAULT_FACTS) | {"md5": compute_md5(raw / path)} | why]


def _join_groups(table: pd.DataFrame, findings: pd.DataFrame) -> pd.Series:
    """Return the groups; those that share a recording become one, with the first name in alphabetical order."""
    group = table.set_index("clip_id")["group"]
    names = pd.Index(sorted(set(group)))
    replicas = findings[findings["related_clip_id"] != ""]
    first, second = (names.get_indexer(pd.Index(group[replicas[column]])) for column in ("clip_id", "related_clip_id"))
    edges = scipy.sparse.coo_matrix((np.ones(len(replicas)), (first, second)), shape=(len(names), len(names)))
    _, component = scipy.sparse.csgraph.connected_components(edges, directed=False)
    joint_names = pd.Series(names).groupby(component).transform("first")
    return table["group"].map(dict(zip(names, joint_names, strict=True)))


def _check_genres(table: pd.DataFrame) -> None:
    labelled = table[~tables.is_blank(table["genre"])]
    n_usable = labelled.assign(usable=labelled["status"] == "ok").groupby("genre")["usable"].sum()
    if (n_usable == 0).any():
        genre = n_usable.idxmin()
        reason = table[table["genre"] == genre]["reason"].iloc[0]
        raise UserError(
            f"genre {genre}: no usable clip (the first: {reason}); repair or replace its files, or remove the genre"
        )
    if len(n_usable) < 2:
        raise UserError(
            f"at least two genres expected, {len(n_usable)} found ({', '.join(n_usable.index) or 'no clip at all'})"
        )
