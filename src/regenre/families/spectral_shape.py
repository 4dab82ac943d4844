"""The shape of the magnitude spectrum: centroid, spread, roll-off, flux, entropy."""

from dataclasses import dataclass

import numpy as np

from regenre.frames import Frames


@dataclass(frozen=True)
class SpectralShape:
    """Descriptors of each frame's magnitude spectrum, read as a distribution over frequency.

    With M[k] the magnitude in bin k, f[k] its frequency and p[k] = M[k] / sum_j M[j]:

    - centroid = sum f p, in Hz (Tzanetakis and Cook 2002, eq. 1)
    - spread = sqrt(sum (f - centroid)^2 p), in Hz (Peeters 2004, section 6.1.2)
    - rolloff = the lowest f[k] with sum_{j<=k} p[j] >= rolloff, in Hz (Tzanetakis and Cook 2002, eq. 2)
    - flux = sum_k (p_t[k] - p_{t-1}[k])^2, 0 in the first frame (Tzanetakis and Cook 2002, eq. 3)
    - entropy = -sum p log2 p / log2 n_bins, from 0 (one bin) to 1 (flat) (Misra et al. 2004, eq. 1,
      there not divided by its maximum)

    A silent frame has p = 0 and yields 0 throughout.

    Parameters
    ----------
    rolloff : share of the magnitude below the roll-off frequency, 0 to 1
    """

    rolloff: float = 0.85

    @property
    def names(self) -> tuple[str, ...]:
        """The descriptors, in row order."""
        return ("centroid", "spread", "rolloff", "flux", "entropy")

    def __call__(self, frames: Frames) -> np.ndarray:
        """Descriptors, float32, shape (5, n_frames); Hz for the first three."""
        magnitude, f = frames.magnitude, frames.frequencies_hz
        total = magnitude.sum(axis=0)
        p = magnitude / np.maximum(total, np.finfo(np.float32).tiny)
        centroid = f @ p
        spread = np.sqrt(np.einsum("kt,kt->t", np.square(f[:, None] - centroid), p))
        reached = np.cumsum(p, axis=0) >= self.rolloff * p.sum(axis=0)
        flux = np.square(np.diff(p, axis=1, prepend=p[:, :1])).sum(axis=0)
        entropy = -(p * np.log2(np.maximum(p, np.finfo(np.float32).tiny))).sum(axis=0) / np.log2(len(f))
        rows = np.stack([centroid, spread, f[reached.argmax(axis=0)], flux, entropy])
        return np.where(total > 0, rows, 0).astype(np.float32)
