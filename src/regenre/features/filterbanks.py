"""Filter banks: weights that sum the bins of a power spectrum into bands.

A bank is a float32 array of shape (n_bands, n_bins); its product with a power spectrum of shape (n_bins, n_frames) is
the power in each band. Bins and bands end at 0.907 sr / 2 (`find_top_hz`; `frames` says why), or at `fmax_hz` if it is
lower. Bands run from low to high. Banks are cached and shared, so they are read-only. No band is empty: a `UserError`
refuses bands that are narrower than the bins, or that lie above `find_top_hz`.

    make_mel           triangles on the mel scale (Slaney 1998)
    make_whole_mel     the same up to half the rate
    make_linear        triangles on the frequency axis
    make_bark          critical-band curves of perceptual linear prediction (Hermansky 1990)
    make_gammatone     squared magnitude of 4th-order gammatone filters on the ERB scale (Patterson et al. 1992)
    make_third_octave  rectangles, IEC 61260
    make_semitones     rectangles of 100 cents
    compute_overlaps   lengths that intervals share
    freeze             a bank as read-only float32
    list_bins_hz       the bins that features read
    find_top_hz        the highest frequency that features read

Scales: `space_third_octaves_hz`, `space_erb_centres_hz`, `compute_erb_hz`, `convert_hz_to_bark`.
"""

import warnings
from functools import lru_cache

import librosa
import numpy as np

from regenre.audio import PASSBAND
from regenre.common.errors import UserError


@lru_cache(maxsize=32)
def make_mel(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Return triangles of unit area on Slaney's mel scale, as in librosa."""
    fmax_hz = _find_end_hz(sr, fmin_hz, fmax_hz)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of empty bands: `freeze` refuses them
        bank = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_bands, fmin=fmin_hz, fmax=fmax_hz)
    return freeze(bank[:, : len(list_bins_hz(sr, n_fft))])


