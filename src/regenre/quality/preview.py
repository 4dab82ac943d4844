"""Previews: what the page shows of a clip, kept when the clip is opened, so that no later stage needs its audio.

make_preview    samples -> Preview
write_previews  previews -> one table
read_previews   the previews of some clips
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from regenre import files, tables

WIDTH, HEIGHT = 240, 64
QUIETEST_DB, LOUDEST_DB = -110.0, -30.0  # what the 0 and the 255 of a level mean, of a sine's power
_N_FFT = 1024
_SCHEMA = pa.schema(
    [("clip_id", pa.string()), ("duration_s", pa.float64()), ("peaks", pa.binary()), ("levels", pa.binary())]
)


@dataclass(frozen=True)
class Preview:
    """A small picture of a clip.

    Attributes
    ----------
    duration_s : length of the clip
    peaks : largest magnitude in each of `WIDTH` equal parts; 255 is full scale; uint8, shape (WIDTH,)
    levels : level at the start of each part, in `HEIGHT` equal bands from 0 Hz to half the sampling rate; 0 is
        `QUIETEST_DB`, 255 is `LOUDEST_DB`; uint8, shape (HEIGHT, WIDTH)
    """

    duration_s: float
    peaks: np.ndarray
    levels: np.ndarray


def make_preview(y: np.ndarray, sr: int) -> Preview:
    """Return the preview of mono samples, shape (n_samples,)."""
    starts = np.arange(WIDTH) * len(y) // WIDTH
    padded = np.pad(y, (0, max(WIDTH - len(y), _N_FFT)))
    peaks = np.maximum.reduceat(np.abs(padded[: max(len(y), WIDTH)]), starts)
    window = np.hanning(_N_FFT)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[starts] * window
    powers = np.abs(np.fft.rfft(frames)[:, 1:] / window.sum()) ** 2
    levels_db = 10 * np.log10(powers.reshape(WIDTH, HEIGHT, -1).sum(axis=2).T + 1e-20)
    levels = (levels_db - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB)
    return Preview(len(y) / sr, _round(peaks), _round(levels))


def _round(shares: np.ndarray) -> np.ndarray:
    return (shares.clip(0, 1) * 255).round().astype(np.uint8)


def write_previews(path: Path, previews: Mapping[str, Preview]) -> None:
    """Write the previews of all usable clips, one row each."""
    rows = [(clip, view.duration_s, view.peaks.tobytes(), view.levels.tobytes()) for clip, view in previews.items()]
    frame = pd.DataFrame(rows, columns=_SCHEMA.names)
    files.write_atomically(path, lambda temporary: frame.to_parquet(temporary, index=False, schema=_SCHEMA))


def read_previews(path: Path, clip_ids: Sequence[str]) -> dict[str, Preview]:
    """Return the previews of those of the clips that have one, in their order; a clip of a table has none."""
    if not clip_ids:
        return {}
    wanted = [("clip_id", "in", list(clip_ids))]
    frame = tables.read_file(path, pd.read_parquet, "run `dvc repro index`", filters=wanted)
    rows = zip(*(frame[column] for column in _SCHEMA.names), strict=True)
    previews = {
        clip_id: Preview(s, np.frombuffer(peaks, np.uint8), np.frombuffer(levels, np.uint8).reshape(HEIGHT, WIDTH))
        for clip_id, s, peaks, levels in rows
    }
    return {clip_id: previews[clip_id] for clip_id in clip_ids if clip_id in previews}
