"""One pass over the audio: each clip decoded once, transformed once, every family computed from that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from regenre import audio
from regenre.errors import UserError
from regenre.families import Family, per_clip
from regenre.frames import Frames
from regenre.pooling import Pooling, block_means

if TYPE_CHECKING:
    import pandas as pd

Features = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]  # of one clip: pooled rows, and sequences, a family each


@dataclass(frozen=True)
class Analysis:
    """How samples become features.

    Parameters
    ----------
    families : name -> family
    sr : sampling rate in Hz that every clip is brought to
    n_fft, hop_length : of the shared transform, in samples
    n_averaged : keep the sequences too, so many frames averaged into one; 0: do not
    """

    families: dict[str, Family]
    pooling: Pooling
    sr: int
    n_fft: int
    hop_length: int
    n_averaged: int = 0

    def __call__(self, y: np.ndarray) -> Features:
        """Features of one clip's samples at `sr`."""
        frames = Frames(y, self.sr, self.n_fft, self.hop_length)
        values = {name: family(frames) for name, family in self.families.items()}
        rows = {name: pooled(self.families[name], of, frames.hop_s, self.pooling) for name, of in values.items()}
        if not self.n_averaged:
            return rows, {}
        return rows, {name: block_means(values[name], self.n_averaged).T for name in self.framewise}

    @property
    def framewise(self) -> list[str]:
        """The families that describe each frame."""
        return [name for name, family in self.families.items() if not per_clip(family)]

    def columns(self, name: str) -> list[str]:
        """Names of a family's pooled values."""
        return columns(name, self.families[name], self.pooling)

    def frame_columns(self, name: str) -> list[str]:
        """Names of a family's values in a sequence."""
        return [f"{name}__{feature}__frame" for feature in self.families[name].names]


@dataclass(frozen=True)
class Extracted:
    """What one pass yields.

    Attributes
    ----------
    clip_ids : of the rows
    pooled : family name -> table with clip_id and the family's columns, a row a clip in the order given
    sequences : family name -> a matrix a clip, float32, shape (n_frames, n_features); frame-wise families only
    """

    clip_ids: pd.Series
    pooled: dict[str, pd.DataFrame]
    sequences: dict[str, list[np.ndarray]]


def extract(clips: pd.DataFrame, raw: Path, analysis: Analysis, piece_s: float = 0.0) -> tuple[Extracted, Extracted]:
    """Features of every clip, in the processes that `compute` offers.

    Parameters
    ----------
    clips : usable rows of the clip table
    raw : folder that `path` is relative to
    piece_s : cut each clip into pieces of this length too, and take each for a clip; 0: do not

    Returns
    -------
    clips, and pieces: none without `piece_s`
    """
    if not analysis.families:
        return Extracted(clips["clip_id"], {}, {}), Extracted(clips["clip_id"].iloc[:0], {}, {})
    import pandas as pd  # here, so that workers do without: it would take a sixth of their memory

    made = Parallel(return_as="generator")(
        delayed(_features)(clip_id, raw.absolute() / path, analysis, piece_s)
        for clip_id, path in zip(clips["clip_id"], clips["path"], strict=True)
    )
    found = list(tqdm(made, total=len(clips), desc="extract", unit=" clips", disable=None))
    names = [
        f"{clip_id}#{number}"
        for clip_id, parts in zip(clips["clip_id"], found, strict=True)
        for number in range(len(parts) - 1)
    ]
    pieces_of_all = [part for parts in found for part in parts[1:]]
    return (
        _put_together(clips["clip_id"], [parts[0] for parts in found], analysis),
        _put_together(pd.Series(names, name="clip_id", dtype=object), pieces_of_all, analysis),
    )


def _put_together(clip_ids: pd.Series, found: list[Features], analysis: Analysis) -> Extracted:
    import pandas as pd

    if not found:
        return Extracted(clip_ids, {}, {})
    tables = {}
    for name in analysis.families:
        values = pd.DataFrame(np.stack([row[name] for row, _ in found]), columns=analysis.columns(name))
        tables[name] = pd.concat([clip_ids.reset_index(drop=True), values], axis=1)
    return Extracted(clip_ids, tables, {name: [clip[name] for _, clip in found] for name in found[0][1]})


def _features(clip_id: str, path: Path, analysis: Analysis, piece_s: float) -> list[Features]:
    """Of the clip, then of its pieces."""
    with threadpool_limits(1):  # one level of parallelism, and the same sums whatever the number of workers
        try:
            y = audio.load(path, analysis.sr)
        except audio.AudioError as error:
            raise UserError(
                f"clip {clip_id}: {error}, though the index calls it usable; run `dvc repro index` again"
            ) from error
        return [analysis(part) for part in (y, *pieces(y, round(piece_s * analysis.sr)))]


def probe(sr: int) -> np.ndarray:
    """Three seconds of chords and noise that tell whether two programs compute the same features."""
    t = np.arange(3 * sr) / sr
    notes = sum(np.sin(2 * np.pi * 220 * 2 ** (step / 12) * t) for step in (0, 4, 7, 16))
    noise = np.random.default_rng(20020).standard_normal(len(t))
    return (0.1 * notes * (1 - t % 0.5) + 0.02 * noise * (t % 0.25 < 0.05)).astype(np.float32)


def pieces(y: np.ndarray, n: int) -> list[np.ndarray]:
    """Cut into pieces of n samples, what is left being dropped; a clip shorter than that is one piece; none for 0."""
    return [y[start : start + n] for start in range(0, max(1, len(y) - n + 1), n)] if n else []


def columns(name: str, family: Family, pooling: Pooling) -> list[str]:
    """Names of the values of `pooled`."""
    return [f"{name}__{end}" for end in family.names] if per_clip(family) else pooling.columns(name, family.names)


def pooled(family: Family, values: np.ndarray, hop_s: float, pooling: Pooling) -> np.ndarray:
    """One clip's values of one family, pooled where they are a frame each; float32."""
    return values if per_clip(family) else pooling(values, hop_s)
