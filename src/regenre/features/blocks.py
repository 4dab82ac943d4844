"""Blocks of a cent-scaled spectrogram, shared by the block-level families (Seyerlehner, Widmer and Pohle 2010).

A block is some successive frames of all bands. A family computes a pattern from each block of a clip and summarises
each value of the pattern over the blocks. Frames after the last whole block are dropped. A clip shorter than a block is
one block.

A quantile far from the median needs many blocks; in a clip with few, it is nearer to the median. Each family says how
many of its columns that moves (medians over 50 clips of GTZAN, `benchmarks/length_and_rate.py`).

Deviates from the paper in the number of values: neighbouring bands of a pattern are averaged, and so are neighbouring
ranks of sorted values. What a docstring calls chosen here was not compared with the paper.

    compute_levels  levels of the N_SEMITONES bands of the spectrogram
    compute_rises   what each level rises within a time
    cut_blocks      blocks of a spectrogram
    rank_blocks     values of each band of a block in ascending order
    rank_rises      rises of each band of each block in ascending order, without the lower half
    summarise       quantile of each value of a pattern over the blocks
    average_rows    fewer, wider bands
    name_ranks      names of ranks of bands
    name_quantile   name of a quantile
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from regenre.features import filterbanks
from regenre.features.frames import TINY, Frames

N_SEMITONES = 92
_FMIN_HZ = 47.6
_RANGE_DB = 80.0
BandCount = Annotated[int, Field(ge=1, le=N_SEMITONES)]


def compute_levels(frames: Frames) -> np.ndarray:
    """Compute the level of 92 bands of 100 cents in dB, float32, shape (92, n_frames).

    The first band begins at 47.6 Hz, the last one ends at 9.67 kHz. A frame counts if its window lies inside the clip:
    others see the clip's end twice, mirrored. All frames of a clip shorter than a
    window count. Levels more than 80 dB below the clip's highest one are raised to that, so a gain moves all levels
    alike. Silence yields -100 dB; a band above the last bin has the lowest level.

    Deviates from Seyerlehner and Schedl (2009, section 1.1) in three ways. The power of the bins is summed instead of
    their magnitude. A bin on the edge of two bands is shared. There are 92 bands from 47.6 Hz instead of 97 from 53.43
    Hz, since `frames` has no bins above 10 kHz at 22,050 Hz.
    """
    bank = filterbanks.make_semitones(frames.sr, frames.n_fft, N_SEMITONES, _FMIN_HZ)
    inside = frames.inside
    power = frames.sum_bands(bank)[:, inside if inside.start < inside.stop else slice(None)]
    lowest = max(TINY, power.max() * np.float32(10 ** (-_RANGE_DB / 10)))
    levels: np.ndarray = np.float32(10) * np.log10(np.maximum(power, lowest))
    return levels


def compute_rises(levels: np.ndarray, n: int) -> np.ndarray:
    """Compute what each level rises in n frames, 0 where it falls: (n_bands, n_frames) -> (n_bands, n_frames - n).

    A clip of at most n frames has one frame without rises.
    """
    if levels.shape[1] <= n:
        return np.zeros_like(levels[:, :1])
    rises: np.ndarray = np.maximum(levels[:, n:] - levels[:, :-n], 0)
    return rises


def cut_blocks(values: np.ndarray, hop_s: float, block_s: float, step_s: float) -> np.ndarray:
    """Cut blocks of `block_s`, one every `step_s`: (n_bands, n_frames) -> (n_bands, n_blocks, n)."""
    n = min(max(1, round(block_s / hop_s)), values.shape[1])
    return np.lib.stride_tricks.sliding_window_view(values, n, axis=1)[:, :: max(1, round(step_s / hop_s))]


def rank_blocks(blocks: np.ndarray, n_ranks: int) -> np.ndarray:
    """Sort each band of each block and average the values in `n_ranks` equal parts: (..., n) -> (..., n_ranks)."""
    ranks: np.ndarray = np.sort(blocks, axis=-1) @ _make_averages(blocks.shape[-1], n_ranks).T
    return ranks


def rank_rises(frames: Frames, n_ranks: int, delay_s: float, block_s: float, step_s: float) -> np.ndarray:
    """Sort what each level rises in `delay_s`, block by block; float32, shape (92, n_blocks, n_ranks).

    The lower half of each block's values is left out: levels fall as often as they rise, so it is 0.
    """
    rises = compute_rises(frames.compute_once(compute_levels), max(1, round(delay_s / frames.hop_s)))
    blocks = np.sort(cut_blocks(rises, frames.hop_s, block_s, step_s), axis=-1)
    return rank_blocks(blocks[..., blocks.shape[-1] // 2 :], n_ranks)


def summarise(patterns: np.ndarray, quantile: float) -> np.ndarray:
    """Compute a quantile over blocks: (n_bands, n_blocks, n) -> (n_bands, n)."""
    summary: np.ndarray = np.quantile(patterns, quantile, axis=1)
    return summary


def average_rows(values: np.ndarray, n: int) -> np.ndarray:
    """Average neighbouring rows in n equal parts, float32: (n_rows, n_columns) -> (n, n_columns)."""
    rows: np.ndarray = _make_averages(len(values), n) @ values.astype(np.float32)
    return rows


def name_ranks(n_bands: int, n_ranks: int, statistic: str) -> tuple[str, ...]:
    """Return `<band>_<rank>__<statistic>`, e.g. `07_04__q90`, both numbered from low to high."""
    return tuple(f"{band:02d}_{rank:02d}__{statistic}" for band in range(n_bands) for rank in range(n_ranks))


def name_quantile(quantile: float) -> str:
    """Return the name of a quantile as a percentile, e.g. `q90`."""
    return f"q{100 * quantile:g}"


def _make_averages(n: int, m: int) -> np.ndarray:
    """Return weights that average n cells in m equal parts, float32, shape (m, n); a cell on an edge is shared."""
    overlaps = filterbanks.compute_overlaps(np.linspace(0, 1, m + 1), np.linspace(0, 1, n + 1))
    return (m * overlaps).astype(np.float32)
