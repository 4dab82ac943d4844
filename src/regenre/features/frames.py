"""Short-time Fourier transform of a clip, shared by all families.

Frame t is centred on sample t * hop_length; the clip is mirrored at its ends, so a steady sound stays steady there. The
mean of the clip is subtracted, so that no feature sees a DC offset, and a hop of equal samples is silence. The window
is a periodic Hann of n_fft samples. Spectra are float32 of shape (n_bins, n_frames); the bins of a frame are contiguous
in memory. There is no phase, since no family uses it. A clip of any length has 1 + n_samples // hop_length frames, so
at least one.

Bins end at 0.907 sr / 2 (`filterbanks.find_top_hz`), which is 10 kHz at 22,050 Hz. Resampling from a higher rate
weakens what lies between that and sr / 2, and logarithms would read a recording's rate there instead of its sound. A
clip whose own rate is lower than sr has nothing above half of it: one of 16 kHz has no power above 8 kHz, and less
from 7.3 kHz on. That moves columns of all families that read high bands, the more so after a logarithm: by up to 14
standard deviations between clips (`lfcc`), 5 (`mel_spectrogram`, `spectrum`), 3 (`mfcc`), 1 (`gfcc`, `fluctuation`),
and more than 3 also of other cepstra, contrast and the patterns of levels.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.fft
import scipy.signal
import soxr

from regenre.features import filterbanks

TINY = np.float32(1e-10)  # lowest power in logarithms, -100 dB
_TUNING_RANGE_HZ = (150.0, 4000.0)  # of the peaks that determine the tuning
_SIDE_LOBES = np.float32(3 * np.log(10))  # 30 dB in log power: so far below a peak are the side lobes of its window
_BANDS_PER_BLOCK = 32  # bands of a bank in one matrix product
_FRAMES_PER_BLOCK = 64  # frames whose transform fits into the processor's cache


@dataclass(frozen=True, eq=False)
class Frames:
    """Samples of a clip and the spectra derived from them, each computed once.

    Attributes
    ----------
    y : float32 array, shape (n_samples,); its mean becomes 0, but not for a network
    sr : sampling rate in Hz
    n_fft, hop_length : window and hop in samples
    whole : whether bins reach sr / 2 and the mean stays, as networks are trained
    samples : y as it was
    padded : y with mirrored ends, shape (n_samples + n_fft,); frame t begins at t * hop_length
    """

    y: np.ndarray
    sr: int
    n_fft: int
    hop_length: int
    whole: bool = False
    samples: np.ndarray = field(init=False)
    padded: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        left, n_samples = self.n_fft // 2, len(self.y)
        padded = np.pad(self.y, (left, self.n_fft - left), mode="reflect")
        if not self.whole:
            padded -= self.y.mean()
            hops = padded[: len(padded) // self.hop_length * self.hop_length].reshape(-1, self.hop_length)
            hops[(hops == hops[:, :1]).all(axis=1)] = 0
        object.__setattr__(self, "samples", self.y)
        object.__setattr__(self, "padded", padded)
        object.__setattr__(self, "y", padded[left : left + n_samples])

    @property
    def windows(self) -> np.ndarray:
        """Samples of each frame, a view, shape (n_frames, n_fft)."""
        return np.lib.stride_tricks.sliding_window_view(self.padded, self.n_fft)[:: self.hop_length]

    @cached_property
    def power(self) -> np.ndarray:
        """|STFT|^2, float32, shape (n_bins, n_frames)."""
        hann = scipy.signal.get_window("hann", self.n_fft).astype(np.float32)
        windows = self.windows
        power = np.empty((self.n_frames, len(self.frequencies_hz)), np.float32)
        for start in range(0, self.n_frames, _FRAMES_PER_BLOCK):
            block = slice(start, start + _FRAMES_PER_BLOCK)
            spectrum = scipy.fft.rfft(windows[block] * hann, axis=1, overwrite_x=True)
            squares = np.square(spectrum.real)
            squares += np.square(spectrum.imag)
            power[block] = squares[:, : power.shape[1]]
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

        A clip without a frame inside it has 0 too: mirrored ends have peaks of their own.

        It is the angle of sum_i M[i] exp(2 pi j s[i]) over 2 pi (after Lerch 2012, tuning frequency by circular
        mean). s[i] are the semitones and M[i] the magnitudes of the spectral peaks between 150 and 4000 Hz that are
        above the mean level there and less than 30 dB below the maximum of their frame. A parabola through the log
        power interpolates their frequency. Of the frames inside the clip only every n_fft // hop_length-th one counts,
        so that windows do not overlap.
        """
        low, high = np.searchsorted(self.frequencies_hz[:-1], _TUNING_RANGE_HZ)
        spectra = self.log_power.T[self.inside][:: max(1, self.n_fft // self.hop_length)]
        level = spectra[:, low - 1 : high + 1]
        middle = level[:, 1:-1]
        n = max(1, high - low)
        least = np.maximum(middle.sum(axis=1) / n, spectra.max(axis=1) - _SIDE_LOBES)[:, None]
        peaks = (middle > level[:, :-2]) & (middle > level[:, 2:]) & (middle > least)
        t, k = np.divmod(np.flatnonzero(peaks), n)
        left, peak, right = level[t, k], level[t, k + 1], level[t, k + 2]
        offset = (left - right) / (2 * (left - 2 * peak + right))
        turns = np.log2((k + low + offset) * np.float32(self.sr / self.n_fft / 440)) * np.float32(12)
        angle = np.float32(2 * np.pi) * (turns - np.rint(turns))
        magnitude = np.exp(peak / 2)
        sine, cosine = (magnitude * np.sin(angle)).sum(), (magnitude * np.cos(angle)).sum()
        return round(float(np.arctan2(sine, cosine) / (2 * np.pi)), 2) + 0.0  # no -0

    def resample(self, sr: int) -> np.ndarray:
        """Return `samples` at another rate (soxr, HQ), at least one. Do not change them: families share them."""
        if sr not in self._samples:
            y = soxr.resample(self.samples, self.sr, sr)
            self._samples[sr] = y if y.size else np.zeros(1, np.float32)
        return self._samples[sr]

    def reframe(self, sr: int, n_fft: int, hop_length: int) -> "Frames":
        """Return the frames of the clip at a network's rate, window and hop, with bins up to half that rate.

        Families with the same share them.
        """
        key = sr, n_fft, hop_length
        if key not in self._others:
            self._others[key] = Frames(self.resample(sr), *key, whole=True)
        return self._others[key]

    @cached_property
    def _samples(self) -> dict[int, np.ndarray]:
        return {self.sr: self.samples}

    @cached_property
    def _others(self) -> dict[tuple[int, int, int], "Frames"]:
        return {}

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return 1 + len(self.y) // self.hop_length

    @property
    def inside(self) -> slice:
        """Places of the frames whose window lies inside the clip; others see its end twice, mirrored."""
        half = self.n_fft // 2
        return slice(-(-half // self.hop_length), (len(self.y) - half) // self.hop_length + 1)

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Centre of each bin in Hz, float32, shape (n_bins,)."""
        if self.whole:
            return np.fft.rfftfreq(self.n_fft, 1 / self.sr).astype(np.float32)
        return filterbanks.list_bins_hz(self.sr, self.n_fft).astype(np.float32)

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
