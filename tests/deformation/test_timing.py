import numpy as np
import pytest
from helpers import SR, build_leaf, noise, sine

RNG = np.random.default_rng(0)


def find_peak_hz(y: np.ndarray) -> float:
    """Return the frequency of the highest peak of the spectrum."""
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
    return float(np.fft.rfftfreq(len(y), 1 / SR)[spectrum.argmax()])


@pytest.mark.parametrize("percent", [1, 3, 6])
def test_speed_changes_pitch_and_length_alike(percent: int) -> None:
    faster = build_leaf("deformation", f"speed_{percent}")(sine(1000, 2.0), SR, RNG)
    assert len(faster) == pytest.approx(2 * SR / (1 + percent / 100), abs=1)
    assert find_peak_hz(faster) == pytest.approx(1000 * (1 + percent / 100), abs=0.5)  # a bin


def test_a_shift_drops_the_first_half_second_and_never_all() -> None:
    shift = build_leaf("deformation", "shifted")
    np.testing.assert_array_equal(shift(noise(), SR, RNG), noise()[SR // 2 :])
    assert len(shift(noise(0.1), SR, RNG)) == pytest.approx(0.05 * SR, abs=1)


def test_8_khz_and_back_leaves_what_is_below_4_khz() -> None:
    back = build_leaf("deformation", "rate_8k")
    low, high = sine(1000, 2.0), sine(5000, 2.0)
    inside = slice(SR // 10, -SR // 10)  # filters ring at the ends
    assert len(back(low, SR, RNG)) == len(low)
    np.testing.assert_allclose(back(low, SR, RNG)[inside], low[inside], atol=1e-3)  # soxr's HQ
    assert np.abs(back(high, SR, RNG)[inside]).max() < 1e-3


@pytest.mark.parametrize("sr", [22_050, 44_100, 48_000])
def test_the_other_resampler_differs_at_every_usual_rate_but_delays_nothing(sr: int) -> None:
    y = sine(4000, 1.0, sr)
    other = build_leaf("deformation", "resampled")(y, sr, RNG)
    inside = slice(sr // 10, -sr // 10)
    assert 1e-4 < np.abs(other - y)[inside].max() < 0.1
    assert np.corrcoef(other[inside], y[inside])[0, 1] > 0.999


def test_a_speed_that_is_no_speed_is_refused() -> None:
    with pytest.raises(Exception, match=r"percent: -50 to 100 expected, -100\.0 found"):
        build_leaf("deformation", "speed_1", percent=-100)
