"""Linear-frequency cepstral coefficients."""

from dataclasses import dataclass

import numpy as np

from regenre import filterbanks
from regenre.cepstra import cepstra, decibels, numbered
from regenre.frames import Frames


@dataclass(frozen=True)
class Lfcc:
    """The DCT-II of the log power in linearly spaced triangular bands (Davis and Mermelstein 1980, section II-A).

    As `Mfcc`, with the bank's centres equally spaced in Hz. Silence yields c[0] = -100 sqrt(n_bands) and zeros.

    Parameters
    ----------
    n_lfcc : number of coefficients, the 0th included
    n_bands : number of bands
    fmin_hz, fmax_hz : edges of the bank in Hz; fmax_hz None means sr / 2
    """

    n_lfcc: int = 20
    n_bands: int = 64
    fmin_hz: float = 0.0
    fmax_hz: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """`00`, `01`, ...: the coefficient's number."""
        return numbered(self.n_lfcc)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Coefficients, float32, shape (n_lfcc, n_frames)."""
        bank = filterbanks.linear(frames.sr, frames.n_fft, self.n_bands, self.fmin_hz, self.fmax_hz)
        return cepstra(decibels(frames.bands(bank)), self.n_lfcc)
