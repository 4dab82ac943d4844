"""Features of the samples in the time domain: energy and zero crossings."""

import numpy as np
import scipy.ndimage

from regenre.common.errors import UserError
from regenre.common.kinds import Span, Width, strict_dataclass
from regenre.features.frames import Frames


@strict_dataclass
class Energy:
    """Energy and zero crossings of each frame of n_fft samples, without a window function; the clip's mean is 0.

    - rms = sqrt(mean y^2), full scale is 1 (Tzanetakis and Cook 2002, section III-A)
    - short_time_energy = mean y^2 (Giannakopoulos and Pikrakis 2014, eq. 4.1)
    - energy_entropy = -sum_i p[i] log2 p[i], in bits, where p[i] is the share of the frame's energy in block i of
      n_blocks equal blocks: log2 n_blocks for a steady sound, less for an onset (ibid., eq. 4.5)
    - zero_crossing_rate = number of sign changes between neighbouring samples / n_fft; 0 counts as positive
      (Tzanetakis and Cook 2002, eq. 4, without the division); it reads all of the band up to sr / 2
    - low_energy = 1 if the frame's rms is below the mean rms of the texture window around it, else 0; its mean
      over frames is the low-energy rate (Tzanetakis and Cook 2002, section III-A)

    Silence yields 0 in every row.

    Parameters
    ----------
    n_blocks : number of blocks of a frame for the energy entropy, at most n_fft
    texture_s : length of the texture window in seconds
    """

    n_blocks: Width
    texture_s: Span

    @property
    def names(self) -> tuple[str, ...]:
        """Descriptors, in row order."""
        return ("rms", "short_time_energy", "energy_entropy", "zero_crossing_rate", "low_energy")

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the descriptors, float32, shape (5, n_frames)."""
        n = frames.n_fft
        if self.n_blocks > n:
            raise UserError(f"n_blocks: at most n_fft, {n}, expected, {self.n_blocks} found")
        parts = np.array_split(frames.windows, self.n_blocks, 1)
        blocks = np.stack([np.einsum("tn,tn->t", part, part) for part in parts])
        energy = blocks.sum(axis=0)
        p = blocks / np.where(energy > 0, energy, 1)
        entropy = -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=0)
        rms = np.sqrt(energy / n)
        n_texture = max(1, round(self.texture_s / frames.hop_s))
        mean = scipy.ndimage.uniform_filter1d(rms, n_texture, mode="nearest")
        low = rms < mean * (1 - 1e-6)  # so that rounding does not make a steady sound low
        negative = frames.padded < 0
        changes = np.flatnonzero(negative[1:] != negative[:-1])
        starts = np.arange(frames.n_frames) * frames.hop_length
        crossings = np.searchsorted(changes, starts + n - 1) - np.searchsorted(changes, starts)
        return np.stack([rms, energy / n, entropy, crossings / n, low]).astype(np.float32)
