"""The real cepstrum at low quefrencies."""

from functools import lru_cache

import numpy as np

from regenre.features.cepstra import number_names
from regenre.features.frames import Frames
from regenre.kinds import Width, strict_dataclass


@strict_dataclass
class Cepstrum:
    """Inverse Fourier transform of the log magnitude (Bogert, Healy and Tukey 1963).

        c[n] = 1 / n_fft  sum_k ln |X[k]| exp(2 pi i k n / n_fft),  n = 0 ... n_cepstrum - 1

    n is the quefrency in samples. Low quefrencies describe the envelope of the spectrum. Silence yields
    c[0] = ln 1e-5 and zeros.

    Parameters
    ----------
    n_cepstrum : number of quefrencies, the 0th included
    """

    n_cepstrum: Width

    @property
    def names(self) -> tuple[str, ...]:
        """Quefrencies in samples: `00`, `01`, ..."""
        return number_names(self.n_cepstrum)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the coefficients, float32, shape (n_cepstrum, n_frames)."""
        coefficients: np.ndarray = (
            make_inverse_rows(self.n_cepstrum, frames.n_fft).astype(np.float32) @ frames.log_power / np.float32(2)
        )
        return coefficients


@lru_cache(maxsize=8)
def make_inverse_rows(n: int, n_fft: int) -> np.ndarray:
    """Return the first n rows of the inverse transform of a real, even spectrum, shape (n, n_bins)."""
    k = np.arange(n_fft // 2 + 1)
    weight = np.where((k == 0) | (2 * k == n_fft), 1, 2) / n_fft
    return weight * np.cos(2 * np.pi * np.outer(np.arange(n), k) / n_fft)
