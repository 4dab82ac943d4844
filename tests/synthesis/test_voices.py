from dataclasses import replace

import numpy as np
import pytest
import scipy.signal

from regenre.synthesis import voices
from regenre.synthesis.music import SR
from regenre.synthesis.voices import Bird, Speaker, draw_bird, draw_speaker, render_birdsong, render_speech

SPEAKER = Speaker(pitch_hz=110.0, tract=1.0, syllables_hz=5.0, tilt=0.9, hiss_db=-200.0, level=0.6)
BIRD = Bird(
    motif=(("up", 3000.0, 4000.0, 0.1, 0.05), ("tone", 2500.0, 2600.0, 0.1, 0.05)),
    pause_s=0.5,
    overtone=0.0,
    wind_db=-200.0,
    level=0.6,
)
HOP = SR // 50  # 20 ms


def measure_level_db(y: np.ndarray) -> np.ndarray:
    """Return the level of each frame of 20 ms, relative to the loudest."""
    level = np.square(y[: len(y) // HOP * HOP].reshape(-1, HOP)).mean(axis=1)
    return 10 * np.log10(level / level.max() + 1e-12)


def measure_pauses_s(y: np.ndarray) -> np.ndarray:
    """Return the lengths of the runs of frames below -50 dB."""
    edges = np.diff(np.concatenate([[0], measure_level_db(y) < -50, [0]]).astype(int))
    return (np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)) * HOP / SR


def measure_share(y: np.ndarray, low_hz: float, high_hz: float) -> float:
    """Return the share of the power between two frequencies."""
    power = np.abs(np.fft.rfft(y)) ** 2
    hertz = np.fft.rfftfreq(len(y), 1 / SR)
    return float(power[(hertz >= low_hz) & (hertz < high_hz)].sum() / power.sum())


def test_a_clip_has_its_length_and_the_peak_of_its_source() -> None:
    for y in (
        render_speech(SPEAKER, 2.5, np.random.default_rng(0)),
        render_birdsong(BIRD, 2.5, np.random.default_rng(0)),
    ):
        assert y.dtype == np.float64
        assert y.shape == (round(2.5 * SR),)
        assert np.abs(y).max() == pytest.approx(0.6, abs=1e-6)  # the noise is below -190 dB


def test_the_random_numbers_decide_every_sample() -> None:
    for draw, render in ((draw_speaker, render_speech), (draw_bird, render_birdsong)):
        source = draw(np.random.default_rng(1))
        assert source == draw(np.random.default_rng(1))
        assert source != draw(np.random.default_rng(2))
        first, again, other = (render(source, 1.5, np.random.default_rng(seed)) for seed in (3, 3, 4))
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0.05


def test_speech_has_pauses_between_phrases() -> None:
    for seed in range(5):
        pauses_s = measure_pauses_s(render_speech(SPEAKER, 10.0, np.random.default_rng(seed)))
        assert ((pauses_s > 0.13) & (pauses_s < 0.7)).sum() >= 3


@pytest.mark.parametrize("pitch_hz", [100.0, 200.0])
def test_speech_has_the_pitch_of_its_speaker(pitch_hz: float) -> None:
    y = render_speech(replace(SPEAKER, pitch_hz=pitch_hz), 10.0, np.random.default_rng(0))
    frames = np.lib.stride_tricks.sliding_window_view(y, 1024)[::512]
    frames = frames[np.square(frames).mean(axis=1) > 0.1 * np.square(frames).mean(axis=1).max()]
    lags = np.arange(round(SR / 350), round(SR / 60))
    correlation = np.array([[frame[:-lag] @ frame[lag:] for lag in lags] for frame in frames])
    frame_pitch_hz = SR / lags[correlation.argmax(axis=1)]
    assert np.median(frame_pitch_hz) == pytest.approx(0.95 * pitch_hz, rel=0.1)  # the pitch falls in a syllable by 10 %


@pytest.mark.parametrize("tract", [1.0, 1.2])
def test_vowels_have_their_formants(monkeypatch: pytest.MonkeyPatch, tract: float) -> None:
    monkeypatch.setattr(voices, "_VOWELS_HZ", ((730, 1090, 2440),))
    speaker = replace(SPEAKER, pitch_hz=50.0, tract=tract)  # low, so that harmonics lie close together
    y = render_speech(speaker, 20.0, np.random.default_rng(0))
    hertz, power = scipy.signal.welch(y, SR, nperseg=512)
    level_db = 10 * np.log10(power)
    peaks_hz = hertz[scipy.signal.find_peaks(level_db, prominence=1)[0]]
    peaks_hz = peaks_hz[peaks_hz < 2000]  # fricatives lie above
    np.testing.assert_allclose(peaks_hz, [tract * 730, tract * 1090], atol=60)  # a bin has 43 Hz


def test_most_of_speech_is_voiced_and_birds_chirp_high() -> None:
    speech = [render_speech(draw_speaker(np.random.default_rng(n)), 3.0, np.random.default_rng(n)) for n in range(6)]
    birds = [render_birdsong(draw_bird(np.random.default_rng(n)), 3.0, np.random.default_rng(n)) for n in range(6)]
    assert np.median([measure_share(y, 80, 1400) for y in speech]) > 0.6
    assert np.median([measure_share(y, 1400, SR / 2) for y in birds]) > 0.8


def test_speech_rises_and_falls_with_its_syllables() -> None:
    for n in range(6):
        y = render_speech(draw_speaker(np.random.default_rng(n)), 3.0, np.random.default_rng(n))
        level = np.square(y[: len(y) // HOP * HOP].reshape(-1, HOP)).mean(axis=1)
        modulation = np.abs(np.fft.rfft(level - level.mean()))
        hertz = np.fft.rfftfreq(len(level), HOP / SR)
        share = modulation[(hertz > 1) & (hertz < 8)].sum() / modulation[hertz > 0].sum()
        assert share > 0.35  # of 0 to 25 Hz; white noise has about 0.28


def test_songs_stay_in_the_range_of_their_notes() -> None:
    for seed in range(3):
        y = render_birdsong(BIRD, 5.0, np.random.default_rng(seed))
        assert measure_share(y, 2500 * 0.94, 4000 * 1.06) > 0.99  # pitch varies by 5 %


def test_birds_pause_between_songs() -> None:
    for seed in range(5):
        pauses_s = measure_pauses_s(render_birdsong(BIRD, 10.0, np.random.default_rng(seed)))
        assert (pauses_s >= 0.6 * BIRD.pause_s).sum() >= 3
        assert pauses_s.max() < 1.0


def test_an_overtone_doubles_the_frequency() -> None:
    pure, rich = (
        measure_share(render_birdsong(replace(BIRD, overtone=gain), 3.0, np.random.default_rng(0)), 4700, 8600)
        for gain in (0.0, 0.3)
    )
    assert pure < 0.01
    assert 0 < rich - pure == pytest.approx(0.3**2 / (1 + 0.3**2), abs=0.03)


def test_wind_adds_low_noise() -> None:
    calm, windy = (
        measure_share(render_birdsong(replace(BIRD, wind_db=wind_db), 3.0, np.random.default_rng(0)), 0, 500)
        for wind_db in (-200.0, -20.0)
    )
    assert calm < 0.01
    assert windy > 0.1
