import numpy as np
import pytest
from helpers import SR, build_family, frames_of, noise, silence, sine

LOGARITHMIC_FLUCTUATION_PATTERN = build_family("logarithmic_fluctuation_pattern")
BLOCK_S = 512 * 512 / SR


def modulate(y: np.ndarray, hz: float, db: float) -> np.ndarray:
    """Let the level go up and down by `db`."""
    return y * (10 ** (db * np.sin(2 * np.pi * hz * np.arange(len(y)) / SR) / 20)).astype(np.float32)


def compute_pattern(y: np.ndarray) -> np.ndarray:
    return LOGARITHMIC_FLUCTUATION_PATTERN(frames_of(y)).reshape(23, 12)


@pytest.mark.parametrize("period", [7, 17, 34])
def test_a_modulated_tone_has_its_depth_in_the_step_of_its_rate(period: int) -> None:
    hz = period / BLOCK_S
    pattern = compute_pattern(modulate(sine(1080, 20.0), hz, 3.0))[13]
    step = int(3 * np.log2(hz / 0.5))
    centre_hz = 0.5 * 2 ** ((step + 0.5) / 3)
    expected = 3.0 / np.sqrt(2) / (centre_hz / 4 + 4 / centre_hz)
    assert pattern.argmax() == step
    assert pattern[step] == pytest.approx(expected, rel=0.2)  # the window of a frame smooths fast modulations


@pytest.mark.parametrize("duration_s", [3.0, 8.0])
def test_a_clip_shorter_than_a_block_has_its_peak_in_the_same_step(duration_s: float) -> None:
    y = modulate(noise(duration_s), 4.5, 8.0)
    assert np.median(compute_pattern(y).argmax(axis=1)) == 9


@pytest.mark.parametrize("modulation_db", [0.0, 6.0])
def test_noise_and_a_beat_have_the_same_pattern_at_any_length(modulation_db: float) -> None:
    long = compute_pattern(modulate(noise(30.0), 4.5, modulation_db))
    short = [compute_pattern(modulate(noise(3.0, seed=seed), 4.5, modulation_db)) for seed in range(8)]
    ratio = np.mean(short, axis=(0, 1))[3:] / long.mean(axis=0)[3:]  # from 1 Hz, three periods
    np.testing.assert_allclose(ratio, 1, atol=0.25)  # a third for amplitudes per bin


def test_names_consist_of_band_and_rate() -> None:
    assert LOGARITHMIC_FLUCTUATION_PATTERN.names[12 * 7 + 8] == "07_4.00hz__q60"


@pytest.mark.parametrize("duration_s", [0.01, 1.0, 15.0])
def test_silence_yields_zero(duration_s: float) -> None:
    assert not compute_pattern(silence(duration_s)).any()