@lru_cache(maxsize=32)
def make_whole_mel(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Return the triangles of `make_mel` for all bins up to sr / 2, as networks are trained with; some may be empty."""
    bank = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_bands, fmin=fmin_hz, fmax=fmax_hz)
    bank.flags.writeable = False
    return bank


@lru_cache(maxsize=32)
def make_linear(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Return triangles of unit height with equally spaced centres; each ends at the centres of its neighbours."""
    edges = np.linspace(fmin_hz, _find_end_hz(sr, fmin_hz, fmax_hz), n_bands + 2)
    f = list_bins_hz(sr, n_fft)
    rise = (f - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - f) / (edges[2:] - edges[1:-1])[:, None]
    return freeze(np.maximum(0, np.minimum(rise, fall)))


@lru_cache(maxsize=32)
def make_bark(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Return Hermansky's asymmetric critical-band curves (1990, eq. 3 and 4), centres equally spaced in Bark.

    A band whose centre is d Bark above a bin has the bin's power times 10^(2.5 (d + 0.5)) below d = -0.5, 1 up to 0.5,
    10^(-(d - 0.5)) above, and 0 outside (-1.3, 2.5): a tone spreads over 2.5 Bark upward and 1.3 downward.

    Eq. 4 is the convolution of the power with this curve, and masking spreads upward. A bank that correlates them
    instead, such as spafe's, is mirrored; rastamat's (Ellis 2005) is not.
    """
    bark = convert_hz_to_bark(list_bins_hz(sr, n_fft))
    low, high = convert_hz_to_bark(np.array([fmin_hz, _find_end_hz(sr, fmin_hz, fmax_hz)]))
    d = np.linspace(low, high, n_bands + 2)[1:-1, None] - bark
    curve = np.minimum(1, np.minimum(10 ** (2.5 * (d + 0.5)), 10 ** (0.5 - d)))
    return freeze(np.where((d > -1.3) & (d < 2.5), curve, 0))


@lru_cache(maxsize=32)
def make_gammatone(sr: int, n_fft: int, n_bands: int, fmin_hz: float, fmax_hz: float | None) -> np.ndarray:
    """Return the squared magnitude responses of 4th-order gammatone filters, peak 1.

    |G(f)|^2 = (1 + ((f - fc) / b)^2)^-4, b = 1.019 ERB(fc), ERB(f) = 24.7 (4.37 f / 1000 + 1)
    (Glasberg and Moore 1990). The centres fc are equally spaced in ERB rate from fmin_hz to fmax_hz.
    """
    f = list_bins_hz(sr, n_fft)
    centres = space_erb_centres_hz(n_bands, fmin_hz, _find_end_hz(sr, fmin_hz, fmax_hz))
    bandwidth = 1.019 * compute_erb_hz(centres)
    return freeze((1 + ((f - centres[:, None]) / bandwidth[:, None]) ** 2) ** -4)


@lru_cache(maxsize=32)
def make_third_octave(sr: int, n_fft: int, fmin_hz: float) -> np.ndarray:
    """Return rectangles of unit area from 10^-0.05 to 10^0.05 times the centres of `space_third_octaves_hz`.

    A bin is sr / n_fft wide and belongs to a band by the share that lies inside, so a band narrower than a bin has its
    power. The last band ends with the last bin.
    """
    f, width = list_bins_hz(sr, n_fft), sr / n_fft
    _find_end_hz(sr, fmin_hz, None)
    centres = space_third_octaves_hz(fmin_hz, f[-1])[:, None]
    low, high = centres * 10**-0.05, np.minimum(centres * 10**0.05, f[-1] + width / 2)
    inside = np.maximum(0, np.minimum(f + width / 2, high) - np.maximum(f - width / 2, low))
    return freeze(inside / inside.sum(axis=1, keepdims=True))


@lru_cache(maxsize=32)
def make_semitones(sr: int, n_fft: int, n_bands: int, fmin_hz: float) -> np.ndarray:
    """Return rectangles of unit height and 100 cents, the first from fmin_hz up.

    A bin reaches half a bin to each side of its centre. Its weight is the share of it that lies in the band, so no band
    up to the last bin is empty.
    """
    bins = (np.arange(len(list_bins_hz(sr, n_fft)) + 1) - 0.5) * sr / n_fft
    bank = (compute_overlaps(fmin_hz * 2 ** (np.arange(n_bands + 1) / 12), bins) * n_fft / sr).astype(np.float32)
    bank.flags.writeable = False
    return bank


def compute_overlaps(edges: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Compute the length that each interval between edges shares with each cell, shape (n_intervals, n_cells).

    Both are ascending: interval i is [edges[i], edges[i + 1]], cell j is [cells[j], cells[j + 1]].
    """
    low, high = np.maximum.outer(edges[:-1], cells[:-1]), np.minimum.outer(edges[1:], cells[1:])
    overlaps: np.ndarray = np.maximum(high - low, 0)
    return overlaps


def space_third_octaves_hz(fmin_hz: float, fmax_hz: float) -> np.ndarray:
    """Return the third-octave centres 1000 * 10^(k/10) Hz, from the band around fmin_hz to that around fmax_hz.

    The nominal 40, 50, 63 Hz are 39.8, 50.1, 63.1 Hz (IEC 61260-1).
    """
    first, last = np.rint(10 * np.log10(np.array([fmin_hz, fmax_hz]) / 1000))
    return 1000 * 10 ** (np.arange(first, last + 1) / 10)


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


def find_top_hz(sr: int) -> float:
    """Return the highest frequency that features read: below it, a recording's own rate makes no difference."""
    return PASSBAND * sr / 2


def list_bins_hz(sr: int, n_fft: int) -> np.ndarray:
    """Return the centre of each bin up to `find_top_hz` in Hz, shape (n_bins,)."""
    f = np.fft.rfftfreq(n_fft, 1 / sr)
    return f[f <= find_top_hz(sr)]


def _find_end_hz(sr: int, fmin_hz: float, fmax_hz: float | None) -> float:
    """Return the highest edge of a bank; raise `UserError` if it is too high, or not above the lowest edge."""
    top_hz = find_top_hz(sr)
    end_hz = top_hz if fmax_hz is None else fmax_hz
    if not fmin_hz < end_hz <= top_hz:
        raise UserError(
            f"fmin_hz < fmax_hz <= {top_hz:.0f} ({PASSBAND} of half the {sr} Hz) expected, "
            f"{fmin_hz:g} and {end_hz:g} found"
        )
    return end_hz


def freeze(bank: np.ndarray) -> np.ndarray:
    """Return a bank as a read-only float32 array; raise `UserError` if a band of it is empty."""
    n_empty = np.count_nonzero(~(bank.sum(axis=1) > 0))
    if n_empty:
        raise UserError(
            f"a bin in each band expected, {n_empty} of {len(bank)} bands without one found; "
            "set fewer bands or a larger n_fft"
        )
    result = np.ascontiguousarray(bank, dtype=np.float32)
    result.flags.writeable = False
    return result
