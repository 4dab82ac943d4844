"""Filter banks: weights that sum the bins of a power spectrum into bands.

A bank is a float32 array of shape (n_bands, n_bins), n_bins = n_fft // 2 + 1; its product with a power spectrum of
shape (n_bins, n_frames) is the power in each band. Bands run from low to high. Banks are cached and shared,
so they are read-only. A linear, Bark or third-octave band too narrow to contain a bin takes the bin nearest to its
centre.

    make_mel           triangles on the mel scale (Slaney 1998)
    make_linear        triangles on the frequency axis
    make_bark          critical-band curves of perceptual linear prediction (Hermansky 1990)
    make_gammatone     squared magnitude of 4th-order gammatone filters on the ERB scale (Patterson et al. 1992)
    make_third_octave  rectangles, IEC 61260
    make_semitones     rectangles of 100 cents
    compute_overlaps   lengths that intervals share
    freeze             a bank as read-only float32

Scales: `space_third_octaves_hz`, `space_erb_centres_hz`, `compute_erb_hz`, `convert_hz_to_bark`,
`convert_bark_to_hz`, `list_bins_hz`.
"""

from functools import lru_cache

import librosa
import numpy as np


@lru_cache(maxsize=32)
def make_mel(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Return triangles of unit area on Slaney's mel scale, as in librosa."""
    return freeze(librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_bands, fmin=fmin_hz, fmax=fmax_hz))


