"""Extraction of features from clips, in one pass over the audio.

Each clip is decoded and transformed once; all families are computed from that transform.

    Analysis       settings that determine how samples become features
    FeatureTables  pooled features and sequences of all clips
    OnDemand       values that are made when they are asked for
    Copies         changed copies of clips: how they are made, and which families are computed from them
    extract        the pass over all clips, in parallel
    pool           pooling of one family for one clip
    name_columns   names of the pooled values of a family
    cut_pieces     pieces of a clip
    make_probe     samples to compare two versions of the code
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from regenre import audio, parts
from regenre.common.errors import UserError
from regenre.common.files import check_clip
from regenre.common.settings import Loudness
from regenre.common.threads import limit_threads
from regenre.decoding import AudioError
from regenre.deformation.deformation import Deformation, make_copies
from regenre.features.family import Family, is_per_clip
from regenre.features.frames import Frames
from regenre.features.pooling import Pooling, average_blocks

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

T = TypeVar("T")
Features = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]  # of one clip: family -> pooled row, family -> sequence


@dataclass(frozen=True)
class Analysis:
    """Settings that determine how samples become features; a `UserError` names a family that they do not fit.

    Parameters
    ----------
    families : name -> family
    pooling : pooling of the families that describe each frame
    sr : sampling rate in Hz to which each clip is resampled
    n_fft, hop_length : window and hop of the shared transform, in samples
    n_averaged : number of frames averaged into one frame of a sequence; 0: no sequences
    loudness, floor_db : the level that each clip is brought to; see `audio.level`
    """

    families: dict[str, Family]
    pooling: Pooling
    sr: int
    n_fft: int
    hop_length: int
    n_averaged: int = 0
    loudness: Loudness = "none"
    floor_db: float | None = None

    def __post_init__(self) -> None:
        trial = Frames(np.zeros(1, np.float32), self.sr, self.n_fft, self.hop_length)
        for name, family in self.families.items():
            try:
                family(trial)
            except UserError as error:
                raise UserError(
                    f"family {name} at {self.sr} Hz with n_fft {self.n_fft}: {error}; see conf/family/{name}.yaml"
                ) from error
            twice = [feature for feature, n in Counter(family.names).items() if n > 1]
            if twice:
                raise UserError(f"family {name}: each name once expected, {twice[0]} found twice")

    def __call__(self, y: np.ndarray) -> Features:
        """Compute the features of one clip from its samples at `sr`."""
        if not self.families:
            return {}, {}
        frames = Frames(audio.level(y, self.sr, self.loudness, self.floor_db), self.sr, self.n_fft, self.hop_length)
        values = {name: family(frames) for name, family in self.families.items()}
        rows = {name: pool(family, values[name], frames.hop_s, self.pooling) for name, family in self.families.items()}
        if not self.n_averaged:
            return rows, {}
        return rows, {name: average_blocks(values[name], self.n_averaged).T for name in self.framewise}

    @cached_property
    def probe(self) -> Features:
        """The features of `make_probe`."""
        return self(make_probe(self.sr))

    @property
    def framewise(self) -> list[str]:
        """Names of the families that describe each frame."""
        return [name for name, family in self.families.items() if not is_per_clip(family)]

    def name_columns(self, name: str) -> list[str]:
        """Return the names of the pooled values of a family."""
        return name_columns(name, self.families[name], self.pooling)

    def name_frame_columns(self, name: str) -> list[str]:
        """Return the names of the values of a family in a sequence."""
        return [f"{name}__{feature}__frame" for feature in self.families[name].names]


class OnDemand(Mapping[str, T]):
    """Values that are made when they are asked for, each time anew, so that few are in memory at once."""

    def __init__(self, names: Collection[str], make: Callable[[str], T]) -> None:
        self._names, self._make = names, make

    def __getitem__(self, name: str) -> T:
        if name not in self._names:
            raise KeyError(name)
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class FeatureTables:
    """Features of clips; the tables lie in memory maps and are made `OnDemand`.

    Attributes
    ----------
    clip_ids : clip_id of each row
    pooled : family name -> table with clip_id and the columns of the family, one row per clip, in the input order
    sequences : family name -> one matrix per clip, float32, shape (n_frames, n_features); only families that describe
        each frame
    """

    clip_ids: pd.Series
    pooled: Mapping[str, pd.DataFrame]
    sequences: Mapping[str, list[np.ndarray]]


@dataclass(frozen=True)
class Copies:
    """Changed copies of each clip.

    Parameters
    ----------
    n : copies of a clip
    deformations : name -> deformation; see `make_copies`
    families : names of the families that are computed from them
    """

    n: int
    deformations: Mapping[str, Deformation]
    families: list[str]


@dataclass(frozen=True)
class Extraction:
    """What one pass over the audio yields.

    Attributes
    ----------
    clips, pieces : `pieces` has the clip_id `<clip_id>#<number>`; empty if no pieces are cut
    copies : feature set -> the features of the first copy of each clip, of the second copy, ...
    """

    clips: FeatureTables
    pieces: FeatureTables
    copies: dict[str, list[FeatureTables]]


def extract(
    clips: pd.DataFrame,
    raw: Path,
    analysis: Analysis,
    piece_s: float = 0.0,
    copies: Mapping[str, Copies] | None = None,
    folder: Path | None = None,
    inputs: object = None,
) -> Extraction:
    """Extract the features of each clip, in the processes of the current `compute` backend.

    Parameters
    ----------
    clips : usable rows of the clip table
    raw : folder to which `path` is relative
    piece_s : length in seconds of the pieces of each clip, whose features are extracted too; 0: no pieces
    copies : feature set -> copies whose features are extracted too
    folder, inputs : where parts are kept and what decides them besides `clips`, see `parts.compute_parts`

    Raises
    ------
    UserError
        The audio of a clip cannot be read, or is not what was indexed.
    """
    if not analysis.families:
        return Extraction(FeatureTables(clips["clip_id"], {}, {}), FeatureTables(clips["clip_id"].iloc[:0], {}, {}), {})
    import pandas as pd  # not at the top: it would take a sixth of the memory of each worker

    makers = {
        name: (own, replace(analysis, families={family: analysis.families[family] for family in sorted(own.families)}))
        for name, own in (copies or {}).items()
    }
    facts = list(clips[["clip_id", "path", "md5"]].itertuples(index=False, name=None))
    calls = [(clip_id, raw.absolute() / path, md5, analysis, piece_s, makers) for clip_id, path, md5 in facts]
    table = parts.compute_parts(folder, [inputs, facts, piece_s], _list_rows, calls, _make_schema(analysis), "extract")
    features, number = table["features"].to_numpy(), table["number"].to_numpy()
    ids, is_piece = clips["clip_id"], (features == "") & (number >= 0)
    ids_of_rows = ids.iloc[np.cumsum(number < 0) - 1]
    piece_ids = [f"{clip_id}#{piece}" for clip_id, piece in zip(ids_of_rows[is_piece], number[is_piece], strict=True)]
    return Extraction(
        _build_tables(ids, table, number < 0, analysis),
        _build_tables(pd.Series(piece_ids, name="clip_id", dtype=object), table, is_piece, analysis),
        {
            name: [_build_tables(ids, table, (features == name) & (number == n), part) for n in range(own.n)]
            for name, (own, part) in makers.items()
        },
    )


def _make_schema(analysis: Analysis) -> pa.Schema:
    """Return the schema of `_list_rows`; the types are those that the families return."""
    import pyarrow as pa

    rows, sequences = analysis.probe
    columns = {"features": pa.string(), "number": pa.int64()}
    for values in (rows, _name_frames(sequences)):
        columns |= {name: pa.list_(pa.from_numpy_dtype(row.dtype)) for name, row in values.items()}
    return pa.schema(columns)


def _list_rows(
    clip_id: str,
    path: Path,
    md5: str,
    analysis: Analysis,
    piece_s: float,
    makers: Mapping[str, tuple[Copies, Analysis]],
) -> list[dict[str, object]]:
    """Return a row for the clip, with number -1, one for each piece, one for each copy; sequences are flat."""
    with limit_threads():  # no nested parallelism, and the same sums for any number of workers
        check_clip(path, md5)
        try:
            samples, sr = audio.decode(path)
            y = audio.prepare(samples, sr, analysis.sr)
        except AudioError as error:
            raise UserError(
                f"clip {clip_id}: {error}, but the clip table lists it as usable; run `dvc repro index` again"
            ) from error
        numbered = [("", -1, analysis(y))]
        numbered += [("", n, analysis(piece)) for n, piece in enumerate(cut_pieces(y, round(piece_s * analysis.sr)))]
        for name, (own, part) in makers.items():
            copies = make_copies(own.deformations, own.n, samples, sr, clip_id)
            numbered += [(name, n, part(audio.convert(copy, sr, analysis.sr))) for n, copy in enumerate(copies)]
    return [
        {
            "features": name,
            "number": n,
            **rows,
            **{place: frames.T.ravel() for place, frames in _name_frames(sequences).items()},
        }
        for name, n, (rows, sequences) in numbered
    ]


def _name_frames(sequences: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{name} frames": frames for name, frames in sequences.items()}


def _build_tables(clip_ids: pd.Series, table: pa.Table, kept: np.ndarray, analysis: Analysis) -> FeatureTables:
    import pandas as pd

    if not kept.any():
        return FeatureTables(clip_ids, {}, {})

    def pool_clips(name: str) -> pd.DataFrame:
        rows = np.stack(list(itertools.compress(parts.view_rows(table[name]), kept)))
        values = pd.DataFrame(rows, columns=analysis.name_columns(name))
        return pd.concat([clip_ids.reset_index(drop=True), values], axis=1)

    def list_sequences(name: str) -> list[np.ndarray]:
        frames = itertools.compress(parts.view_rows(table[f"{name} frames"]), kept)
        return [flat.reshape(len(analysis.families[name].names), -1).T for flat in frames]

    framewise = [name for name in analysis.families if f"{name} frames" in table.column_names]
    return FeatureTables(clip_ids, OnDemand(analysis.families, pool_clips), OnDemand(framewise, list_sequences))


def make_probe(sr: int) -> np.ndarray:
    """Return three seconds of chords and noise, to test whether two versions compute the same features."""
    t = np.arange(3 * sr) / sr
    notes = sum(np.sin(2 * np.pi * 220 * 2 ** (step / 12) * t) for step in (0, 4, 7, 16))
    noise = np.random.default_rng(20020).standard_normal(len(t))
    return (0.1 * notes * (1 - t % 0.5) + 0.02 * noise * (t % 0.25 < 0.05)).astype(np.float32)


def cut_pieces(y: np.ndarray, n: int) -> list[np.ndarray]:
    """Cut samples into pieces of n and drop the rest; a shorter clip is one piece; n = 0 yields no pieces."""
    return [y[start : start + n] for start in range(0, max(1, len(y) - n + 1), n)] if n else []


def name_columns(name: str, family: Family, pooling: Pooling) -> list[str]:
    """Return the names of the values of `pool`."""
    return (
        [f"{name}__{feature}" for feature in family.names]
        if is_per_clip(family)
        else pooling.name_columns(name, family.names)
    )


def pool(family: Family, values: np.ndarray, hop_s: float, pooling: Pooling) -> np.ndarray:
    """Pool the values of one family for one clip, float32; values per clip are returned unchanged."""
    return values if is_per_clip(family) else pooling(values, hop_s)
