"""Power-normalised cepstral coefficients."""

from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np
import scipy.ndimage
import scipy.signal

from regenre import filterbanks
from regenre.cepstra import cepstra, numbered
from regenre.frames import Frames

_PAPER_HOP_S = 0.01  # what the paper's forgetting factors and M are stated for
_FLOOR = 1e-20  # below any power that 24-bit samples have; keeps ratios of silence defined


@dataclass(frozen=True)
class Pncc:
    """Cepstra of power from which a slowly varying floor has been taken (Kim and Stern 2016).

    The paper's blocks in its order, with P the power behind each gammatone filter after pre-emphasis, and AF an
    asymmetric filter that follows rises with factor 0.999 and falls with 0.5:

    1. medium-time power: Q = mean of P over 2 M + 1 frames
    2. asymmetric noise suppression: the lower envelope Q_le = AF[Q] is subtracted, Q_0 = max(Q - Q_le, 0); its
       own envelope Q_f = AF[Q_0] is a floor
    3. temporal masking: Q_p = max(0.85 Q_p of the frame before, Q_0); Q_tm = Q_0 where it is at least 0.85 of
       the peak before, else 0.2 of that peak
    4. R = max(Q_tm, Q_f) where Q >= 2 Q_le, else Q_f
    5. spectral weight smoothing: S = mean of R / Q over the channels l - 4 ... l + 4; T = P S
    6. mean power normalisation: mu follows the mean of T over channels with factor 0.999; U = T / mu
    7. rate-level nonlinearity: V = U^(1/15), then the DCT

    Silence yields 0. A gain changes nothing.

    Deviates from the paper where the frames are shared: its 10 ms hop became hop_length / sr, so each factor is
    raised to the power hop / 10 ms and M is 20 ms in hops, rounded; the window is a Hann of n_fft samples, not a
    Hamming of 25.6 ms; pre-emphasis weighs the power spectrum. Deviates from it also in the start of mu, which is
    the clip's mean and not a corpus's, and in the last step: the coefficients' means are kept as features.
    AF starts at 0.9 of its first input, as in the authors' program.

    Parameters
    ----------
    n_pncc : number of coefficients, the 0th included
    n_bands : number of gammatone filters, equally spaced in ERB rate
    fmin_hz, fmax_hz : lowest and highest centre in Hz; fmax_hz None means sr / 2
    """

    n_pncc: int = 13
    n_bands: int = 40
    fmin_hz: float = 200.0
    fmax_hz: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """`00`, `01`, ...: the coefficient's number."""
        return numbered(self.n_pncc)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Coefficients, float32, shape (n_pncc, n_frames)."""
        power = frames.bands(_bank(frames.sr, frames.n_fft, self.n_bands, self.fmin_hz, self.fmax_hz))
        normalised = power_normalised(power.astype(np.float64), frames.hop_s / _PAPER_HOP_S)
        return cepstra((normalised ** (1 / 15)).astype(np.float32), self.n_pncc)


def power_normalised(power: np.ndarray, hops: float) -> np.ndarray:
    """Steps 1 to 6: power (n_bands, n_frames), `hops` of the paper's hops a frame, to the same shape."""
    context = round(2 / hops)
    medium = np.maximum(scipy.ndimage.uniform_filter1d(power, 2 * context + 1, axis=1, mode="nearest"), _FLOOR)
    envelope = asymmetric(medium, 0.999**hops, 0.5**hops)
    above = np.maximum(medium - envelope, 0)
    floor = asymmetric(above, 0.999**hops, 0.5**hops)
    heard = np.maximum(masked(above, 0.85**hops), floor)
    kept = np.where(medium >= 2 * envelope, heard, floor)
    weighted = power * _smoothed(kept / medium)
    factor = 0.999**hops
    mean = weighted.mean(axis=0)
    level, _ = scipy.signal.lfilter([1 - factor], [1, -factor], mean, zi=[factor * mean.mean()])
    return weighted / np.maximum(level, _FLOOR)


@numba.njit(cache=True)
def asymmetric(values: np.ndarray, rising: float, falling: float) -> np.ndarray:
    """AF along the frames of (n_bands, n_frames); it starts at 0.9 of the first frame."""
    result = np.empty_like(values)
    for band in range(values.shape[0]):
        state = 0.9 * values[band, 0]
        for t in range(values.shape[1]):
            factor = rising if values[band, t] >= state else falling
            state = factor * state + (1 - factor) * values[band, t]
            result[band, t] = state
    return result


@numba.njit(cache=True)
def masked(values: np.ndarray, decay: float) -> np.ndarray:
    """Temporal masking along the frames of (n_bands, n_frames)."""
    result = np.empty_like(values)
    for band in range(values.shape[0]):
        peak = values[band, 0]
        for t in range(values.shape[1]):
            value = values[band, t]
            result[band, t] = value if value >= decay * peak else 0.2 * peak
            peak = max(decay * peak, value)
    return result


def _smoothed(weights: np.ndarray) -> np.ndarray:
    """Mean over nine neighbouring bands, fewer at the edges."""
    kernel = np.abs(np.subtract.outer(np.arange(len(weights)), np.arange(len(weights)))) <= 4
    return kernel / kernel.sum(axis=1, keepdims=True) @ weights


@lru_cache(maxsize=8)
def _bank(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Gammatone bank, cut below 0.5 % of the peak magnitude, of unit area, times the pre-emphasis |1 - 0.97 / z|^2."""
    bank = filterbanks.gammatone(sr, n_fft, n_bands, fmin_hz, fmax_hz).astype(np.float64)
    bank[bank < 0.005**2] = 0
    emphasis = np.abs(1 - 0.97 * np.exp(-2j * np.pi * filterbanks.bins_hz(sr, n_fft) / sr)) ** 2
    return filterbanks.shared(bank / bank.sum(axis=1, keepdims=True) * emphasis)
