"""Rhythm: onset strength, tempo, beat histogram, tempogram, pulse clarity."""

from itertools import pairwise

import numpy as np

from regenre.common.kinds import Positive, Width, strict_dataclass
from regenre.features import filterbanks
from regenre.features.cepstra import convert_to_db
from regenre.features.frames import TINY, Frames

WINDOW_S = 2.75  # of a tempogram: with the frames at the edges, a piece of 3 s has one
_STEP_S = 0.5  # between windows
RANGE_BPM = (40, 240)  # of tempi
_BANDS_BPM = tuple(round(40 * 2 ** (n / 2)) for n in range(7))  # half octaves: 40, 57, ..., 320
_SMOOTHING = (0.25, 0.5, 0.25)  # of the onset strength, so that its autocorrelation can be interpolated
_LAGS_PER_FRAME = 4
_LEAST = np.float32(1e-3)  # power of the loudest band over the mean square, below which a clip lies above all bands
_STEADY_DB = 0.1  # standard deviation of the onset strength
_EXACT = 0.9  # autocorrelation of a pulse as regular as a click track's
_TRIANGLE = 1 - np.abs(np.arange(-4, 5)) / 5  # that smooths the beat histogram
_MIN_WINDOWS = 13  # of shares in the beat histogram


@strict_dataclass
class Rhythm:
    """Periodicity of the onsets.

    - onset_strength: increase of the log-mel spectrum from frame to frame, decreases set to 0, mean over bands, in
      dB (Boeck and Widmer 2013, eq. 1, with lag 1; bands and range as in `Mfcc`); mean and standard deviation
    - tempogram: autocorrelation of the onset strength in windows of 2.75 s (`compute_tempogram`); its mean over windows
      is averaged in half octaves of tempo
    - tempo_bpm: tempo of the mean tempogram (`estimate_tempo`)
    - pulse_clarity: height of a window's highest peak (Lartillot et al. 2008, model Max), mean over windows: about 1
      for a click track, 0.4 for onsets at random
    - tempogram_entropy: entropy over lags of a window's positive part, 0 to 1, mean over windows
    - beat_histogram_*: the heights of the three highest peaks of each window's enhanced autocorrelation
      (`enhance_tempogram`) are summed in bins of 1 bpm and smoothed by a triangle that ends 5 bpm from its centre. a0
      and a1 are the heights of the first and the second peak over the sum before smoothing, ra is their ratio, p1 and
      p2 are their tempo in bpm (Tzanetakis and Cook 2002, section III-C); the second is at least 9 bpm from the first.
      sum is the sum over the number of windows.

    Tempi are from 40 to 240 bpm. Only frames whose transform lies inside the clip count, since the edges are onsets.

    Silence yields 0. A steady sound yields 0 in all but onset_strength, and so does a clip shorter than a window and
    the frames at its edges, 2.9 s. a0, a1 and ra need 13 windows, a little over 9 s, and are 0 for a shorter clip: few
    peaks have large shares. Nothing else depends on the clip's length, except by chance: about one window of white
    noise in forty counts as not steady, so 3 of 4 noises of 30 s have a tempo, and 1 of 8 of 5 s.

    Deviates from Tzanetakis and Cook in the envelope, which is the onset strength instead of the envelope of octave
    wavelet bands, in the triangle, and in the sum, which does not grow with the clip.

    Parameters
    ----------
    n_mels : number of mel bands of the onset strength
    top_db : dynamic range below the clip's loudest band, in dB; lower levels are raised to it. The loudest band counts
        as at most 30 dB below the clip's mean square, so that what leaks from a sound above all bands is no onset
    """

    n_mels: Width
    top_db: Positive

    @property
    def names(self) -> tuple[str, ...]:
        """Descriptors with their statistic; `clip` stands for a value of the whole clip."""
        return (
            "onset_strength__mean", "onset_strength__std", "tempo_bpm__clip", "pulse_clarity__mean",
            "tempogram_entropy__mean", *(f"tempogram_{low}_{high}bpm__mean" for low, high in pairwise(_BANDS_BPM)),
            *(f"beat_histogram_{name}__clip" for name in ("a0", "a1", "ra", "p1", "p2")), "beat_histogram_sum__mean",
        )  # fmt: skip

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the descriptors of the clip, float32, shape (len(names),)."""
        onsets = self.compute_onset_strength(frames)
        tempogram, bpm = compute_tempogram(onsets, frames.hop_s)
        mean = tempogram.mean(axis=1)
        inside = (bpm >= RANGE_BPM[0]) & (bpm <= RANGE_BPM[1])
        bands = [mean[(bpm >= low) & (bpm < high)] for low, high in pairwise(_BANDS_BPM)]
        values = [
            onsets.mean(), onsets.std(), estimate_tempo(mean, bpm),
            _find_peaks(tempogram, bpm).max(axis=0).mean(), _compute_entropy(np.maximum(tempogram[inside], 0)).mean(),
            *(band.mean() if band.size else 0.0 for band in bands),
            *_describe_histogram(_build_beat_histogram(tempogram, bpm), tempogram.shape[1]),
        ]  # fmt: skip
        return np.array(values, np.float32)

    def compute_onset_strength(self, frames: Frames) -> np.ndarray:
        """Compute the onset strength in dB of the frames inside the clip whose predecessor is inside too.

        The shape is (n_onsets,); a clip without such frames has one 0.
        """
        inside, bank = frames.inside, filterbanks.make_mel(frames.sr, frames.n_fft, self.n_mels, 0.0, None)
        if inside.stop - inside.start < 2:
            return np.zeros(1, np.float32)
        power = frames.sum_bands(bank)[:, inside]
        least = _LEAST * frames.n_fft**2 * np.mean(np.square(frames.y))
        level = convert_to_db(power / max(power.max(), least, TINY), self.top_db)
        strength: np.ndarray = np.maximum(np.diff(level, axis=1), 0).mean(axis=0)
        return strength


def compute_tempogram(onsets: np.ndarray, hop_s: float, step_s: float = _STEP_S) -> tuple[np.ndarray, np.ndarray]:
    """Compute the local autocorrelation of the onset strength (Grosche, Mueller and Kurth 2010).

    The onset strength x is smoothed by 1/4, 1/2, 1/4 and cut into windows of n frames, 2.75 s, whose mean is
    subtracted. The strength at lag l is

        r[l] = sum_t x[t] x[t + l] / (n - l) / (sum_t x[t]^2 / n)

    with quarters of a frame interpolated by zero-padding the power spectrum. It is 1 at lag 0 and, for a perfectly
    regular pulse, about 1 at each multiple of its period. A window whose standard deviation is below 0.1 dB is 0: it
    has a steady sound, such as chords (partials that beat in a band reach 0.09 dB) or noise (0.08 dB at 22 050 Hz).

    Parameters
    ----------
    onsets : onset strength in dB, shape (n_onsets,)
    hop_s : seconds between frames
    step_s : seconds between windows

    Returns
    -------
    strength : shape (n_lags, n_windows); one window of zeros if there are too few onsets for one
    bpm : tempo of each lag, from infinite at lag 0 to 40 bpm, shape (n_lags,)
    """
    n = max(2, round(WINDOW_S / hop_s))
    n_lags = int(60 / RANGE_BPM[0] / hop_s * _LAGS_PER_FRAME) + 2  # one lag more for the slowest peak
    lags = np.arange(min(n_lags, n * _LAGS_PER_FRAME)) / _LAGS_PER_FRAME
    with np.errstate(divide="ignore"):
        bpm = 60 / (lags * hop_s)
    if len(onsets) < n + len(_SMOOTHING) - 1:
        return np.zeros((len(lags), 1)), bpm
    smooth = np.convolve(onsets.astype(np.float64), _SMOOTHING, "valid")
    windows = np.lib.stride_tricks.sliding_window_view(smooth, n)[:: max(1, round(step_s / hop_s))]
    windows = windows - windows.mean(axis=1, keepdims=True)
    n_fft = 2 * n - 1  # odd: no bin at half the rate, which padding would double
    power = np.square(np.abs(np.fft.rfft(windows, n_fft)))
    products = np.fft.irfft(power, n_fft * _LAGS_PER_FRAME)[:, : len(lags)] * _LAGS_PER_FRAME / (n - lags)
    variance = products[:, :1]
    steady = variance < _STEADY_DB**2
    strength: np.ndarray = np.where(steady, 0, products / np.where(steady, 1, variance)).T
    return strength, bpm


def estimate_tempo(mean: np.ndarray, bpm: np.ndarray) -> float:
    """Estimate the tempo in bpm from a mean tempogram, 40 to 240 bpm; 0 if it has no peak above 0.

    The tempo is that of the peak that is highest after multiplication by exp(-(log2(bpm / 120))^2 / 2) (Ellis 2007,
    eq. 6), refined by a parabola. A click track has peaks of at least 0.9, and its tempo is that of the fastest: tempi
    from 60 to 220 bpm are right within 0.5 %, or 1 % for a clip of 3 s.
    """
    heights = _find_peaks(mean[:, None], bpm)[:, 0]
    exact = np.flatnonzero(heights >= _EXACT)
    prior = np.exp(-0.5 * np.log2(bpm / 120) ** 2)
    best = int(exact[0] if exact.size else (heights * prior).argmax())
    return float(_interpolate_bpm(mean[:, None], bpm, np.array([[best]]))[0, 0]) if heights[best] else 0.0


def enhance_tempogram(tempogram: np.ndarray, bpm: np.ndarray) -> np.ndarray:
    """Remove what the multiples of each period repeat, shape (n_lags, n_windows) as that of the tempogram.

    Negative values and lags shorter than that of 240 bpm are set to 0. The result, stretched in lag by 2, 3, ..., 6, is
    subtracted each time, and negative differences are set to 0 (Tolonen and Karjalainen 2000, as in Tzanetakis and
    Cook 2002, section III-C). 6 times the period of 240 bpm is that of 40 bpm.
    """
    slow, fast = RANGE_BPM
    positive = np.where((bpm <= fast)[:, None], np.maximum(tempogram, 0), 0)
    enhanced = positive
    for factor in range(2, fast // slow + 1):
        lag, rest = np.divmod(np.arange(len(bpm)), factor)
        share = (rest / factor)[:, None]
        enhanced = np.maximum(enhanced - (1 - share) * positive[lag] - share * positive[lag + 1], 0)
    return enhanced


def _find_peaks(tempogram: np.ndarray, bpm: np.ndarray) -> np.ndarray:
    """Return the heights of the peaks above 0 from 40 to 240 bpm, and 0 elsewhere, shape (n_lags, n_windows)."""
    inside = (bpm >= RANGE_BPM[0]) & (bpm <= RANGE_BPM[1])
    inner = tempogram[1:-1]
    peaks = (inner > tempogram[:-2]) & (inner >= tempogram[2:]) & inside[1:-1, None]
    heights: np.ndarray = np.pad(np.where(peaks, np.maximum(inner, 0), 0), ((1, 1), (0, 0)))
    return heights


def _interpolate_bpm(tempogram: np.ndarray, bpm: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Interpolate the tempo of peaks by a parabola; lags are their indices, shape (n_peaks, n_windows)."""
    left, peak, right = (np.take_along_axis(tempogram, lags + step, axis=0) for step in (-1, 0, 1))
    tempo: np.ndarray = bpm[1] / (lags + (left - right) / (2 * (left - 2 * peak + right)))
    return tempo


