"""Short-time Fourier transform of a clip, shared by all families.

Frame t is centred on sample t * hop_length; the signal is padded with zeros. The window is a periodic Hann of n_fft
samples. Spectra are float32 of shape (n_bins, n_frames) with n_bins = n_fft // 2 + 1; the bins of a frame are
contiguous in memory. There is no phase, since no family uses it. A clip of any length has 1 + n_samples // hop_length
frames, so at least one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
import scipy.signal
import soxr

TINY = np.float32(1e-10)  # lowest power in logarithms, -100 dB
_TUNING_RANGE_HZ = (150.0, 4000.0)  # of the peaks that determine the tuning
_BANDS_PER_BLOCK = 32  # bands of a bank in one matrix product
_FRAMES_PER_BLOCK = 64  # frames whose transform fits into the processor's cache


@dataclass(frozen=True, eq=False)
class Frames:
    """Samples of a clip and the spectra derived from them, each computed once.

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
        samples = np.pad(self.y, self.n_fft // 2)
        windows = np.lib.stride_tricks.sliding_window_view(samples, self.n_fft)[:: self.hop_length]
        hann = scipy.signal.get_window("hann", self.n_fft).astype(np.float32)
        power = np.empty((len(windows), self.n_fft // 2 + 1), np.float32)
        for start in range(0, len(windows), _FRAMES_PER_BLOCK):
            block = slice(start, start + _FRAMES_PER_BLOCK)
            spectrum = scipy.fft.rfft(windows[block] * hann, axis=1, overwrite_x=True)
            np.square(spectrum.real, out=power[block])
            power[block] += np.square(spectrum.imag)
        return power.T

    @cached_property
    def magnitude(self) -> np.ndarray:
        """|STFT|, float32, shape (n_bins, n_frames)."""
        magnitude: np.ndarray = np.sqrt(self.power)
        return magnitude

    @cached_property
    def log_power(self) -> np.ndarray:
        """Natural logarithm of the power, at least that of `TINY`, float32, shape (n_bins, n_frames)."""
        result = np.maximum(self.power, TINY)
        log_power: np.ndarray = np.log(result, out=result)
        return log_power

    def sum_bands(self, bank: np.ndarray) -> np.ndarray:
        """Compute the power in each band of a bank of `filterbanks`, float32, shape (n_bands, n_frames).

        Families with the same bank share the result, so do not change it.
        """
        if id(bank) not in self._band_cache:
            self._band_cache[id(bank)] = bank, _multiply_bank(bank, self.power)  # a reference keeps the id unique
        return self._band_cache[id(bank)][1]

    @cached_property
    def _band_cache(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        return {}

    def compute_once(self, compute: Callable[..., np.ndarray], *settings: float) -> np.ndarray:
        """Return `compute(self, *settings)`; families that ask for the same share the result, so do not change it."""
        key = compute, settings
        if key not in self._results:
            self._results[key] = compute(self, *settings)
        return self._results[key]

    @cached_property
    def _results(self) -> dict[tuple[Callable[..., np.ndarray], tuple[float, ...]], np.ndarray]:
        return {}

    @cached_property
    def tuning(self) -> float:
        """Deviation of the clip from A = 440 Hz, from -0.5 to 0.5 semitones, to two decimals; 0 for silence.

        It is the angle of sum_i M[i] exp(2 pi j s[i]) over 2 pi (after Lerch 2012, tuning frequency by circular
        mean). s[i] are the semitones and M[i] the magnitudes of the spectral peaks between 150 and 4000 Hz that are
        above the mean level of their frame. A parabola through the log power interpolates their frequency. Only
        every n_fft // hop_length-th frame counts, so that windows do not overlap.
        """
        low, high = np.searchsorted(self.frequencies_hz, _TUNING_RANGE_HZ)
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

    def resample(self, sr: int) -> np.ndarray:
        """Return the samples at another rate (soxr, HQ), at least one. Do not change them: families share them."""
        if sr not in self._samples:
            y = soxr.resample(self.y, self.sr, sr)
            self._samples[sr] = y if y.size else np.zeros(1, np.float32)
        return self._samples[sr]

    def reframe(self, sr: int, n_fft: int, hop_length: int) -> "Frames":
        """Return the frames of the clip at another rate, window and hop; families with the same share them."""
        key = sr, n_fft, hop_length
        if key not in self._others:
            self._others[key] = Frames(self.resample(sr), *key)
        return self._others[key]

    @cached_property
    def _samples(self) -> dict[int, np.ndarray]:
        return {self.sr: self.y}

    @cached_property
    def _others(self) -> dict[tuple[int, int, int], "Frames"]:
        return {}

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


def _multiply_bank(bank: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Compute `bank @ power` in blocks of bands, each with only the bins where its weights are not 0."""
    result = np.empty((len(bank), power.shape[1]), np.float32)
    for start in range(0, len(bank), _BANDS_PER_BLOCK):
        rows = slice(start, start + _BANDS_PER_BLOCK)
        nonzero = np.flatnonzero(bank[rows].any(axis=0))
        bins = slice(nonzero[0], nonzero[-1] + 1) if nonzero.size else slice(0)
        np.matmul(bank[rows, bins], power[bins], out=result[rows])
    return result
