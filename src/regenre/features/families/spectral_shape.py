"""The shape of the spectrum: moments, roll-off, flux, entropy, flatness, crest."""

import numba
import numpy as np

from regenre.common.kinds import Shares, strict_dataclass
from regenre.features.frames import Frames


@strict_dataclass
class SpectralShape:
    """Descriptors of each frame's magnitude spectrum as a distribution over frequency.

    With M[k] the magnitude in bin k, f[k] its frequency and p[k] = M[k] / sum_j M[j]:

    - centroid = sum f p, in Hz (Tzanetakis and Cook 2002, eq. 1)
    - spread = sqrt(sum (f - centroid)^2 p), in Hz; skewness and kurtosis are the third and fourth
      central moments divided by the third and fourth power of the spread (Peeters 2004, section 6.1)
    - rolloff_<n> = lowest f[k] with sum_{j<=k} p[j] >= n %, in Hz (Tzanetakis and Cook 2002, eq. 2)
    - flux = sum_k (p_t[k] - p_{t-1}[k])^2, 0 in the first frame (Tzanetakis and Cook 2002, eq. 3)
    - entropy = -sum p log2 p / log2 n_bins, from 0 (a single bin) to 1 (flat) (Misra et al. 2004, eq. 1,
      without the division by the maximum)
    - flatness = geometric mean / arithmetic mean of M^2: 1 for a flat spectrum
      (Gray and Markel 1974, eq. 1; MPEG-7 AudioSpectrumFlatness, which is per band)
    - crest = max M / mean M: 1 for a flat spectrum, n_bins for a single bin (Peeters 2004, section 9.2)

    Peeters's slope (2004, section 6.1.5) is left out: divided by the sum of the amplitudes, as there, it is the
    centroid in other units.

    A silent frame has p = 0 and yields 0 in every row. A frame with power in a single bin has skewness and
    kurtosis 0. In the logarithms of entropy and flatness, a bin below -100 dB counts as -100 dB.

    Parameters
    ----------
    rolloffs : shares of the magnitude below the roll-off frequencies, 0 to 1, in ascending order
    """

    rolloffs: Shares

    def __post_init__(self) -> None:
        if sorted(set(self.rolloffs)) != self.rolloffs:
            raise ValueError(f"rolloffs: shares in ascending order expected, {self.rolloffs} found")

    @property
    def names(self) -> tuple[str, ...]:
        """Descriptors, in row order."""
        rolloffs = [f"rolloff_{100 * share:g}" for share in self.rolloffs]
        return ("centroid", "spread", "skewness", "kurtosis", *rolloffs,
                "flux", "entropy", "flatness", "crest")  # fmt: skip

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the descriptors, float32, shape (len(names), n_frames)."""
        f = frames.frequencies_hz
        rows = _describe_frames(
            frames.magnitude.T, frames.log_power.T, f.astype(np.float64), np.asarray(self.rolloffs, np.float64)
        )
        return rows.T.astype(np.float32)


@numba.njit(cache=True, fastmath=True)
def _describe_frames(magnitude: np.ndarray, log_power: np.ndarray, f: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Compute the descriptors, shape (n_frames, 8 + n_shares), from spectra of shape (n_frames, n_bins).

    One kernel for all descriptors: it reads each frame several times, while the frame is in the processor's cache.
    """
    n_frames, n_bins = magnitude.shape
    rows = np.zeros((n_frames, 8 + len(shares)))
    p, previous = np.zeros(n_bins), np.zeros(n_bins)
    for t in range(n_frames):
        p, previous = previous, p
        total = energy = log_sum = mean = log_mean = flux = 0.0
        for k in range(n_bins):
            total += magnitude[t, k]
        for k in range(n_bins):
            p[k] = magnitude[t, k] / total if total > 0 else 0.0
            mean += f[k] * p[k]
            flux += (p[k] - previous[k]) ** 2
            log_mean += p[k] * log_power[t, k]
            log_sum += log_power[t, k]
            energy += magnitude[t, k] ** 2
        if total == 0:
            continue
        second = third = fourth = 0.0
        for k in range(n_bins):
            square = (f[k] - mean) ** 2
            second += square * p[k]
            third += square * (f[k] - mean) * p[k]
            fourth += square * square * p[k]
        spread = np.sqrt(second)
        rows[t, 0], rows[t, 1] = mean, spread
        if spread > 1e-6 * f[-1]:  # smaller spreads are rounding
            rows[t, 2], rows[t, 3] = third / spread**3, fourth / spread**4
        share, k = p[0], 0
        for i in range(len(shares)):
            while share < shares[i] and k + 1 < n_bins:
                k += 1
                share += p[k]
            rows[t, 4 + i] = f[k]
        last = 4 + len(shares)
        geometric = np.exp(log_sum / n_bins)
        rows[t, last] = flux if t > 0 else 0.0
        rows[t, last + 1] = min(max((np.log(total) - log_mean / 2) / np.log(n_bins), 0.0), 1.0)
        rows[t, last + 2] = geometric / max(energy / n_bins, geometric)
        rows[t, last + 3] = p.max() * n_bins
    return rows
