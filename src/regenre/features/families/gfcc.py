"""Gammatone-frequency cepstral coefficients."""

import numpy as np

from regenre.common.kinds import Positive, PositiveOrZero, Width, strict_dataclass
from regenre.features import filterbanks
from regenre.features.cepstra import check_counts, compute_cepstra, number_names
from regenre.features.frames import Frames


@strict_dataclass
class Gfcc:
    """DCT-II of the cube root of gammatone amplitudes (Shao, Jin, Wang and Srinivasan 2009, eq. 1 to 3).

        g[b] = sqrt(sum_k |G_b(f_k)|^2 |X[k]|^2)         output amplitude of gammatone filter b
        c[n] = sum_b g[b]^(1/3) cos(pi n (b + 1/2) / n_bands), orthonormal

    The cube root models loudness and replaces the logarithm, so quiet bands have little weight. Silence yields 0.

    Deviates from Shao et al. in where the filters act: they filter the samples and decimate the rectified
    outputs to 100 Hz. Here each filter's magnitude response weights the shared spectrum, which gives the
    root mean square of the output over the window instead of its rectified value.

    Parameters
    ----------
    n_gfcc : number of coefficients, the 0th included; 22 as in Shao et al.
    n_bands : number of gammatone filters, equally spaced in ERB rate
    fmin_hz, fmax_hz : lowest and highest centre in Hz; fmax_hz None: `find_top_hz`
    """

    n_gfcc: Width
    n_bands: Width
    fmin_hz: PositiveOrZero
    fmax_hz: Positive | None

    def __post_init__(self) -> None:
        check_counts("n_gfcc", self.n_gfcc, "n_bands", self.n_bands)

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers of the coefficients: `00`, `01`, ..."""
        return number_names(self.n_gfcc)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the coefficients, float32, shape (n_gfcc, n_frames)."""
        bank = filterbanks.make_gammatone(frames.sr, frames.n_fft, self.n_bands, self.fmin_hz, self.fmax_hz)
        return compute_cepstra(np.cbrt(np.sqrt(frames.sum_bands(bank))), self.n_gfcc)
