"""Features around the beat: onset strength, tempo, beat histogram, tempogram, pulse clarity."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from regenre import filterbanks
from regenre.cepstra import decibels
from regenre.frames import Frames

_WINDOW_S = 8.0  # of a local autocorrelation, Ellis's choice
_STEP_S = 0.5
_RANGE_BPM = (30.0, 300.0)
_HISTOGRAM_BPM = (40, 200)
_BANDS_BPM = tuple(round(40 * 2 ** (n / 2)) for n in range(7))  # half octaves: 40, 57, ..., 320


@dataclass(frozen=True)
class Rhythm:
    """Periodicity of the onsets.

    - onset_strength: rise of the log-mel spectrum from frame to frame, falls counted as 0, mean over bands, in dB
      (Boeck and Widmer 2013, eq. 1, with lag 1; bands and range as in `Mfcc`); mean and deviation
    - tempogram: autocorrelation of the onset strength in windows of 8 s, freed of their mean, Hann-windowed,
      lag 0 made 1 (Grosche, Mueller and Kurth 2010); its mean over time is averaged in half octaves of tempo
    - tempo_bpm: the highest point of the mean tempogram times exp(-(log2(bpm / 120))^2 / 2), 30 to 300 bpm
      (Ellis 2007, eq. 6), refined by a parabola
    - pulse_clarity: the height of the mean tempogram at its highest peak (Lartillot et al. 2008, model Max)
    - tempogram_entropy: of the mean tempogram's positive part over lags, 0 to 1
    - beat_histogram_*: the three highest peaks of each window's autocorrelation, 40 to 200 bpm, are summed by
      their height into bins of 1 bpm; a0 and a1: heights of the first and the second peak over the sum, ra:
      their ratio, p1 and p2: their tempo in bpm, sum (Tzanetakis and Cook 2002, section III-C; the second peak
      is 5 bpm or more from the first)

    Silence, a steady sound and a clip of one frame yield 0 throughout.

    Deviates from Tzanetakis and Cook in the envelope, which is the onset strength and not that of octave wavelet
    bands.

    Parameters
    ----------
    n_mels : bands of the onset strength
    top_db : dynamic range that is kept below the clip's loudest band, in dB
    """

    n_mels: int = 128
    top_db: float = 80.0

    @property
    def names(self) -> tuple[str, ...]:
        """What it is, then `clip`, or the statistic."""
        return (
            "onset_strength__mean", "onset_strength__std", "tempo_bpm__clip", "pulse_clarity__clip",
            "tempogram_entropy__clip", *(f"tempogram_{low}_{high}bpm__mean" for low, high in _bands()),
            *(f"beat_histogram_{name}__clip" for name in ("a0", "a1", "ra", "p1", "p2", "sum")),
        )  # fmt: skip

    def __call__(self, frames: Frames) -> np.ndarray:
        """Descriptors of the clip, float32, shape (len(names),)."""
        onsets = self.onset_strength(frames)
        strength, bpm = tempogram(onsets, frames.hop_s)
        mean = strength.mean(axis=1)
        inside = (bpm >= _RANGE_BPM[0]) & (bpm <= _RANGE_BPM[1])
        bands = [mean[(bpm >= low) & (bpm < high)] for low, high in _bands()]
        values = [
            onsets.mean(), onsets.std(), tempo(mean, bpm), max(0.0, mean[inside].max(initial=0.0)),
            _entropy(np.maximum(mean[inside], 0)), *(band.mean() if band.size else 0.0 for band in bands),
            *_histogram_descriptors(_beat_histogram(strength, bpm)),
        ]  # fmt: skip
        return np.array(values, np.float32)

    def onset_strength(self, frames: Frames) -> np.ndarray:
        """Onset strength in dB, shape (n_frames,); 0 in the first frame."""
        bank = filterbanks.mel(frames.sr, frames.n_fft, self.n_mels, 0.0, None)
        level = decibels(frames.bands(bank), self.top_db)
        return np.maximum(np.diff(level, axis=1, prepend=level[:, :1]), 0).mean(axis=0)


def tempogram(
    onsets: np.ndarray, hop_s: float, window_s: float = _WINDOW_S, step_s: float = _STEP_S
) -> tuple[np.ndarray, np.ndarray]:
    """Local autocorrelation of the onset strength.

    Returns
    -------
    strength : shape (n_lags, n_windows), 1 at lag 0; a window every step_s
    bpm : tempo of each lag, shape (n_lags,); infinite at lag 0
    """
    n = max(2, round(window_s / hop_s))
    padded = np.pad(onsets.astype(np.float64), (0, max(0, n - len(onsets))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, n)[:: max(1, round(step_s / hop_s))]
    windows = (windows - windows.mean(axis=1, keepdims=True)) * np.hanning(n)
    products = np.fft.irfft(np.square(np.abs(np.fft.rfft(windows, 2 * n, axis=1))), axis=1)[:, :n]
    heard = products[:, :1] > 1e-9 * n
    strength = np.where(heard, products / np.where(heard, products[:, :1], 1), 0).T
    with np.errstate(divide="ignore"):
        return strength, 60 / (np.arange(n) * hop_s)


def tempo(mean: np.ndarray, bpm: np.ndarray) -> float:
    """The tempo in bpm that a mean tempogram speaks for; 0 where it speaks for none."""
    inside = (bpm >= _RANGE_BPM[0]) & (bpm <= _RANGE_BPM[1])
    with np.errstate(divide="ignore"):
        likely = np.exp(-0.5 * np.log2(np.where(inside, bpm, 120) / 120) ** 2)
    score = np.where(inside, mean * likely, 0)
    best = int(score.argmax())
    if score[best] <= 0:
        return 0.0
    left, peak, right = mean[best - 1], mean[best], mean[min(best + 1, len(mean) - 1)]
    bend = left - 2 * peak + right
    offset = np.clip((left - right) / (2 * bend), -0.5, 0.5) if bend < 0 else 0.0
    return float(bpm[best] * best / (best + offset))


def _bands() -> list[tuple[int, int]]:
    return list(pairwise(_BANDS_BPM))


def _entropy(values: np.ndarray) -> float:
    """Entropy of values as a distribution, over its maximum; 0 where they are all 0."""
    p = values[values > 0] / max(values.sum(), 1e-12)
    return float(-(p * np.log(p)).sum() / np.log(max(2, len(values))))


def _beat_histogram(strength: np.ndarray, bpm: np.ndarray) -> np.ndarray:
    """Summed heights of each window's three highest peaks, a bin a bpm."""
    low, high = _HISTOGRAM_BPM
    inner = strength[1:-1]
    peaks = (inner > strength[:-2]) & (inner >= strength[2:]) & ((bpm >= low) & (bpm <= high))[1:-1, None]
    heights = np.where(peaks, np.maximum(inner, 0), 0)
    highest = np.argsort(-heights, axis=0, kind="stable")[:3]
    bins = np.rint(np.clip(bpm[1:-1][highest], low, high)).astype(int) - low
    return np.bincount(bins.ravel(), np.take_along_axis(heights, highest, axis=0).ravel(), high - low + 1)


def _histogram_descriptors(histogram: np.ndarray) -> list[float]:
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
