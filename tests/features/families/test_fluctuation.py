from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import SR, build_family, frames_of, noise, silence, sine

from regenre.features.frames import Frames
from regenre.features.loudness import compute_sonogram

FLUCTUATION = build_family("fluctuation")


def compute_pattern(y: np.ndarray) -> np.ndarray:
    return FLUCTUATION(frames_of(y)).reshape(24, 20)


@pytest.mark.parametrize("hz", [1.25, 3.75, 6.25])
@pytest.mark.parametrize("duration_s", [3, 20])
def test_a_modulation_is_a_peak_at_its_rate_in_each_audible_band(hz: float, duration_s: int) -> None:
    y = noise(duration_s) * (1 + np.sin(2 * np.pi * hz * np.arange(duration_s * SR) / SR)).astype(np.float32)
    assert (compute_pattern(y)[2:20].argmax(axis=1) == int(hz / 0.5)).all()


def test_a_deeper_modulation_is_stronger() -> None:
    modulation = np.sin(2 * np.pi * 4 * np.arange(20 * SR) / SR).astype(np.float32)
    shallow, deep = (compute_pattern(noise(20.0) * (1 + depth * modulation))[10, 7] for depth in (0.2, 0.8))
    assert deep > 2 * shallow


@pytest.mark.parametrize("duration_s", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("sound", ["noise", "music"])
def test_the_pattern_does_not_depend_on_the_length_of_the_clip(sound: str, duration_s: int, request) -> None:
    """The mean pattern of consecutive pieces is that of 30 s, or 0 below 3 s.

    Segments across the pieces' edges are lost: single values move by a third, means over bands by a tenth.
    """
    y = noise(30.0)
    if sound == "music":
        path: Path = request.getfixturevalue("shared") / "audio/gtzan_mini/hiphop/hiphop.00006.flac"
        y = soundfile.read(path, dtype="float32")[0][: 30 * SR]
    whole, pieces = compute_pattern(y), np.mean([compute_pattern(p) for p in np.split(y, 30 // duration_s)], axis=0)
    if duration_s < 3:
        assert not pieces.any()
    else:
        np.testing.assert_allclose(pieces, whole, rtol=0.35, atol=0.01)
        np.testing.assert_allclose(pieces.mean(axis=0), whole.mean(axis=0), rtol=0.12)


@pytest.mark.parametrize("duration_s", [3.0, 10.0])
def test_a_steady_sound_hardly_fluctuates(duration_s: float) -> None:
    """In sone; modulated fully at 4 Hz, it has more than 2."""
    assert compute_pattern(sine(440, duration_s)).max() < 0.01


def test_the_pattern_equals_its_definition() -> None:
    """Sums over frames in float64, without a fast transform; the result is float32."""
    frames = Frames(noise(7.0) * np.linspace(0.1, 1, 7 * SR, dtype=np.float32), SR, n_fft=2048, hop_length=1024)
    loudness, hop_s = compute_sonogram(frames).astype(float), 1024 / SR
    n = round(3 / hop_s)
    starts = range(0, loudness.shape[1] - n + 1, n // 2)
    window = np.sin(np.pi * np.arange(1, n + 1) / (n + 1)) ** 2
    expected = np.zeros((24, 20))
    for start in starts:
        segment = loudness[:, start : start + n]
        segment = (segment - segment.mean(axis=1, keepdims=True)) * window
        for step in range(20):
            bins = [k for k in range(1, n // 2 + 1) if 0.5 * step < k / n / hop_s <= 0.5 * (step + 1)]
            for k in bins:
                hz = k / n / hop_s
                amplitude = np.abs(segment @ np.exp(-2j * np.pi * k * np.arange(n) / n)) * 2 / window.sum()
                expected[:, step] += amplitude / (hz / 4 + 4 / hz) / len(bins) / len(starts)
    assert len(starts) == 3
    np.testing.assert_allclose(FLUCTUATION(frames).reshape(24, 20), expected, rtol=1e-4, atol=1e-6)


def test_names_consist_of_band_and_rate() -> None:
    assert FLUCTUATION.names[20 * 7 + 8] == "07_4.5hz__mean"


def test_silence_yields_zero() -> None:
    assert not compute_pattern(silence(10.0)).any()
