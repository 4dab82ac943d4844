"""One pass over the audio: each clip decoded once, transformed once, every family computed from that."""

from __future__ import annotations

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
from regenre.pooling import Pooling

if TYPE_CHECKING:
    import pandas as pd


def extract(
    clips: pd.DataFrame,
    raw: Path,
    families: dict[str, Family],
    pooling: Pooling,
    sr: int,
    n_fft: int,
    hop_length: int,
    n_jobs: int,
) -> dict[str, pd.DataFrame]:
    """Pooled features of every clip.

    Parameters
    ----------
    clips : usable rows of the clip table
    raw : folder that `path` is relative to
    families : name -> family
    sr : sampling rate in Hz that every clip is brought to
    n_fft, hop_length : of the shared transform, in samples
    n_jobs : worker processes; the result does not depend on it

    Returns
    -------
    family name -> table with clip_id and the family's columns, a row a clip in table order
    """
    import pandas as pd  # here, so that workers do without: it would take a sixth of their memory

    rows = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_features)(clip_id, raw / path, families, pooling, sr, n_fft, hop_length)
        for clip_id, path in zip(clips["clip_id"], clips["path"], strict=True)
    )
    pooled = list(tqdm(rows, total=len(clips), desc="extract", unit=" clips", disable=None))
    tables = {}
    for name, family in families.items():
        values = pd.DataFrame(np.stack([row[name] for row in pooled]), columns=columns(name, family, pooling))
        tables[name] = pd.concat([clips["clip_id"], values], axis=1)
    return tables


def _features(
    clip_id: str, path: Path, families: dict[str, Family], pooling: Pooling, sr: int, n_fft: int, hop_length: int
) -> dict[str, np.ndarray]:
    with threadpool_limits(1):  # one level of parallelism, and the same sums whatever the number of workers
        try:
            frames = Frames(audio.load(path, sr), sr, n_fft, hop_length)
        except audio.AudioError as error:
            raise UserError(
                f"clip {clip_id}: {error}, though the index calls it usable; run `dvc repro index` again"
            ) from error
        return {name: row(family, frames, pooling) for name, family in families.items()}


def columns(name: str, family: Family, pooling: Pooling) -> list[str]:
    """Names of the values of `row`."""
    return [f"{name}__{end}" for end in family.names] if per_clip(family) else pooling.columns(name, family.names)


def row(family: Family, frames: Frames, pooling: Pooling) -> np.ndarray:
    """One clip's values of one family, pooled where they are a frame each; float32."""
    values = family(frames)
    return values if per_clip(family) else pooling(values, frames.hop_s)
