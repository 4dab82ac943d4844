"""The spectrum itself, in third-octave bands."""

from dataclasses import dataclass

import numpy as np

from regenre import filterbanks
from regenre.cepstra import decibels, numbered
from regenre.frames import Frames


@dataclass(frozen=True)
class Spectrum:
    """Mean power of the bins in third-octave bands, in dB (bands of IEC 61260).

    The number of bands is fixed, so that tables of any sampling rate have the same columns: a band above
    sr / 2 holds no power. Silence yields -100 dB.

    Parameters
    ----------
    n_bands : number of bands
    fmin_hz : lowest centre in Hz
    """

    n_bands: int = 24
    fmin_hz: float = 40.0

    @property
    def names(self) -> tuple[str, ...]:
        """`00`, `01`, ...: the band's number, from low to high."""
        return numbered(self.n_bands)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Levels in dB, float32, shape (n_bands, n_frames)."""
        bank = filterbanks.third_octave(frames.sr, frames.n_fft, self.fmin_hz)
        levels = decibels(frames.bands(bank))[: self.n_bands]
        above = np.full((self.n_bands - len(levels), frames.n_frames), -100, np.float32)
        return np.concatenate([levels, above])
