"""`y` -> the one shared short-time Fourier transform that every family reads.

Conventions: frames are centred (frame t is centred on sample t * hop_length, the signal padded with
zeros), the window is a periodic Hann of n_fft samples, spectra have shape (n_bins, n_frames) with
n_bins = n_fft // 2 + 1, all float32; a frame's bins lie side by side in memory. No family needs the
phase, so it is not kept. A clip shorter than a window yields the frames that its samples
touch: 1 + n_samples // hop_length, never none.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
import scipy.signal

TINY = np.float32(1e-10)  # the power that silence is taken for: -100 dB
_PITCHED_HZ = (150.0, 4000.0)  # where peaks tell the tuning
_BANDS = 32  # of a bank that are multiplied at once
_BLOCK = 64  # frames whose transform stays in the processor's cache


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
    def power(self) -> np.ndarray:
        """|STFT|^2, float32, shape (n_bins, n_frames)."""
        padded = np.pad(self.y, self.n_fft // 2)
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft)[:: self.hop_length]
        hann = scipy.signal.get_window("hann", self.n_fft).astype(np.float32)
        power = np.empty((len(windows), self.n_fft // 2 + 1), np.float32)
        for start in range(0, len(windows), _BLOCK):
            block = slice(start, start + _BLOCK)
            spectrum = scipy.fft.rfft(windows[block] * hann, axis=1, overwrite_x=True)
            np.square(spectrum.real, out=power[block])
            power[block] += np.square(spectrum.imag)
        return power.T

    @cached_property
    def magnitude(self) -> np.ndarray:
        """|STFT|, float32, shape (n_bins, n_frames)."""
        return np.sqrt(self.power)

    @cached_property
    def log_power(self) -> np.ndarray:
        """Natural logarithm of the power, not below that of `TINY`, float32, shape (n_bins, n_frames)."""
        result = np.maximum(self.power, TINY)
        return np.log(result, out=result)

    def bands(self, bank: np.ndarray) -> np.ndarray:
        """The power in each band of a bank of `filterbanks`, float32, shape (n_bands, n_frames); read only.

        Families that name the same bank share the product.
        """
        if id(bank) not in self._bands:
            self._bands[id(bank)] = bank, _product(bank, self.power)  # the bank is kept, so that its id stays its own
        return self._bands[id(bank)][1]

    @cached_property
    def _bands(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        return {}

    @cached_property
    def tuning(self) -> float:
        """The clip's deviation from A = 440 Hz, from -0.5 to 0.5 semitones, to two decimals; 0 for silence.

        The angle of sum_i M[i] exp(2 pi j s[i]) over 2 pi: s[i] are the semitones and M[i] the magnitudes of the
        spectral peaks between 150 and 4000 Hz that stand above their frame's mean level, their frequency
        interpolated by a parabola through the log power; in every n_fft // hop_length-th frame, so that windows
        lie side by side (after Lerch 2012, tuning frequency by circular mean).
        """
        low, high = np.searchsorted(self.frequencies_hz, _PITCHED_HZ)
        level = self.log_power.T[:: max(1, self.n_fft // self.hop_length), low - 1 : high + 1]
        middle = level[:, 1:-1]
        peaks = (middle > level[:, :-2]) & (middle > level[:, 2:]) & (middle > middle.mean(axis=1, keepdims=True))
        t, k = np.divmod(np.flatnonzero(peaks), high - low)
        left, peak, right = level[t, k], level[t, k + 1], level[t, k + 2]
        offset = (left - right) / (2 * (left - 2 * peak + right))
        turns = np.log2((k + low + offset) * np.float32(self.sr / self.n_fft / 440)) * np.float32(12)
        angle = np.float32(2 * np.pi) * (turns - np.rint(turns))
        magnitude = np.exp(peak / 2)
        sine, cosine = (magnitude * np.sin(angle)).sum(), (magnitude * np.cos(angle)).sum()
        return round(float(np.arctan2(sine, cosine) / (2 * np.pi)), 2) + 0.0  # no -0

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return 1 + len(self.y) // self.hop_length

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Centre frequency of each bin in Hz, float32, shape (n_bins,)."""
        return np.fft.rfftfreq(self.n_fft, 1 / self.sr).astype(np.float32)

    @property
    def hop_s(self) -> float:
        """Seconds between frames."""
        return self.hop_length / self.sr

    @property
    def times_s(self) -> np.ndarray:
        """Centre of each frame in seconds, shape (n_frames,)."""
        return np.arange(self.n_frames) * self.hop_s


def _product(bank: np.ndarray, power: np.ndarray) -> np.ndarray:
    """`bank @ power`, each few bands with the bins alone that they weigh."""
    result = np.empty((len(bank), power.shape[1]), np.float32)
    for start in range(0, len(bank), _BANDS):
        rows = slice(start, start + _BANDS)
        weighed = np.flatnonzero(bank[rows].any(axis=0))
        bins = slice(weighed[0], weighed[-1] + 1) if weighed.size else slice(0)
        np.matmul(bank[rows, bins], power[bins], out=result[rows])
    return result
