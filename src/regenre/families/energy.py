"""What the samples show without a transform: energy and zero crossings."""

from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from regenre.frames import Frames


@dataclass(frozen=True)
class Energy:
    """Loudness and its course, from the samples of each frame (n_fft of them, no window).

    - rms = sqrt(mean y^2), full scale 1 (Tzanetakis and Cook 2002, section III-A)
    - short_time_energy = mean y^2 (Giannakopoulos and Pikrakis 2014, eq. 4.1)
    - energy_entropy = -sum_i p[i] log2 p[i], p[i] the share of the frame's energy in its i-th of n_blocks
      equal parts: log2 n_blocks for a steady sound, less for an onset; in bits (ibid., eq. 4.5)
    - zero_crossing_rate = sign changes between neighbouring samples over n_fft; 0 counts as positive
      (Tzanetakis and Cook 2002, eq. 4, there without the division)
    - low_energy = 1 if the frame's rms is below the mean rms of the texture window around it, else 0, so that
      its mean over frames is the low-energy rate (Tzanetakis and Cook 2002, section III-A)

    Silence yields 0 throughout.

    Parameters
    ----------
    n_blocks : parts of a frame for the energy entropy
    texture_s : length of the texture window in seconds
    """

    n_blocks: int = 8
    texture_s: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """The descriptors, in row order."""
        return ("rms", "short_time_energy", "energy_entropy", "zero_crossing_rate", "low_energy")

    def __call__(self, frames: Frames) -> np.ndarray:
        """Descriptors, float32, shape (5, n_frames)."""
        n = frames.n_fft
        padded = np.pad(frames.y, n // 2)
        samples = np.lib.stride_tricks.sliding_window_view(padded, n)[:: frames.hop_length]
        blocks = np.stack([np.einsum("tn,tn->t", *2 * [block]) for block in np.array_split(samples, self.n_blocks, 1)])
        total = blocks.sum(axis=0)
        p = blocks / np.where(total > 0, total, 1)
        entropy = -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=0)
        rms = np.sqrt(total / n)
        window = max(1, round(self.texture_s / frames.hop_s))
        low = rms < scipy.ndimage.uniform_filter1d(rms, window, mode="nearest") * (1 - 1e-6)  # steady is not low
        negative = padded < 0
        changes = np.flatnonzero(negative[1:] != negative[:-1])
        starts = np.arange(frames.n_frames) * frames.hop_length
        crossings = np.searchsorted(changes, starts + n - 1) - np.searchsorted(changes, starts)
        return np.stack([rms, total / n, entropy, crossings / n, low]).astype(np.float32)
