"""`y` -> the one shared short-time Fourier transform that every family reads.

Conventions: frames are centred (frame t is centred on sample t * hop_length, the signal padded with
zeros), the window is a periodic Hann of n_fft samples, spectra have shape (n_bins, n_frames) with
n_bins = n_fft // 2 + 1, all float32. A clip shorter than a window yields the frames that its samples
touch: 1 + n_samples // hop_length, never none.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
import scipy.signal


@dataclass(frozen=True, eq=False)
class Frames:
    """A clip's samples with the spectra that are derived from them, each computed once.

    Attributes
    ----------
    y : float32 array, shape (n_samples,)
    sr : sampling rate in Hz
    n_fft, hop_length : window and hop in samples
    """

    y: np.ndarray
    sr: int
    n_fft: int
    hop_length: int

    @cached_property
    def spectrum(self) -> np.ndarray:
        """Complex STFT, complex64, shape (n_bins, n_frames)."""
        padded = np.pad(self.y, self.n_fft // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft)[:: self.hop_length]
        window = scipy.signal.get_window("hann", self.n_fft).astype(np.float32)
        return scipy.fft.rfft(frames * window, axis=1, overwrite_x=True).T

    @cached_property
    def magnitude(self) -> np.ndarray:
        """|STFT|, float32, shape (n_bins, n_frames)."""
        return np.abs(self.spectrum)

    @cached_property
    def power(self) -> np.ndarray:
        """|STFT|^2, float32, shape (n_bins, n_frames)."""
        return np.square(self.magnitude)

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Centre frequency of each bin in Hz, float32, shape (n_bins,)."""
        return np.fft.rfftfreq(self.n_fft, 1 / self.sr).astype(np.float32)

    @property
    def times_s(self) -> np.ndarray:
        """Centre of each frame in seconds, shape (n_frames,)."""
        return np.arange(1 + len(self.y) // self.hop_length) * self.hop_length / self.sr
