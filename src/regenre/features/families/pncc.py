"""Power-normalised cepstral coefficients."""

from functools import lru_cache

import numba
import numpy as np
import scipy.ndimage
import scipy.signal

from regenre.common.kinds import Positive, PositiveOrZero, Width, strict_dataclass
from regenre.features import filterbanks
from regenre.features.cepstra import check_counts, compute_cepstra, number_names
from regenre.features.frames import Frames

_PAPER_HOP_S = 0.01  # hop for which the paper states its forgetting factors and M
_FLOOR = 1e-20  # below the power of any 24-bit samples; keeps the ratios of silence defined


@strict_dataclass
class Pncc:
    """Cepstra of band power after suppression of a slowly varying noise floor (Kim and Stern 2016).

    The steps are those of the paper. P is the output power of each gammatone filter after pre-emphasis. AF is an
    asymmetric first-order filter with forgetting factor 0.999 for rising input and 0.5 for falling input.

    1. medium-time power: Q = mean of P over 2 M + 1 frames
    2. asymmetric noise suppression: Q_0 = max(Q - Q_le, 0), with the lower envelope Q_le = AF[Q]; the envelope
       Q_f = AF[Q_0] is a floor
    3. temporal masking: Q_p[t] = max(0.85 Q_p[t-1], Q_0[t]); Q_tm[t] = Q_0[t] where Q_0[t] >= 0.85 Q_p[t-1],
       else 0.2 Q_p[t-1]
    4. R = max(Q_tm, Q_f) where Q >= 2 Q_le, else Q_f
    5. spectral weight smoothing: S = mean of R / Q over the channels l - 4 ... l + 4; T = P S
    6. mean power normalisation: mu is the running mean of T over channels with factor 0.999; U = T / mu
    7. rate-level nonlinearity: V = U^(1/15), then the DCT

    Silence yields 0. A gain does not change the result.

    Deviates from the paper where the spectrum is shared: the hop is hop_length / sr instead of 10 ms, so each
    factor is raised to the power hop / 10 ms and M is 20 ms in hops, rounded; the window is a Hann of n_fft samples
    instead of a Hamming of 25.6 ms; pre-emphasis weights the power spectrum. Deviates from it also in two other
    steps: mu starts at the mean of the clip instead of a corpus, and the means of the coefficients are not
    subtracted. AF starts at 0.9 of its first input, as in the authors' program.

    Parameters
    ----------
    n_pncc : number of coefficients, the 0th included
    n_bands : number of gammatone filters, equally spaced in ERB rate
    fmin_hz, fmax_hz : lowest and highest centre in Hz; fmax_hz None: `find_top_hz`
    """

    n_pncc: Width
    n_bands: Width
    fmin_hz: PositiveOrZero
    fmax_hz: Positive | None

    def __post_init__(self) -> None:
        check_counts("n_pncc", self.n_pncc, "n_bands", self.n_bands)

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers of the coefficients: `00`, `01`, ..."""
        return number_names(self.n_pncc)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the coefficients, float32, shape (n_pncc, n_frames)."""
        bank = _make_bank(frames.sr, frames.n_fft, self.n_bands, self.fmin_hz, self.fmax_hz)
        power = normalise_power(frames.sum_bands(bank).astype(np.float64), frames.hop_s / _PAPER_HOP_S)
        return compute_cepstra((power ** (1 / 15)).astype(np.float32), self.n_pncc)


def normalise_power(power: np.ndarray, hops: float) -> np.ndarray:
    """Apply steps 1 to 6 of `Pncc` to power of shape (n_bands, n_frames); return the same shape.

    Parameters
    ----------
    hops : hop of the frames in units of the paper's hop
    """
    n_context = round(2 / hops)
    medium = np.maximum(scipy.ndimage.uniform_filter1d(power, 2 * n_context + 1, axis=1, mode="nearest"), _FLOOR)
    envelope = filter_asymmetrically(medium, 0.999**hops, 0.5**hops)
    above = np.maximum(medium - envelope, 0)
    floor = filter_asymmetrically(above, 0.999**hops, 0.5**hops)
    foreground = np.maximum(mask(above, 0.85**hops), floor)
    clean = np.where(medium >= 2 * envelope, foreground, floor)
    power = power * _smooth_over_bands(clean / medium)
    factor = 0.999**hops
    mean = power.mean(axis=0)
    level, _ = scipy.signal.lfilter([1 - factor], [1, -factor], mean, zi=[factor * mean.mean()])
    normalised: np.ndarray = power / np.maximum(level, _FLOOR)
    return normalised


@numba.njit(cache=True)
def filter_asymmetrically(values: np.ndarray, rising: float, falling: float) -> np.ndarray:
    """Apply AF along the frames of (n_bands, n_frames), starting at 0.9 of the first frame."""
    result = np.empty_like(values)
    for band in range(values.shape[0]):
        state = 0.9 * values[band, 0]
        for t in range(values.shape[1]):
            factor = rising if values[band, t] >= state else falling
            state = factor * state + (1 - factor) * values[band, t]
            result[band, t] = state
    return result


@numba.njit(cache=True)
def mask(values: np.ndarray, decay: float) -> np.ndarray:
    """Apply temporal masking along the frames of (n_bands, n_frames)."""
    result = np.empty_like(values)
    for band in range(values.shape[0]):
        peak = values[band, 0]
        for t in range(values.shape[1]):
            value = values[band, t]
            result[band, t] = value if value >= decay * peak else 0.2 * peak
            peak = max(decay * peak, value)
    return result


def _smooth_over_bands(weights: np.ndarray) -> np.ndarray:
    """Average over nine neighbouring bands, fewer at the edges."""
    kernel = np.abs(np.subtract.outer(np.arange(len(weights)), np.arange(len(weights)))) <= 4
    smooth: np.ndarray = kernel / kernel.sum(axis=1, keepdims=True) @ weights
    return smooth


@lru_cache(maxsize=8)
def _make_bank(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Return a gammatone bank with pre-emphasis, shape (n_bands, n_bins).

    Weights below 0.5 % of the peak magnitude are set to 0, then each band is scaled to unit area and multiplied by
    the pre-emphasis |1 - 0.97 / z|^2.
    """
    bank = filterbanks.make_gammatone(sr, n_fft, n_bands, fmin_hz, fmax_hz).astype(np.float64)
    bank[bank < 0.005**2] = 0
    emphasis = np.abs(1 - 0.97 * np.exp(-2j * np.pi * filterbanks.list_bins_hz(sr, n_fft) / sr)) ** 2
    area = np.maximum(bank.sum(axis=1, keepdims=True), _FLOOR)  # 0 in a band without a bin, which `freeze` refuses
    return filterbanks.freeze(bank / area * emphasis)
