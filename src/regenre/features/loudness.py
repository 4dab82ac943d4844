"""Loudness in critical bands over time, shared by `fluctuation` and `spectrum_descriptors`.

The steps are those of Rauber, Pampalk and Merkl (2002) and Lidy and Rauber (2005): power in Zwicker's 24 critical
bands, the outer ear's response (Terhardt 1979), spreading over neighbouring bands (Schroeder, Atal and Hall 1979),
dB with a full-scale sine at 96 dB, loudness in sone.

Deviates from them in one step: dB are converted to sone directly (as in Pampalk 2006), without equal-loudness
contours.

    EDGES_HZ, N_BANDS  edges and number of the critical bands
    compute_sonogram   loudness of each band in each frame
    cut_segments       overlapping segments of a sonogram
"""

from functools import lru_cache

import numpy as np

from regenre.features import filterbanks
from regenre.features.frames import Frames

EDGES_HZ = (0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700,
            4400, 5300, 6400, 7700, 9500, 12000, 15500)  # fmt: skip
N_BANDS = len(EDGES_HZ) - 1
_FULL_SCALE_DB = 96.0
_ONE_SONE_DB = 40.0


def compute_sonogram(frames: Frames) -> np.ndarray:
    """Compute the loudness in sone, float32, shape (24, n_frames).

    Bands above the last bin hold only what spreads into them. Silence yields 0.
    """
    intensity = frames.sum_bands(_make_bank(frames.sr, frames.n_fft))
    level_db = 10 * np.log10(np.maximum(intensity, np.float32(1)))
    quiet = (level_db / _ONE_SONE_DB) ** np.float32(2.642)
    sone: np.ndarray = np.where(
        level_db < _ONE_SONE_DB, quiet, np.exp2((level_db - np.float32(_ONE_SONE_DB)) / np.float32(10))
    )
    return sone


def cut_segments(values: np.ndarray, n: int) -> np.ndarray:
    """Cut segments of n frames, one every n // 2 frames: (n_bands, n_frames) -> (n_bands, n_segments, n).

    A clip with fewer than n frames is one segment. Frames after the last whole segment are dropped.
    """
    n = min(n, values.shape[1])
    return np.lib.stride_tricks.sliding_window_view(values, n, axis=1)[:, :: max(1, n // 2)]


@lru_cache(maxsize=8)
def _make_bank(sr: int, n_fft: int) -> np.ndarray:
    """Return the weights from |STFT|^2 to intensity relative to the threshold of hearing, shape (24, n_bins)."""
    f = filterbanks.list_bins_hz(sr, n_fft)
    khz = np.maximum(f, 1) / 1000
    ear_db = -3.64 * khz**-0.8 + 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) - 1e-3 * khz**4
    edges = np.array(EDGES_HZ)[:, None]
    inside = (f >= edges[:-1]) & (f < edges[1:])
    d = np.subtract.outer(np.arange(N_BANDS), np.arange(N_BANDS)) + 0.474
    spread_db = 15.81 + 7.5 * d - 17.5 * np.sqrt(1 + d**2)
    sine = (n_fft / 4) ** 2  # |STFT|^2 of a full-scale sine: the square of half the sum of a Hann window
    weights = 10 ** ((ear_db + _FULL_SCALE_DB) / 10) / sine * inside
    return filterbanks.freeze(10 ** (spread_db / 10) @ weights)
