"""The real cepstrum at low quefrencies."""

from functools import lru_cache

import numpy as np

from regenre.common.errors import UserError
from regenre.common.kinds import Width, strict_dataclass
from regenre.features.cepstra import number_names
from regenre.features.frames import Frames


@strict_dataclass
class Cepstrum:
    """Inverse Fourier transform of the log magnitude (Bogert, Healy and Tukey 1963).

        c[n] = 1 / N  sum_k ln |X[k]| exp(2 pi i k n / N),  n = 0 ... n_cepstrum - 1

    The sum is over the N = 2 (n_bins - 1) bins that `Frames` has at positive and negative frequencies: the cepstrum of
    the clip as if its rate were twice the highest of them. n is the quefrency in samples of that rate, 50 us at
    22,050 Hz. Low quefrencies describe the envelope of the spectrum. Silence yields c[0] = ln 1e-5 and zeros.

    Parameters
    ----------
    n_cepstrum : number of quefrencies, the 0th included; at most n_bins
    """

    n_cepstrum: Width

    @property
    def names(self) -> tuple[str, ...]:
        """Quefrencies: `00`, `01`, ..."""
        return number_names(self.n_cepstrum)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the coefficients, float32, shape (n_cepstrum, n_frames)."""
        coefficients: np.ndarray = (
            make_inverse_rows(self.n_cepstrum, len(frames.power)).astype(np.float32) @ frames.log_power / np.float32(2)
        )
        return coefficients


@lru_cache(maxsize=8)
def make_inverse_rows(n: int, n_bins: int) -> np.ndarray:
    """Return the first n rows of the inverse transform of a real, even spectrum, shape (n, n_bins)."""
    if n > n_bins:
        raise UserError(f"at most as many coefficients as bins, {n_bins}, expected, {n} found; set a larger n_fft")
    k = np.arange(n_bins)
    weight = np.where((k == 0) | (k == n_bins - 1), 1, 2) / (2 * n_bins - 2)
    return weight * np.cos(np.pi * np.outer(np.arange(n), k) / (n_bins - 1))
