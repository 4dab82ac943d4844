"""Previews: what the page shows and plays of a clip, kept when it is opened, so that no later stage needs its audio.

make_preview    samples -> Preview
write_previews  previews -> one table
read_previews   the previews of some clips
"""

import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import soxr

from regenre.common import files, tables

WIDTH, HEIGHT = 240, 64
QUIETEST_DB, LOUDEST_DB = -110.0, -30.0  # what the 0 and the 255 of a level mean, of a sine's power
EXCERPT_S, EXCERPT_SR, EXCERPT_KBIT_S = 4.0, 22_050, 32
_N_FFT = 1024
_QUICK = "7"  # of 10: LAME then takes half the time
_ROWS = 500  # written and read at once: what the page shows of 100,000 clips is a few rows
_SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("duration_s", pa.float64()),
        ("peaks", pa.binary()),
        ("levels", pa.binary()),
        ("mp3", pa.binary()),
    ]
)


@dataclass(frozen=True)
class Preview:
    """A small picture of a clip, and a short excerpt to hear.

    Attributes
    ----------
    duration_s : length of the clip
    peaks : largest magnitude in each of `WIDTH` equal parts; 255 is full scale; uint8, shape (WIDTH,)
    levels : level at the start of each part, in `HEIGHT` equal bands from 0 Hz to half the sampling rate; 0 is
        `QUIETEST_DB`, 255 is `LOUDEST_DB`; uint8, shape (HEIGHT, WIDTH)
    mp3 : `EXCERPT_S` from the middle, or the whole of a shorter clip; mono, 16 kB
    """

    duration_s: float
    peaks: np.ndarray
    levels: np.ndarray
    mp3: bytes | memoryview


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
    return Preview(len(y) / sr, _round(peaks), _round(levels), _encode_middle(y, sr))


def _encode_middle(y: np.ndarray, sr: int) -> bytes:
    """Return the excerpt; the same samples yield the same bytes."""
    import av

    n = min(len(y), round(EXCERPT_S * sr))
    start = (len(y) - n) // 2
    samples = soxr.resample(y[start : start + n], sr, EXCERPT_SR).clip(-1, 1).astype(np.float32)
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp3", container_options={"fflags": "+bitexact"}) as file:  # no name of a version
        options = {"compression_level": _QUICK}
        track: Any = file.add_stream("libmp3lame", rate=EXCERPT_SR, layout="mono", options=options)
        track.bit_rate = 1000 * EXCERPT_KBIT_S
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = EXCERPT_SR
        for part in (frame, None):
            file.mux(track.encode(part))
    return stream.getvalue()


def _round(shares: np.ndarray) -> np.ndarray:
    return (shares.clip(0, 1) * 255).round().astype(np.uint8)


def write_previews(path: Path, previews: Mapping[str, Preview]) -> None:
    """Write the previews of all usable clips, one row each; a few are copied at a time."""
    rows = (
        {"clip_id": clip_id, "duration_s": view.duration_s}
        | {name: bytes(getattr(view, name)) for name in ("peaks", "levels", "mp3")}
        for clip_id, view in previews.items()
    )

    def write(temporary: Path) -> None:
        with pq.ParquetWriter(temporary, _SCHEMA) as writer:
            while some := list(itertools.islice(rows, _ROWS)):
                writer.write_table(pa.Table.from_pylist(some, _SCHEMA), _ROWS)

    files.write_atomically(path, write)


def read_previews(path: Path, clip_ids: Sequence[str]) -> dict[str, Preview]:
    """Return the previews of those of the clips that have one, in their order; a clip of a table has none."""
    if not clip_ids:
        return {}
    wanted = [("clip_id", "in", list(clip_ids))]
    frame = tables.read_file(path, pd.read_parquet, "run `dvc repro index`", filters=wanted)
    rows = zip(*(frame[column] for column in _SCHEMA.names), strict=True)
    previews = {
        clip_id: Preview(s, np.frombuffer(peaks, np.uint8), np.frombuffer(levels, np.uint8).reshape(HEIGHT, WIDTH), mp3)
        for clip_id, s, peaks, levels, mp3 in rows
    }
    return {clip_id: previews[clip_id] for clip_id in clip_ids if clip_id in previews}
