"""Filter banks: weights that turn a power spectrum into bands.

Every bank is a float32 array of shape (n_bands, n_bins), n_bins = n_fft // 2 + 1, to be multiplied with
a power spectrum of shape (n_bins, n_frames); bands run from low to high. Banks are made once a process
and shared, so they are read-only. A band that is narrower than a bin takes the bin nearest its centre,
so no band is ever empty.

    mel          triangles on the mel scale (Slaney 1998; or HTK)
    linear       triangles on the frequency axis
    bark         critical-band curves of perceptual linear prediction (Hermansky 1990)
    gammatone    squared magnitude of 4th-order gammatone filters on the ERB scale (Patterson et al. 1992)
    third_octave rectangles, IEC 61260
"""

from functools import lru_cache

import librosa
import numpy as np


@lru_cache(maxsize=32)
def mel(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Triangles of unit area on Slaney's mel scale, as librosa makes them."""
    bank = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_bands, fmin=fmin_hz, fmax=fmax_hz)
    return shared(bank)


@lru_cache(maxsize=32)
def linear(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Triangles of unit height whose edges are the neighbours' centres, equally spaced."""
    edges = np.linspace(fmin_hz, fmax_hz or sr / 2, n_bands + 2)
    f = bins_hz(sr, n_fft)
    rise = (f - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - f) / (edges[2:] - edges[1:-1])[:, None]
    return shared(_nearest_where_empty(np.maximum(0, np.minimum(rise, fall)), edges[1:-1], f))


@lru_cache(maxsize=32)
def bark(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Hermansky's asymmetric critical-band curves (1990, eq. 3 and 4), centres equally spaced in Bark.

    With d the distance from the centre in Bark: 10^(2.5 (d + 0.5)) below -0.5, 1 up to 0.5,
    10^(-(d - 0.5)) above, 0 outside (-1.3, 2.5).
    """
    f = bins_hz(sr, n_fft)
    centres = np.linspace(hz_to_bark(fmin_hz), hz_to_bark(fmax_hz or sr / 2), n_bands + 2)[1:-1]
    distance = hz_to_bark(f) - centres[:, None]
    curve = np.minimum(1, np.minimum(10 ** (2.5 * (distance + 0.5)), 10 ** (0.5 - distance)))
    curve[(distance <= -1.3) | (distance >= 2.5)] = 0
    return shared(_nearest_where_empty(curve, bark_to_hz(centres), f))


@lru_cache(maxsize=32)
def gammatone(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Squared magnitude responses of 4th-order gammatone filters, peak 1.

    |G(f)|^2 = (1 + ((f - fc) / b)^2)^-4, b = 1.019 ERB(fc), ERB(f) = 24.7 (4.37 f / 1000 + 1)
    (Glasberg and Moore 1990), the centres equally spaced in ERB rate from fmin_hz to fmax_hz.
    """
    f = bins_hz(sr, n_fft)
    centres = erb_centres_hz(n_bands, fmin_hz, fmax_hz or sr / 2)
    bandwidth = 1.019 * erb_hz(centres)
    return shared((1 + ((f - centres[:, None]) / bandwidth[:, None]) ** 2) ** -4)


@lru_cache(maxsize=32)
def third_octave(sr: int, n_fft: int, fmin_hz: float) -> np.ndarray:
    """Rectangles between 2^(-1/6) and 2^(1/6) of the centres 1000 * 2^(k/3) Hz, of unit area."""
    f = bins_hz(sr, n_fft)
    centres = third_octave_centres_hz(sr, fmin_hz)
    inside = (f >= centres[:, None] * 2 ** (-1 / 6)) & (f < centres[:, None] * 2 ** (1 / 6))
    bank = _nearest_where_empty(inside.astype(float), centres, f)
    return shared(bank / bank.sum(axis=1, keepdims=True))


def third_octave_centres_hz(sr: int, fmin_hz: float) -> np.ndarray:
    """The centres in Hz whose bands lie between fmin_hz and sr / 2."""
    first = int(np.ceil(3 * np.log2(fmin_hz / 1000)))
    last = int(np.floor(3 * np.log2(sr / 2 / 1000) - 0.5))
    return 1000 * 2 ** (np.arange(first, last + 1) / 3)


def erb_hz(f_hz: np.ndarray) -> np.ndarray:
    """Equivalent rectangular bandwidth in Hz at a frequency (Glasberg and Moore 1990, eq. 3)."""
    return 24.7 * (4.37e-3 * f_hz + 1)


def erb_centres_hz(n_bands: int, fmin_hz: float, fmax_hz: float) -> np.ndarray:
    """Centres in Hz from fmin_hz to fmax_hz, equally spaced in ERB rate (the integral of 1 / ERB)."""
    rates = np.linspace(np.log1p(4.37e-3 * fmin_hz), np.log1p(4.37e-3 * fmax_hz), n_bands)
    return np.expm1(rates) / 4.37e-3


def hz_to_bark(f_hz: np.ndarray | float) -> np.ndarray:
    """Critical-band rate 6 asinh(f / 600) (Schroeder 1977, as in Hermansky 1990, eq. 2)."""
    return 6 * np.arcsinh(np.asarray(f_hz) / 600)


def bark_to_hz(rate: np.ndarray) -> np.ndarray:
    """Inverse of `hz_to_bark`."""
    return 600 * np.sinh(rate / 6)


def bins_hz(sr: int, n_fft: int) -> np.ndarray:
    """Centre of each bin in Hz, shape (n_bins,)."""
    return np.fft.rfftfreq(n_fft, 1 / sr)


def _nearest_where_empty(bank: np.ndarray, centres_hz: np.ndarray, f: np.ndarray) -> np.ndarray:
    empty = np.flatnonzero(bank.sum(axis=1) == 0)
    bank[empty, np.abs(f - centres_hz[empty, None]).argmin(axis=1)] = 1
    return bank


def shared(bank: np.ndarray) -> np.ndarray:
    """A bank as float32 that nobody can change."""
    result = np.ascontiguousarray(bank, dtype=np.float32)
    result.flags.writeable = False
    return result
