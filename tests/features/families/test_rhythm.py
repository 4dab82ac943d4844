from itertools import pairwise

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
from helpers import SR, TOP_HZ, build_family, clicks, frames_of, noise, silence, sine

from regenre.features.families.rhythm import enhance_tempogram
from regenre.features.frames import Frames

RHYTHM = build_family("rhythm")
ONSETS = ("onset_strength__mean", "onset_strength__std")
SHARES = tuple(f"beat_histogram_{name}__clip" for name in ("a0", "a1", "ra"))
TEMPI = ("tempo_bpm__clip", "beat_histogram_p1__clip", "beat_histogram_p2__clip")
STEADY = {
    "sine": sine(440, 10.0),
    "low sine": sine(50, 10.0),
    "high sine": sine(9_900, 10.0),
    "sine where the bands end": sine(10_060, 10.0),
    "sine above the bands": sine(10_500, 10.0),
    "quiet sine above the bands": sine(10_900, 10.0, peak=0.01),
    "three sines": sine(440, 10.0, peak=0.3) + sine(660, 10.0, peak=0.2) + sine(1000, 10.0, peak=0.1),
    "chord": sine(261.6, 10.0, peak=0.2) + sine(329.6, 10.0, peak=0.2) + sine(392, 10.0, peak=0.2),
    "square wave": np.sign(sine(100, 10.0)),
    "constant": np.full(10 * SR, 0.5, np.float32),
    "noise": noise(10.0),
}


def compute_rhythm(y: np.ndarray, sr: int = SR) -> dict[str, float]:
    return dict(zip(RHYTHM.names, RHYTHM(frames_of(y, sr)), strict=True))


def click_at_random(duration_s: float = 30.0) -> np.ndarray:
    """Four clicks a second on average, at times that know nothing of each other."""
    y, burst, generator = np.zeros(round(duration_s * SR), np.float32), noise(0.02), np.random.default_rng(0)
    for start in generator.integers(0, len(y) - len(burst), round(4 * duration_s)):
        y[start:][: len(burst)] += burst
    return y


def read_clip(shared, clip_id: str) -> np.ndarray:
    path = shared / f"audio/gtzan_mini/{clip_id.split('.')[0]}/{clip_id}.flac"
    y, sr = soundfile.read(path, dtype="float32")
    assert sr == SR
    return y


@pytest.mark.parametrize("bpm", [*range(60, 221, 10), 133.3, 187.7])
@pytest.mark.parametrize("duration_s", [3.0, 30.0])
def test_a_click_train_has_its_tempo(bpm: float, duration_s: float) -> None:
    """30 s are right within 0.5 %, which is a tenth of a frame of 23 ms at the fastest tempo; 3 s have few clicks."""
    features = compute_rhythm(clicks(bpm, duration_s))
    rel = 0.005 if duration_s == 30 else 0.02
    assert features["tempo_bpm__clip"] == pytest.approx(bpm, rel=rel)
    assert features["beat_histogram_p1__clip"] == pytest.approx(bpm, rel=rel, abs=0.5)  # bins of 1 bpm
    assert features["pulse_clarity__mean"] == pytest.approx(1, abs=0.08)  # the first half second has no click


@pytest.mark.parametrize("sr", [16_000, 44_100])
def test_a_click_train_has_its_tempo_at_any_rate(sr: int) -> None:
    features = compute_rhythm(clicks(150, sr=sr), sr)
    assert features["tempo_bpm__clip"] == pytest.approx(150, rel=0.005)
    assert features["beat_histogram_p1__clip"] == 150


def test_a_click_train_fills_one_bin_of_the_beat_histogram() -> None:
    features = compute_rhythm(clicks(120))
    assert features["beat_histogram_a0__clip"] > 0.9
    assert features["beat_histogram_ra__clip"] < 0.1


def test_the_tempogram_is_highest_in_the_band_of_the_tempo() -> None:
    features = compute_rhythm(clicks(150))
    bands = {name: value for name, value in features.items() if name.startswith("tempogram_") and "bpm" in name}
    assert max(bands, key=bands.get) == "tempogram_113_160bpm__mean"


def test_an_even_pulse_is_clearer_than_clicks_at_random() -> None:
    even, random = compute_rhythm(clicks(120)), compute_rhythm(click_at_random())
    assert random["pulse_clarity__mean"] < 0.5 < even["pulse_clarity__mean"]
    assert even["beat_histogram_a0__clip"] > 3 * random["beat_histogram_a0__clip"]


@pytest.mark.parametrize("name", STEADY)
@pytest.mark.parametrize("duration_s", [1.0, 3.0, 10.0])
def test_a_steady_sound_has_no_beat(name: str, duration_s: float) -> None:
    features = compute_rhythm(STEADY[name][: round(duration_s * SR)])
    assert features["onset_strength__mean"] < (1 if name == "noise" else 0.2)
    assert not any(value for name, value in features.items() if name not in ONSETS)


