"""Octave-band spectral contrast."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from regenre.cepstra import decibels, numbered
from regenre.frames import Frames


@dataclass(frozen=True)
class SpectralContrast:
    """Peaks against valleys in octave bands (Jiang, Lu, Zhang, Tao and Cai 2002, eq. 1 to 3).

    In each band the power bins are sorted; peak and valley are the means of the strongest and the weakest
    share `alpha` of them (one bin at least), in dB; contrast = peak - valley. The bands are
    [0, fmin), [fmin, 2 fmin), ..., the last one up to sr / 2; a band above sr / 2 has contrast 0 and valley
    -100 dB. Silence yields contrast 0 and valley -100 dB.

    Parameters
    ----------
    n_bands : number of bands above the first, which gives n_bands + 1
    fmin_hz : lower edge of the first octave
    alpha : share of the bins that makes a peak or a valley
    """

    n_bands: int = 6
    fmin_hz: float = 200.0
    alpha: float = 0.02

    @property
    def names(self) -> tuple[str, ...]:
        """`contrast_00`, ..., `valley_00`, ...: the band's number, from low to high."""
        bands = numbered(self.n_bands + 1)
        return tuple(f"{what}_{band}" for what in ("contrast", "valley") for band in bands)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Levels in dB, float32, shape (2 (n_bands + 1), n_frames)."""
        peak, valley = np.zeros((2, self.n_bands + 1, frames.n_frames), np.float32)
        edges_hz = [0.0, *(self.fmin_hz * 2**octave for octave in range(self.n_bands)), np.inf]
        edges = np.searchsorted(frames.frequencies_hz, edges_hz)
        for band, (low, high) in enumerate(pairwise(edges)):
            if low < high:
                n = max(1, round(self.alpha * (high - low)))
                ordered = np.sort(frames.power[low:high], axis=0)
                valley[band], peak[band] = ordered[:n].mean(axis=0), ordered[-n:].mean(axis=0)
        valley_db = decibels(valley)
        return np.concatenate([decibels(peak) - valley_db, valley_db])