@lru_cache(maxsize=32)
def make_linear(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Return triangles of unit height with equally spaced centres; each ends at the centres of its neighbours."""
    edges = np.linspace(fmin_hz, fmax_hz or sr / 2, n_bands + 2)
    f = list_bins_hz(sr, n_fft)
    rise = (f - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - f) / (edges[2:] - edges[1:-1])[:, None]
    return freeze(_fill_empty_bands(np.maximum(0, np.minimum(rise, fall)), edges[1:-1], f))


@lru_cache(maxsize=32)
def make_bark(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Return Hermansky's asymmetric critical-band curves (1990, eq. 3 and 4), centres equally spaced in Bark.

    At a distance of d Bark from the centre the weight is 10^(2.5 (d + 0.5)) below d = -0.5, 1 up to 0.5,
    10^(-(d - 0.5)) above, and 0 outside (-1.3, 2.5).
    """
    f = list_bins_hz(sr, n_fft)
    centres = np.linspace(convert_hz_to_bark(fmin_hz), convert_hz_to_bark(fmax_hz or sr / 2), n_bands + 2)[1:-1]
    distance = convert_hz_to_bark(f) - centres[:, None]
    curve = np.minimum(1, np.minimum(10 ** (2.5 * (distance + 0.5)), 10 ** (0.5 - distance)))
    curve[(distance <= -1.3) | (distance >= 2.5)] = 0
    return freeze(_fill_empty_bands(curve, convert_bark_to_hz(centres), f))


@lru_cache(maxsize=32)
def make_gammatone(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Return the squared magnitude responses of 4th-order gammatone filters, peak 1.

    |G(f)|^2 = (1 + ((f - fc) / b)^2)^-4, b = 1.019 ERB(fc), ERB(f) = 24.7 (4.37 f / 1000 + 1)
    (Glasberg and Moore 1990). The centres fc are equally spaced in ERB rate from fmin_hz to fmax_hz.
    """
    f = list_bins_hz(sr, n_fft)
    centres = space_erb_centres_hz(n_bands, fmin_hz, fmax_hz or sr / 2)
    bandwidth = 1.019 * compute_erb_hz(centres)
    return freeze((1 + ((f - centres[:, None]) / bandwidth[:, None]) ** 2) ** -4)


@lru_cache(maxsize=32)
def make_third_octave(sr: int, n_fft: int, fmin_hz: float) -> np.ndarray:
    """Return rectangles of unit area from 2^(-1/6) to 2^(1/6) times the centres 1000 * 2^(k/3) Hz."""
    f = list_bins_hz(sr, n_fft)
    centres = space_third_octaves_hz(sr, fmin_hz)
    inside = (f >= centres[:, None] * 2 ** (-1 / 6)) & (f < centres[:, None] * 2 ** (1 / 6))
    bank = _fill_empty_bands(inside.astype(float), centres, f)
    return freeze(bank / bank.sum(axis=1, keepdims=True))


@lru_cache(maxsize=32)
def make_semitones(sr: int, n_fft: int, n_bands: int, fmin_hz: float) -> np.ndarray:
    """Return rectangles of unit height and 100 cents, the first from fmin_hz up.

    A bin reaches half a bin to each side of its centre. Its weight is the share of it that lies in the band, so no band
    below sr / 2 is empty.
    """
    bins = (np.arange(n_fft // 2 + 2) - 0.5) * sr / n_fft
    return freeze(compute_overlaps(fmin_hz * 2 ** (np.arange(n_bands + 1) / 12), bins) * n_fft / sr)


def compute_overlaps(edges: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Compute the length that each interval between edges shares with each cell, shape (n_intervals, n_cells).

    Both are ascending: interval i is [edges[i], edges[i + 1]], cell j is [cells[j], cells[j + 1]].
    """
    low, high = np.maximum.outer(edges[:-1], cells[:-1]), np.minimum.outer(edges[1:], cells[1:])
    overlaps: np.ndarray = np.maximum(high - low, 0)
    return overlaps


def space_third_octaves_hz(sr: int, fmin_hz: float) -> np.ndarray:
    """Return the third-octave centres in Hz from fmin_hz up to the last band that ends below sr / 2."""
    first = int(np.ceil(3 * np.log2(fmin_hz / 1000)))
    last = int(np.floor(3 * np.log2(sr / 2 / 1000) - 0.5))
    return 1000 * 2 ** (np.arange(first, last + 1) / 3)


def compute_erb_hz(f_hz: np.ndarray) -> np.ndarray:
    """Compute the equivalent rectangular bandwidth in Hz at a frequency (Glasberg and Moore 1990, eq. 3)."""
    return 24.7 * (4.37e-3 * f_hz + 1)


def space_erb_centres_hz(n_bands: int, fmin_hz: float, fmax_hz: float) -> np.ndarray:
    """Return centres in Hz from fmin_hz to fmax_hz, equally spaced in ERB rate (the integral of 1 / ERB)."""
    rates = np.linspace(np.log1p(4.37e-3 * fmin_hz), np.log1p(4.37e-3 * fmax_hz), n_bands)
    return np.expm1(rates) / 4.37e-3


def convert_hz_to_bark(f_hz: np.ndarray | float) -> np.ndarray:
    """Convert Hz to critical-band rate, 6 asinh(f / 600) (Schroeder 1977, as in Hermansky 1990, eq. 2)."""
    return 6 * np.arcsinh(np.asarray(f_hz) / 600)


def convert_bark_to_hz(rate: np.ndarray) -> np.ndarray:
    """Convert critical-band rate to Hz; the inverse of `convert_hz_to_bark`."""
    return 600 * np.sinh(rate / 6)


def list_bins_hz(sr: int, n_fft: int) -> np.ndarray:
    """Return the centre of each bin in Hz, shape (n_bins,)."""
    return np.fft.rfftfreq(n_fft, 1 / sr)


def _fill_empty_bands(bank: np.ndarray, centres_hz: np.ndarray, f: np.ndarray) -> np.ndarray:
    """Give each band without a bin the bin nearest to its centre; changes `bank`."""
    empty = np.flatnonzero(bank.sum(axis=1) == 0)
    bank[empty, np.abs(f - centres_hz[empty, None]).argmin(axis=1)] = 1
    return bank


def freeze(bank: np.ndarray) -> np.ndarray:
    """Return a bank as a read-only float32 array."""
    result = np.ascontiguousarray(bank, dtype=np.float32)
    result.flags.writeable = False
    return result
