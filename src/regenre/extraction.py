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


@dataclass(frozen=True)
class Extracted:
    """What one pass yields.

    Attributes
    ----------
    pooled : family name -> table with clip_id and the family's columns, a row a clip in the order given
    sequences : family name -> a matrix a clip, float32, shape (n_frames, n_features); frame-wise families only
    """

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
) -> Extracted:
    """Features of every clip, in the processes that `compute` offers.

    Parameters
    ----------
    clips : usable rows of the clip table
    raw : folder that `path` is relative to
    families : name -> family
    sr : sampling rate in Hz that every clip is brought to
    n_fft, hop_length : of the shared transform, in samples
    n_averaged : keep the sequences too, so many frames averaged into one; 0: do not
    """
    if not families:
        return Extracted({}, {})
    import pandas as pd  # here, so that workers do without: it would take a sixth of their memory

    made = Parallel(return_as="generator")(
        delayed(_features)(clip_id, raw.absolute() / path, families, pooling, sr, n_fft, hop_length, n_averaged)
        for clip_id, path in zip(clips["clip_id"], clips["path"], strict=True)
    )
    rows, sequences = zip(*tqdm(made, total=len(clips), desc="extract", unit=" clips", disable=None), strict=True)
    tables = {}
    for name, family in families.items():
        values = pd.DataFrame(np.stack([row[name] for row in rows]), columns=columns(name, family, pooling))
        tables[name] = pd.concat([clips["clip_id"], values], axis=1)
    return Extracted(tables, {name: [clip[name] for clip in sequences] for name in sequences[0]})


def _features(
    clip_id: str,
    path: Path,
    families: dict[str, Family],
    pooling: Pooling,
    sr: int,
    n_fft: int,
    hop_length: int,
    n_averaged: int,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    with threadpool_limits(1):  # one level of parallelism, and the same sums whatever the number of workers
        try:
            frames = Frames(audio.load(path, sr), sr, n_fft, hop_length)
        except audio.AudioError as error:
            raise UserError(
                f"clip {clip_id}: {error}, though the index calls it usable; run `dvc repro index` again"
            ) from error
        values = {name: family(frames) for name, family in families.items()}
        rows = {name: pooled(families[name], of_clip, frames.hop_s, pooling) for name, of_clip in values.items()}
    if not n_averaged:
        return rows, {}
    framewise = [name for name, family in families.items() if not per_clip(family)]
    return rows, {name: block_means(values[name], n_averaged).T for name in framewise}


def columns(name: str, family: Family, pooling: Pooling) -> list[str]:
    """Names of the values of `pooled`."""
    return [f"{name}__{end}" for end in family.names] if per_clip(family) else pooling.columns(name, family.names)


def pooled(family: Family, values: np.ndarray, hop_s: float, pooling: Pooling) -> np.ndarray:
    """One clip's values of one family, pooled where they are a frame each; float32."""
    return values if per_clip(family) else pooling(values, hop_s)
