"""Linear-prediction cepstral coefficients."""

from dataclasses import dataclass

import numpy as np

from regenre.cepstra import numbered
from regenre.families.cepstrum import inverse_rows
from regenre.frames import Frames

_WHITE = 1e-9  # share of the energy that is added to lag 0, -90 dB, so that a sine stays solvable


@dataclass(frozen=True)
class Lpcc:
    """The cepstrum of the all-pole model of each frame (Atal 1974; Rabiner and Juang 1993, eq. 3.84).

    The predictor x[t] ~ sum_k a[k] x[t - k] solves the normal equations by Levinson and Durbin's
    recursion; its cepstrum, without the gain, follows from

        c[n] = a[n] + sum_{k=1}^{n-1} (k / n) c[k] a[n - k],   a[n] = 0 for n > order

    Silence yields 0.

    Deviates from the textbook in two ways: the autocorrelation is the inverse transform of the shared
    power spectrum, so lag k is summed with lag n_fft - k, which a Hann window makes negligible; and
    -90 dB of white noise is added to lag 0.

    Parameters
    ----------
    n_lpcc : number of coefficients, from n = 1
    order : number of predictor coefficients
    """

    n_lpcc: int = 13
    order: int = 13

    @property
    def names(self) -> tuple[str, ...]:
        """`01`, `02`, ...: n."""
        return numbered(self.n_lpcc + 1)[1:]

    def __call__(self, frames: Frames) -> np.ndarray:
        """Coefficients, float32, shape (n_lpcc, n_frames)."""
        lags = inverse_rows(self.order + 1, frames.n_fft) @ frames.power.astype(np.float64)
        return cepstrum_of(predictor(lags), self.n_lpcc).astype(np.float32)


def predictor(lags: np.ndarray) -> np.ndarray:
    """Levinson and Durbin: autocorrelation (order + 1, n_frames) -> predictors (order, n_frames)."""
    order, silent = len(lags) - 1, lags[0] <= 0
    error = np.where(silent, 1, lags[0] * (1 + _WHITE))
    a = np.zeros((order, lags.shape[1]))
    for n in range(order):
        reflection = (lags[n + 1] - (a[:n] * lags[n:0:-1]).sum(axis=0)) / error
        a[:n] -= reflection * a[:n][::-1]
        a[n] = reflection
        error = error * (1 - reflection**2)
    return np.where(silent, 0, a)


def cepstrum_of(a: np.ndarray, n: int) -> np.ndarray:
    """Cepstrum c[1] ... c[n] of the all-pole model with predictor a: (order, n_frames) -> (n, n_frames)."""
    a = np.concatenate([a, np.zeros((max(0, n - len(a)), a.shape[1]))])
    c = np.zeros((n, a.shape[1]))
    for i in range(n):
        k = np.arange(1, i + 1)[:, None]
        c[i] = a[i] + (k / (i + 1) * c[:i] * a[:i][::-1]).sum(axis=0)
    return c
