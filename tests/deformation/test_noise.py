import numpy as np
import pytest
import scipy.signal
from helpers import SR, build_leaf, silence, sine

SINE = np.stack([sine(440, 3.0), sine(440, 3.0, peak=0.25)], axis=1)


def add(name: str, y: np.ndarray, sr: int = SR) -> np.ndarray:
    """Return the noise that a deformation adds."""
    return build_leaf("deformation", name)(y, sr, np.random.default_rng(1)) - y


@pytest.mark.parametrize("color", ["white", "pink", "babble"])
@pytest.mark.parametrize("below_db", [30, 20, 10])
def test_the_noise_is_as_far_below_the_clip_as_its_name_states(color: str, below_db: int) -> None:
    noise = add(f"{color}_{below_db}", SINE)
    np.testing.assert_allclose(noise[:, 0], noise[:, 1], atol=1e-6)
    level_db = 10 * np.log10(np.mean(np.square(SINE)) / np.mean(np.square(noise)))
    assert level_db == pytest.approx(below_db, abs=0.01)


@pytest.mark.parametrize(("color", "slope_db"), [("white", 0.0), ("pink", -3.01)])
def test_white_noise_is_flat_and_pink_noise_loses_three_decibels_an_octave(color: str, slope_db: float) -> None:
    f, power = scipy.signal.welch(add(f"{color}_10", sine(440, 20.0)), SR, nperseg=4096)
    octaves = [10 * np.log10(power[(f >= low) & (f < 2 * low)].mean()) for low in (125, 250, 500, 1000, 2000, 4000)]
    assert np.polyfit(range(6), octaves, 1)[0] == pytest.approx(slope_db, abs=0.15)


def test_babble_is_of_several_voices_with_no_pause() -> None:
    noise = add("babble_10", sine(440, 20.0), 16_000)
    levels = np.sqrt(np.square(noise[: len(noise) // 1600 * 1600]).reshape(-1, 1600).mean(axis=1))
    assert levels.min() > 0.1 * levels.mean()
    power = np.abs(np.fft.rfft(noise)) ** 2
    f = np.fft.rfftfreq(len(noise), 1 / 16_000)
    assert power[f < 1000].sum() > 0.5 * power.sum()  # first formants


def test_silence_stays() -> None:
    assert not add("white_10", silence()).any()
