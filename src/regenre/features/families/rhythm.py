"""Rhythm: onset strength, tempo, beat histogram, tempogram, pulse clarity."""

from itertools import pairwise

import numpy as np

from regenre.features import filterbanks
from regenre.features.cepstra import convert_to_db
from regenre.features.frames import Frames
from regenre.kinds import Positive, Width, strict_dataclass

_WINDOW_S = 8.0  # window of the local autocorrelation, as in Ellis 2007
_STEP_S = 0.5  # between windows
_RANGE_BPM = (30.0, 300.0)
_HISTOGRAM_BPM = (40, 200)
_BANDS_BPM = tuple(round(40 * 2 ** (n / 2)) for n in range(7))  # half octaves: 40, 57, ..., 320


@strict_dataclass
class Rhythm:
    """Periodicity of the onsets.

    - onset_strength: increase of the log-mel spectrum from frame to frame, decreases set to 0, mean over bands, in
      dB (Boeck and Widmer 2013, eq. 1, with lag 1; bands and range as in `Mfcc`); mean and standard deviation
    - tempogram: autocorrelation of the onset strength in Hann windows of 8 s, without the mean, scaled to 1 at lag 0
      (Grosche, Mueller and Kurth 2010); its mean over time is averaged in half octaves of tempo
    - tempo_bpm: maximum of the mean tempogram times exp(-(log2(bpm / 120))^2 / 2), 30 to 300 bpm
      (Ellis 2007, eq. 6), refined by a parabola
    - pulse_clarity: height of the mean tempogram's highest peak (Lartillot et al. 2008, model Max)
    - tempogram_entropy: entropy over lags of the mean tempogram's positive part, 0 to 1
    - beat_histogram_*: the heights of the three highest peaks of each window's autocorrelation, 40 to 200 bpm, are
      summed in bins of 1 bpm. a0 and a1 are the heights of the first and the second peak over the sum, ra is their
      ratio, p1 and p2 are their tempo in bpm, sum is the sum (Tzanetakis and Cook 2002, section III-C). The second
      peak is at least 5 bpm from the first.

    Silence, a steady sound and a clip of one frame yield 0.

    Deviates from Tzanetakis and Cook in the envelope: it is the onset strength instead of the envelope of octave
    wavelet bands.

    Parameters
    ----------
    n_mels : number of mel bands of the onset strength
    top_db : dynamic range below the clip's loudest band, in dB; lower levels are raised to it
    """

    n_mels: Width
    top_db: Positive

    @property
    def names(self) -> tuple[str, ...]:
        """Descriptors with their statistic; `clip` stands for a value of the whole clip."""
        return (
            "onset_strength__mean", "onset_strength__std", "tempo_bpm__clip", "pulse_clarity__clip",
            "tempogram_entropy__clip", *(f"tempogram_{low}_{high}bpm__mean" for low, high in _list_bands_bpm()),
            *(f"beat_histogram_{name}__clip" for name in ("a0", "a1", "ra", "p1", "p2", "sum")),
        )  # fmt: skip

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the descriptors of the clip, float32, shape (len(names),)."""
        onsets = self.compute_onset_strength(frames)
        strength, bpm = compute_tempogram(onsets, frames.hop_s)
        mean = strength.mean(axis=1)
        inside = (bpm >= _RANGE_BPM[0]) & (bpm <= _RANGE_BPM[1])
        bands = [mean[(bpm >= low) & (bpm < high)] for low, high in _list_bands_bpm()]
        values = [
            onsets.mean(), onsets.std(), estimate_tempo(mean, bpm), max(0.0, mean[inside].max(initial=0.0)),
            _compute_entropy(np.maximum(mean[inside], 0)), *(band.mean() if band.size else 0.0 for band in bands),
            *_describe_histogram(_build_beat_histogram(strength, bpm)),
        ]  # fmt: skip
        return np.array(values, np.float32)

    def compute_onset_strength(self, frames: Frames) -> np.ndarray:
        """Compute the onset strength in dB, shape (n_frames,); 0 in the first frame."""
        bank = filterbanks.make_mel(frames.sr, frames.n_fft, self.n_mels, 0.0, None)
        level = convert_to_db(frames.sum_bands(bank), self.top_db)
        strength: np.ndarray = np.maximum(np.diff(level, axis=1, prepend=level[:, :1]), 0).mean(axis=0)
        return strength


def compute_tempogram(
    onsets: np.ndarray, hop_s: float, window_s: float = _WINDOW_S, step_s: float = _STEP_S
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the local autocorrelation of the onset strength.

    Parameters
    ----------
    onsets : onset strength, shape (n_frames,)
    hop_s : seconds between frames
    window_s, step_s : length of a window and seconds between windows

    Returns
    -------
    strength : shape (n_lags, n_windows), 1 at lag 0; a window without onsets is 0
    bpm : tempo of each lag, shape (n_lags,); infinite at lag 0
    """
    n = max(2, round(window_s / hop_s))
    onsets = np.pad(onsets.astype(np.float64), (0, max(0, n - len(onsets))))
    windows = np.lib.stride_tricks.sliding_window_view(onsets, n)[:: max(1, round(step_s / hop_s))]
    windows = (windows - windows.mean(axis=1, keepdims=True)) * np.hanning(n)
    products = np.fft.irfft(np.square(np.abs(np.fft.rfft(windows, 2 * n, axis=1))), axis=1)[:, :n]
    audible = products[:, :1] > 1e-9 * n
    strength = np.where(audible, products / np.where(audible, products[:, :1], 1), 0).T
    with np.errstate(divide="ignore"):
        return strength, 60 / (np.arange(n) * hop_s)


