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


def extract(
    clips: pd.DataFrame,
    raw: Path,
    families: dict[str, Family],
    pooling: Pooling,
    sr: int,
    n_fft: int,
    hop_length: int,
    n_averaged: int = 0,
    piece_s: float = 0.0,
) -> tuple[Extracted, Extracted]:
    """Features of every clip, in the processes that `compute` offers.

    Parameters
    ----------
    clips : usable rows of the clip table
    raw : folder that `path` is relative to
    families : name -> family
    sr : sampling rate in Hz that every clip is brought to
    n_fft, hop_length : of the shared transform, in samples
    n_averaged : keep the sequences too, so many frames averaged into one; 0: do not
    piece_s : cut each clip into pieces of this length too, and take each for a clip; 0: do not

    Returns
    -------
    clips, and pieces: none without `piece_s`
    """
    if not families:
        return Extracted(clips["clip_id"], {}, {}), Extracted(clips["clip_id"].iloc[:0], {}, {})
    import pandas as pd  # here, so that workers do without: it would take a sixth of their memory

    settings = (families, pooling, sr, n_fft, hop_length, n_averaged, piece_s)
    made = Parallel(return_as="generator")(
        delayed(_features)(clip_id, raw.absolute() / path, *settings)
        for clip_id, path in zip(clips["clip_id"], clips["path"], strict=True)
    )
    found = list(tqdm(made, total=len(clips), desc="extract", unit=" clips", disable=None))
    names = [
        f"{clip_id}#{number}"
        for clip_id, parts in zip(clips["clip_id"], found, strict=True)
        for number in range(len(parts) - 1)
    ]
    return (
        _put_together(clips["clip_id"], [parts[0] for parts in found], families, pooling),
        _put_together(
            pd.Series(names, name="clip_id", dtype=object),
            [part for parts in found for part in parts[1:]],
            families,
            pooling,
        ),
    )


def _put_together(
    clip_ids: pd.Series, found: list[Features], families: dict[str, Family], pooling: Pooling
) -> Extracted:
    import pandas as pd

    if not found:
        return Extracted(clip_ids, {}, {})
    tables = {}
    for name, family in families.items():
        values = pd.DataFrame(np.stack([row[name] for row, _ in found]), columns=columns(name, family, pooling))
        tables[name] = pd.concat([clip_ids.reset_index(drop=True), values], axis=1)
    return Extracted(clip_ids, tables, {name: [clip[name] for _, clip in found] for name in found[0][1]})


def _features(
    clip_id: str,
    path: Path,
    families: dict[str, Family],
    pooling: Pooling,
    sr: int,
    n_fft: int,
    hop_length: int,
    n_averaged: int,
    piece_s: float,
) -> list[Features]:
    """Of the clip, then of its pieces."""
    with threadpool_limits(1):  # one level of parallelism, and the same sums whatever the number of workers
        try:
            y = audio.load(path, sr)
        except audio.AudioError as error:
            raise UserError(
                f"clip {clip_id}: {error}, though the index calls it usable; run `dvc repro index` again"
            ) from error
        parts = [y, *pieces(y, round(piece_s * sr))]
        return [of_samples(part, families, pooling, sr, n_fft, hop_length, n_averaged) for part in parts]


def of_samples(
    y: np.ndarray,
    families: dict[str, Family],
    pooling: Pooling,
    sr: int,
    n_fft: int,
    hop_length: int,
    n_averaged: int,
) -> Features:
    """Features of one clip's samples at `sr`; see `extract`."""
    frames = Frames(y, sr, n_fft, hop_length)
    values = {name: family(frames) for name, family in families.items()}
    rows = {name: pooled(families[name], of_clip, frames.hop_s, pooling) for name, of_clip in values.items()}
    if not n_averaged:
        return rows, {}
    framewise = [name for name, family in families.items() if not per_clip(family)]
    return rows, {name: block_means(values[name], n_averaged).T for name in framewise}


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
