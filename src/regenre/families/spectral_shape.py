"""The shape of the spectrum: moments, roll-off, flux, entropy, flatness, slope, crest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from regenre.frames import TINY, Frames

_LEAST = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class SpectralShape:
    """Descriptors of each frame's magnitude spectrum, read as a distribution over frequency.

    With M[k] the magnitude in bin k, f[k] its frequency and p[k] = M[k] / sum_j M[j]:

    - centroid = sum f p, in Hz (Tzanetakis and Cook 2002, eq. 1)
    - spread = sqrt(sum (f - centroid)^2 p), in Hz; skewness and kurtosis: the third and fourth central
      moments over the third and fourth power of the spread (Peeters 2004, section 6.1)
    - rolloff_<n> = the lowest f[k] with sum_{j<=k} p[j] >= n %, in Hz (Tzanetakis and Cook 2002, eq. 2)
    - flux = sum_k (p_t[k] - p_{t-1}[k])^2, 0 in the first frame (Tzanetakis and Cook 2002, eq. 3)
    - entropy = -sum p log2 p / log2 n_bins, from 0 (one bin) to 1 (flat) (Misra et al. 2004, eq. 1,
      there not divided by its maximum)
    - flatness = geometric over arithmetic mean of M^2, M^2 not below -100 dB: 1 for a flat spectrum
      (Gray and Markel 1974, eq. 1; MPEG-7 AudioSpectrumFlatness, there per band)
    - slope = of the line fitted to p over f, times n_bins, in 1/Hz (Peeters 2004, section 6.1.5)
    - crest = max M / mean M: 1 for a flat spectrum, n_bins for one bin (Peeters 2004, section 9.2)

    A silent frame has p = 0 and yields 0 throughout; a frame of one bin has spread, skewness and kurtosis 0.

    Parameters
    ----------
    rolloffs : shares of the magnitude below the roll-off frequencies, 0 to 1
    """

    rolloffs: Sequence[float] = (0.85, 0.95)

    @property
    def names(self) -> tuple[str, ...]:
        """The descriptors, in row order."""
        rolloffs = [f"rolloff_{100 * share:.0f}" for share in self.rolloffs]
        return ("centroid", "spread", "skewness", "kurtosis", *rolloffs,
                "flux", "entropy", "flatness", "slope", "crest")  # fmt: skip

    def __call__(self, frames: Frames) -> np.ndarray:
        """Descriptors, float32, shape (len(names), n_frames)."""
        magnitude, f = frames.magnitude, frames.frequencies_hz.astype(np.float64)
        total, n_bins = magnitude.sum(axis=0), len(f)
        p = magnitude / np.maximum(total, _LEAST)
        centroid, spread, skewness, kurtosis = _moments(p, f)
        rolloffs = f[_reached(p.T, p.sum(axis=0), np.asarray(self.rolloffs, np.float32)).T]
        flux = np.square(np.diff(p, axis=1, prepend=p[:, :1])).sum(axis=0)
        entropy = -_dot(p, np.log(np.maximum(p, _LEAST))) / np.log(n_bins)
        geometric = np.exp(frames.log_power.mean(axis=0))
        flatness = geometric / np.maximum(np.maximum(frames.power.mean(axis=0), TINY), geometric)
        slope = (centroid - f.mean()) / f.var()
        crest = magnitude.max(axis=0) / np.maximum(total / n_bins, _LEAST)
        rows = [centroid, spread, skewness, kurtosis, *rolloffs, flux, entropy, flatness, slope, crest]
        return np.where(total > 0, np.stack(rows), 0).astype(np.float32)


def _moments(p: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean, deviation, skewness and kurtosis of f under p, from moments about the middle of the axis."""
    middle = f[-1] / 2
    x = (f - middle) / middle
    _, m1, m2, m3, m4 = np.stack([x**n for n in range(5)]) @ p.astype(np.float64)
    variance = np.maximum(m2 - m1**2, 0)
    spread = np.sqrt(variance)
    third = m3 - 3 * m1 * m2 + 2 * m1**3
    fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
    known = spread > 1e-6  # of half the axis: below, what is left is rounding
    unit = np.where(known, spread, 1)
    return (
        middle * (1 + m1),
        middle * np.where(known, spread, 0),
        np.where(known, third / unit**3, 0),
        np.where(known, fourth / unit**4, 0),
    )


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sum of the products of each frame's bins."""
    return np.einsum("kt,kt->t", a, b)


@numba.njit(cache=True)
def _reached(p: np.ndarray, total: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The first bin of each row of p up to which the sum is at least each share of its total."""
    result = np.zeros((len(p), len(shares)), np.int64)
    for t in range(len(p)):
        for i in range(len(shares)):
            level, reached, k = shares[i] * total[t], p[t, 0], 0
            while reached < level and k + 1 < p.shape[1]:
                k += 1
                reached += p[t, k]
            result[t, i] = k
    return result