def _compute_entropy(values: np.ndarray) -> np.ndarray:
    """Compute the entropy of each column as a distribution, divided by its maximum; 0 if all its values are 0."""
    p = values / np.maximum(values.sum(axis=0), 1e-12)
    entropy: np.ndarray = -(p * np.log(np.where(p > 0, p, 1))).sum(axis=0) / np.log(max(2, len(values)))
    return entropy


def _build_beat_histogram(tempogram: np.ndarray, bpm: np.ndarray) -> np.ndarray:
    """Sum the heights of the three highest peaks of each window in bins of 1 bpm, per window, shape (201,)."""
    slow, fast = RANGE_BPM
    enhanced = enhance_tempogram(tempogram, bpm)
    heights = _find_peaks(enhanced, bpm)
    lags = np.clip(np.argsort(-heights, axis=0, kind="stable")[:3], 1, len(bpm) - 2)
    heights = np.take_along_axis(heights, lags, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        tempi = _interpolate_bpm(enhanced, bpm, lags)
    bins = np.rint(np.clip(tempi[heights > 0], slow, fast)).astype(int) - slow
    histogram: np.ndarray = np.bincount(bins, heights[heights > 0], fast - slow + 1) / tempogram.shape[1]
    return histogram


def _describe_histogram(histogram: np.ndarray, n_windows: int) -> list[float]:
    """Return a0, a1, ra, p1, p2 and sum of `Rhythm`; zeros for an empty histogram."""
    total = histogram.sum()
    if total <= 0:
        return [0.0] * 6
    smooth = np.convolve(histogram, _TRIANGLE, "same")
    first = int(smooth.argmax())
    others = np.where(np.abs(np.arange(len(smooth)) - first) >= len(_TRIANGLE), smooth, 0)
    second = int(others.argmax())
    slow = RANGE_BPM[0]
    p2 = float(slow + second) if others[second] > 0 else 0.0
    shares = [smooth[first] / total, others[second] / total, others[second] / smooth[first]]
    return [*(shares if n_windows >= _MIN_WINDOWS else [0.0] * 3), float(slow + first), p2, total]
