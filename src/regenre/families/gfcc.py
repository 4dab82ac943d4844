"""Gammatone-frequency cepstral coefficients."""

from dataclasses import dataclass

import numpy as np

from regenre import filterbanks
from regenre.cepstra import cepstra, numbered
from regenre.frames import Frames


@dataclass(frozen=True)
class Gfcc:
    """The DCT-II of cube-rooted gammatone amplitudes (Shao, Jin, Wang and Srinivasan 2009, eq. 1 to 3).

        g[b] = sqrt(sum_k |G_b(f_k)|^2 |X[k]|^2)         amplitude behind the gammatone filter b
        c[n] = sum_b g[b]^(1/3) cos(pi n (b + 1/2) / n_bands), orthonormal

    The cube root is the loudness law, not a logarithm: quiet bands weigh little and silence yields 0.

    Deviates from Shao et al. in where the filter is applied: they filter the samples and decimate the
    rectified outputs to 100 Hz; here each filter's magnitude response weighs the shared spectrum, which
    is the output's root mean square over the window instead of its rectified value in it.

    Parameters
    ----------
    n_gfcc : number of coefficients, the 0th included; 22 as in Shao et al.
    n_bands : number of gammatone filters, equally spaced in ERB rate
    fmin_hz, fmax_hz : lowest and highest centre in Hz; fmax_hz None means sr / 2
    """

    n_gfcc: int = 22
    n_bands: int = 64
    fmin_hz: float = 50.0
    fmax_hz: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """`00`, `01`, ...: the coefficient's number."""
        return numbered(self.n_gfcc)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Coefficients, float32, shape (n_gfcc, n_frames)."""
        bank = filterbanks.gammatone(frames.sr, frames.n_fft, self.n_bands, self.fmin_hz, self.fmax_hz)
        return cepstra(np.cbrt(np.sqrt(frames.bands(bank))), self.n_gfcc)
