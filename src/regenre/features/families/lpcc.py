"""Linear-prediction cepstral coefficients."""

import numpy as np

from regenre.common.kinds import Width, strict_dataclass
from regenre.features.cepstra import number_names
from regenre.features.families.cepstrum import make_inverse_rows
from regenre.features.frames import Frames

_WHITE_NOISE = 1e-9  # share of the energy added to lag 0, -90 dB: keeps the equations of a sine solvable


@strict_dataclass
class Lpcc:
    """Cepstrum of the all-pole model of each frame (Atal 1974; Rabiner and Juang 1993, eq. 3.84).

    Levinson and Durbin's recursion solves the normal equations of the predictor x[t] ~ sum_k a[k] x[t - k].
    The cepstrum of the model, without the gain, is

        c[n] = a[n] + sum_{k=1}^{n-1} (k / n) c[k] a[n - k],   a[n] = 0 for n > order

    Silence yields 0.

    Deviates from the textbook in two ways. The autocorrelation is the inverse transform of the shared power
    spectrum: the model is of the spectrum up to its last bin alone (selective linear prediction, Makhoul 1975), and
    lag 2 (n_bins - 1) - k adds to lag k, which a Hann window makes negligible. And white noise at -90 dB is added to
    lag 0.

    Parameters
    ----------
    n_lpcc : number of coefficients, from n = 1
    order : number of predictor coefficients, less than n_bins
    """

    n_lpcc: Width
    order: Width

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers of the coefficients: `01`, `02`, ..."""
        return number_names(self.n_lpcc + 1)[1:]

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the coefficients, float32, shape (n_lpcc, n_frames)."""
        lags = make_inverse_rows(self.order + 1, len(frames.power)) @ frames.power.astype(np.float64)
        return convert_to_cepstrum(solve_predictor(lags), self.n_lpcc).astype(np.float32)


def solve_predictor(lags: np.ndarray) -> np.ndarray:
    """Solve for the predictors by Levinson and Durbin's recursion.

    Autocorrelation, shape (order + 1, n_frames) -> predictors, shape (order, n_frames); 0 for silence.
    """
    order, silent = len(lags) - 1, lags[0] <= 0
    error = np.where(silent, 1, lags[0] * (1 + _WHITE_NOISE))
    a = np.zeros((order, lags.shape[1]))
    for n in range(order):
        reflection = (lags[n + 1] - (a[:n] * lags[n:0:-1]).sum(axis=0)) / error
        a[:n] -= reflection * a[:n][::-1]
        a[n] = reflection
        error = error * (1 - reflection**2)
    return np.where(silent, 0, a)


def convert_to_cepstrum(a: np.ndarray, n: int) -> np.ndarray:
    """Return the cepstrum c[1] ... c[n] of the all-pole model with predictor a.

    Shape (order, n_frames) -> (n, n_frames).
    """
    a = np.concatenate([a, np.zeros((max(0, n - len(a)), a.shape[1]))])
    c = np.zeros((n, a.shape[1]))
    for i in range(n):
        k = np.arange(1, i + 1)[:, None]
        c[i] = a[i] + (k / (i + 1) * c[:i] * a[:i][::-1]).sum(axis=0)
    return c