@pytest.mark.parametrize("gain", [1e-3, 0.1])
def test_a_gain_changes_nothing(gain: float) -> None:
    np.testing.assert_allclose(
        list(compute_rhythm(gain * clicks(133)).values()), list(compute_rhythm(clicks(133)).values()), rtol=1e-3
    )


def test_sound_that_begins_and_ends_abruptly_has_no_onset_there() -> None:
    """The transform of the frames at the edges sees the zeros beyond them."""
    assert RHYTHM.compute_onset_strength(frames_of(sine(440, 2.0))).max() < 0.1


@pytest.mark.parametrize("duration_s", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("sound", ["noise", "clicks at random", "music"])
def test_no_column_depends_on_the_length_of_the_clip(sound: str, duration_s: int, request) -> None:
    """The mean of the columns of consecutive pieces is that of 30 s, or 0 where a column needs more sound.

    Pieces lose what lies across their edges, so tolerances are a few standard errors. Tempi are medians, and only music
    has any; its second peak is one of many small ones, as both are of clicks at random.
    """
    if sound == "music":
        y = read_clip(request.getfixturevalue("shared"), "hiphop.00006")[: 30 * SR]
    else:
        y = noise(30.0) if sound == "noise" else click_at_random()
    whole = compute_rhythm(y)
    pieces = pd.DataFrame([compute_rhythm(piece) for piece in np.split(y, 30 // duration_s)])
    for name, value in whole.items():
        if name not in ONSETS and (duration_s < 3 or (name in SHARES and duration_s < 9)):
            assert not pieces[name].any()
        elif name in TEMPI:
            assert (pieces[name].between(40, 240) & (sound != "noise") | (pieces[name] == 0)).all()
            if sound == "music" and name != "beat_histogram_p2__clip":
                assert pieces[name].median() == pytest.approx(value, rel=0.02)
        elif sound != "clicks at random" or name != "beat_histogram_ra__clip":
            rel = 0.1 if name in ONSETS else 0
            assert pieces[name].mean() == pytest.approx(value, rel=rel, abs=0.1 if name in SHARES else 0.05), name


def test_onset_strength_equals_librosas_without_centring() -> None:
    y = clicks(100, 5.0)
    reference = librosa.onset.onset_strength(y=frames_of(y).y, sr=SR, center=False, fmax=TOP_HZ, pad_mode="reflect")
    np.testing.assert_allclose(RHYTHM.compute_onset_strength(frames_of(y)), reference[3:-2], atol=1e-3)


def correlate(onsets: np.ndarray, hop_s: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the tempo of each quarter of a frame, and the autocorrelation of each window, by their definitions.

    Between frames it is the trigonometric polynomial through the sums at lags 1 - n to n - 1.
    """
    x = [(onsets[t - 1] + 2 * onsets[t] + onsets[t + 1]) / 4 for t in range(1, len(onsets) - 1)]
    n, lags = round(2.75 / hop_s), np.arange(0, 1.5 / hop_s + 0.25, 0.25)
    angles = 2 * np.pi / (2 * n - 1) * np.subtract.outer(lags, np.arange(1 - n, n))
    kernel = (1 + 2 * sum(np.cos(k * angles) for k in range(1, n))) / (2 * n - 1)
    windows = []
    for start in range(0, len(x) - n + 1, round(0.5 / hop_s)):
        window = np.array(x[start : start + n], float) - np.mean(x[start : start + n], dtype=float)
        sums = [sum(window[t] * window[t + lag] for t in range(n - lag)) for lag in range(n)]
        windows.append(kernel @ (sums[:0:-1] + sums) / (n - lags) / (sums[0] / n))
    with np.errstate(divide="ignore"):
        return 60 / (lags * hop_s), windows


def find_peaks(r: np.ndarray, bpm: np.ndarray) -> list[tuple[float, float]]:
    """Return height and tempo of the peaks from 40 to 240 bpm, the highest first."""
    peaks = []
    for lag in range(1, len(r) - 1):
        if 40 <= bpm[lag] <= 240 and r[lag] > max(0, r[lag - 1]) and r[lag] >= r[lag + 1]:
            a, b, _ = np.polyfit([-1, 0, 1], r[lag - 1 : lag + 2], 2)
            peaks.append((r[lag], bpm[1] / (lag - b / (2 * a))))
    return sorted(peaks, reverse=True)


def enhance(r: np.ndarray, bpm: np.ndarray) -> np.ndarray:
    clipped = [max(0, value) if tempo <= 240 else 0 for value, tempo in zip(r, bpm, strict=True)]
    enhanced = np.array(clipped)
    for factor in (2, 3, 4, 5, 6):
        stretched = np.interp(np.arange(len(r)) / factor, np.arange(len(r)), clipped)
        enhanced = np.array([max(0, a - b) for a, b in zip(enhanced, stretched, strict=True)])
    return enhanced


def describe(onsets: np.ndarray, hop_s: float) -> list[float]:
    """Return all columns of `Rhythm` but the tempo, by their definitions."""
    bpm, windows = correlate(onsets, hop_s)
    clarity, entropy, histogram = [], [], dict.fromkeys(range(40, 241), 0.0)
    for r in windows:
        clarity.append(find_peaks(r, bpm)[0][0])
        positive = [max(0, value) for value, tempo in zip(r, bpm, strict=True) if 40 <= tempo <= 240]
        shares = [value / sum(positive) for value in positive if value > 0]
        entropy.append(-sum(p * np.log(p) for p in shares) / np.log(len(positive)))
        for height, tempo in find_peaks(enhance(r, bpm), bpm)[:3]:
            histogram[min(240, max(40, round(tempo)))] += height / len(windows)
    total = sum(histogram.values())
    smooth = {b: sum(h * max(0, 1 - abs(b - t) / 5) for t, h in histogram.items()) for b in histogram}
    p1 = max(smooth, key=smooth.get)
    p2 = max((b for b in smooth if abs(b - p1) >= 9), key=smooth.get)
    mean, edges = np.mean(windows, axis=0), (40, 57, 80, 113, 160, 226, 320)
    bands = [np.mean([v for v, t in zip(mean, bpm, strict=True) if a <= t < b]) for a, b in pairwise(edges)]
    shares = [smooth[p1] / total, smooth[p2] / total, smooth[p2] / smooth[p1]]
    return [np.mean(clarity), np.mean(entropy), *bands, *shares, p1, p2, total]


def test_all_columns_equal_their_definitions() -> None:
    """In float64, without a transform; the result is float32."""
    frames = Frames(click_at_random(10.0) + 0.1 * noise(10.0), SR, n_fft=2048, hop_length=1024)
    onsets = RHYTHM.compute_onset_strength(frames)
    mean, std, tempo, *rest = RHYTHM(frames)
    assert [mean, std] == pytest.approx([onsets.mean(), onsets.std()])
    np.testing.assert_allclose(rest, describe(onsets, frames.hop_s), rtol=1e-5, atol=1e-6)
    bpm, windows = correlate(onsets, frames.hop_s)
    peaks = find_peaks(np.mean(windows, axis=0), bpm)
    grid = [bpm[abs(bpm - tempo).argmin()] for _, tempo in peaks]  # the preference is that of the lag, not of the peak
    scores = [height * np.exp(-(np.log2(b / 120) ** 2) / 2) for (height, _), b in zip(peaks, grid, strict=True)]
    assert tempo == pytest.approx(peaks[int(np.argmax(scores))][1], rel=1e-5)


def test_enhancement_removes_the_multiples_of_a_period() -> None:
    """Peaks at 0.5, 1.0 and 1.5 s leave the first alone."""
    bpm = 60 / np.maximum(np.arange(160) / 100, 1e-9)
    tempogram = np.zeros((160, 1))
    tempogram[[50, 100, 150], 0] = 0.8, 0.8, 0.7
    assert np.flatnonzero(enhance_tempogram(tempogram, bpm)).tolist() == [50]


def test_tempo_is_correct_at_least_as_often_as_librosas(shared) -> None:
    annotated = pd.read_csv(shared / "gtzan/mini_tempo.csv").set_index("clip_id")["bpm"].iloc[::2]
    tempi, librosa_tempi = [], []
    for clip_id in annotated.index:
        y = read_clip(shared, clip_id)
        tempi.append(compute_rhythm(y)["tempo_bpm__clip"])
        librosa_tempi.append(float(np.squeeze(librosa.beat.beat_track(y=y, sr=SR)[0])))
    shares, librosa_shares = (
        compute_shares(np.array(tempi), annotated),
        compute_shares(np.array(librosa_tempi), annotated),
    )
    print(f"tempo within 4 % (or of a multiple): {shares}, librosa {librosa_shares}")
    assert shares[0] >= librosa_shares[0]
    assert shares[1] >= librosa_shares[1]


def compute_shares(tempi: np.ndarray, annotated: pd.Series) -> tuple[float, float]:
    """Return the shares of clips within 4 % of the annotation, and of it or its double, triple, half or third."""
    hits = [np.abs(tempi / (annotated.to_numpy() * m) - 1) <= 0.04 for m in (1, 2, 3, 1 / 2, 1 / 3)]
    return float(hits[0].mean()), float(np.any(hits, axis=0).mean())


@pytest.mark.parametrize("y", [silence(10.0), silence(0.01), np.ones(100, np.float32)])
def test_silence_and_a_single_frame_yield_zero(y: np.ndarray) -> None:
    assert not any(compute_rhythm(y).values())
