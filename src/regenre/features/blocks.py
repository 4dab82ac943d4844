"""Blocks of a cent-scaled spectrogram, shared by the block-level families of Seyerlehner, Widmer and Pohle (2010).

A block is a few successive frames of all bands. A family computes a pattern from each block of the clip and summarises
each value of the pattern over the blocks.

    N_SEMITONES         number of bands of the spectrogram
    compute_levels      the spectrogram: levels of bands of 100 cents
    average_bands       levels of fewer, wider bands
    compute_rises       what each level rises within a time
    cut_blocks          blocks of a spectrogram
    rank_blocks         values of each band of a block in ascending order
    name_ranks          names of the values of `rank_blocks`
    average_cells       weights that average n cells in m equal parts
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from regenre.features import filterbanks
from regenre.features.frames import TINY, Frames

N_SEMITONES = 92
_FMIN_HZ = 53.43
_RANGE_DB = 80.0
BandCount = Annotated[int, Field(ge=1, le=N_SEMITONES)]


def compute_levels(frames: Frames) -> np.ndarray:
    """Compute the levels of 92 bands of 100 cents from 53.43 Hz (C0 + 2050 cents) up, in dB.

    Only frames whose window lies inside the clip count, or all frames of a clip shorter than a window: at the edges
    of a clip the window meets the zeros beyond it, and every clip would begin with a rise. Levels more than 80 dB below
    the clip's highest one are raised to that, so that a gain changes all levels alike. Silence yields -100 dB.

    Deviates from Seyerlehner and Schedl (2009, section 1.1) in three ways. The power of the bins is summed, not their
    magnitude. A bin on an edge is shared between the bands, so that no low band is empty. There are as many bands as
    end below 11,025 Hz, not 97.

    Returns
    -------
    float32, shape (92, n_frames); a band above sr / 2 has the lowest level
    """
    bank = filterbanks.make_semitones(frames.sr, frames.n_fft, N_SEMITONES, _FMIN_HZ)
    first, last = -(-frames.n_fft // 2 // frames.hop_length), (len(frames.y) - frames.n_fft // 2) // frames.hop_length
    power = frames.sum_bands(bank)[:, slice(first, last + 1) if first <= last else slice(None)]
    floor = max(TINY, power.max() * np.float32(10 ** (-_RANGE_DB / 10)))
    levels: np.ndarray = np.float32(10) * np.log10(np.maximum(power, floor))
    return levels


def average_bands(levels: np.ndarray, n_bands: int) -> np.ndarray:
    """Average levels over neighbouring bands: (n, n_frames) -> (n_bands, n_frames)."""
    bands: np.ndarray = average_cells(len(levels), n_bands) @ levels
    return bands


def compute_rises(levels: np.ndarray, n: int) -> np.ndarray:
    """Compute what each level rises in n frames, falls set to 0: (n_bands, n_frames) -> (n_bands, n_frames - n).

    A clip of at most n frames has one frame without rises.
    """
    if levels.shape[1] <= n:
        return np.zeros_like(levels[:, :1])
    rises: np.ndarray = np.maximum(levels[:, n:] - levels[:, :-n], 0)
    return rises


def cut_blocks(values: np.ndarray, n: int, step: int) -> np.ndarray:
    """Cut blocks of n frames, one every `step` frames: (n_bands, n_frames) -> (n_bands, n_blocks, n).

    A clip with fewer than n frames is one block. Frames after the last whole block are dropped.
    """
    n = min(max(1, n), values.shape[1])
    return np.lib.stride_tricks.sliding_window_view(values, n, axis=1)[:, :: max(1, step)]


def rank_blocks(blocks: np.ndarray, n_ranks: int) -> np.ndarray:
    """Sort each band of each block; average the values in equal parts: (..., n) -> (..., n_ranks), ascending."""
    ranks: np.ndarray = np.sort(blocks, axis=-1) @ average_cells(blocks.shape[-1], n_ranks).T
    return ranks


def rank_rises(
    frames: Frames, n_bands: int, n_ranks: int, delay_s: float, block_s: float, step_s: float
) -> np.ndarray:
    """Sort the rises of each band in each block: shape (n_bands, n_blocks, n_ranks)."""
    levels = average_bands(frames.compute_once(compute_levels), n_bands)
    rises = compute_rises(levels, max(1, round(delay_s / frames.hop_s)))
    return rank_blocks(cut_blocks(rises, round(block_s / frames.hop_s), round(step_s / frames.hop_s)), n_ranks)


def name_ranks(n_bands: int, n_ranks: int, statistic: str) -> tuple[str, ...]:
    """Return `<band>_<rank>__<statistic>`, e.g. `07_04__q90`; bands and ranks are numbered from low to high."""
    return tuple(f"{band:02d}_{rank:02d}__{statistic}" for band in range(n_bands) for rank in range(n_ranks))


def average_cells(n: int, m: int) -> np.ndarray:
    """Return weights that average n cells in m equal parts, float32, shape (m, n); a cell on an edge is shared."""
    weights: np.ndarray = m * filterbanks.compute_overlaps(np.linspace(0, 1, m + 1), np.linspace(0, 1, n + 1))
    return weights.astype(np.float32)