def estimate_tempo(mean: np.ndarray, bpm: np.ndarray) -> float:
    """Estimate the tempo in bpm from a mean tempogram; 0 if it has no positive value."""
    inside = (bpm >= _RANGE_BPM[0]) & (bpm <= _RANGE_BPM[1])
    with np.errstate(divide="ignore"):
        prior = np.exp(-0.5 * np.log2(np.where(inside, bpm, 120) / 120) ** 2)
    score = np.where(inside, mean * prior, 0)
    best = int(score.argmax())
    if score[best] <= 0:
        return 0.0
    left, peak, right = mean[best - 1], mean[best], mean[min(best + 1, len(mean) - 1)]
    curvature = left - 2 * peak + right
    offset = np.clip((left - right) / (2 * curvature), -0.5, 0.5) if curvature < 0 else 0.0
    return float(bpm[best] * best / (best + offset))


def _list_bands_bpm() -> list[tuple[int, int]]:
    return list(pairwise(_BANDS_BPM))


def _compute_entropy(values: np.ndarray) -> float:
    """Compute the entropy of values as a distribution, divided by its maximum; 0 if all values are 0."""
    p = values[values > 0] / max(values.sum(), 1e-12)
    return float(-(p * np.log(p)).sum() / np.log(max(2, len(values))))


def _build_beat_histogram(strength: np.ndarray, bpm: np.ndarray) -> np.ndarray:
    """Sum the heights of the three highest peaks of each window in bins of 1 bpm, shape (161,)."""
    low, high = _HISTOGRAM_BPM
    inner = strength[1:-1]
    peaks = (inner > strength[:-2]) & (inner >= strength[2:]) & ((bpm >= low) & (bpm <= high))[1:-1, None]
    heights = np.where(peaks, np.maximum(inner, 0), 0)
    highest = np.argsort(-heights, axis=0, kind="stable")[:3]
    bins = np.rint(np.clip(bpm[1:-1][highest], low, high)).astype(int) - low
    return np.bincount(bins.ravel(), np.take_along_axis(heights, highest, axis=0).ravel(), high - low + 1)


def _describe_histogram(histogram: np.ndarray) -> list[float]:
    """Return a0, a1, ra, p1, p2 and sum of `Rhythm`; zeros for an empty histogram."""
    total = histogram.sum()
    if total <= 0:
        return [0.0] * 6
    first = int(histogram.argmax())
    others = np.where(np.abs(np.arange(len(histogram)) - first) >= 5, histogram, 0)
    second = int(others.argmax())
    low = _HISTOGRAM_BPM[0]
    p2 = float(low + second) if others[second] > 0 else 0.0
    a0, a1 = histogram[first] / total, others[second] / total
    return [a0, a1, a1 / a0, float(low + first), p2, total]
