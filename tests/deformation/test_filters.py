import numpy as np
import pytest
from helpers import SR, build_leaf, noise, sine

RNG = np.random.default_rng(0)


def measure_gain_db(name: str, hz: float, **settings: float) -> float:
    """Return the gain of a sine's middle, where no filter rings."""
    y = sine(hz, 1.0)
    middle = slice(SR // 4, 3 * SR // 4)
    power = [np.mean(np.square(part[middle])) for part in (build_leaf("deformation", name, **settings)(y, SR, RNG), y)]
    return float(10 * np.log10(power[0] / power[1]))


@pytest.mark.parametrize(("hz", "gain_db"), [(50, 0.0), (100, 0.0), (1000, 3.0), (3162.3, 4.5), (10_000, 6.0)])
def test_a_tilt_is_a_straight_line_over_log_frequency(hz: float, gain_db: float) -> None:
    assert measure_gain_db("tilt_6", hz) == pytest.approx(gain_db, abs=0.05)


def test_an_equaliser_sets_each_octave_within_its_range() -> None:
    equalizer, y = build_leaf("deformation", "equalizer_12"), np.zeros((SR, 2), np.float32)
    y[SR // 2] = 1  # an impulse: its spectrum is the response
    gains_db = np.array(
        [20 * np.log10(np.abs(np.fft.rfft(equalizer(y, SR, np.random.default_rng(k))[:, 1]))) for k in range(50)]
    )
    centres = gains_db[:, [125, 250, 500, 1000, 2000, 4000, 8000]]
    assert np.abs(centres).max() < 12.5  # rings are cut off at the ends: 0.5 dB
    assert np.abs(centres).max() > 11
    assert abs(centres.mean()) < 1.5  # 7 dB / sqrt(350) = 0.4 dB
    np.testing.assert_allclose(gains_db[:, 1414], gains_db[:, [1000, 2000]].mean(axis=1), atol=0.5)


@pytest.mark.parametrize(
    ("name", "hz", "gain_db"),
    [
        ("low_pass_4k", 4000, -3.01),
        ("low_pass_4k", 8000, -48.2),
        ("low_pass_4k", 1000, 0.0),
        ("low_pass_8k", 8000, -3.01),
        ("telephone", 300, -3.01),
        ("telephone", 3400, -3.01),
        ("telephone", 150, -48.2),
        ("telephone", 1000, 0.0),
    ],
)
def test_a_band_has_the_gain_of_butterworth(name: str, hz: float, gain_db: float) -> None:
    """1 / sqrt(1 + 2^16) an octave beyond the edge, for order 8."""
    assert measure_gain_db(name, hz) == pytest.approx(gain_db, abs=0.1)


def test_a_flat_filter_changes_nothing() -> None:
    y = noise(0.5)
    np.testing.assert_allclose(build_leaf("deformation", "tilt_3", gain_db=0.0)(y, SR, RNG), y, atol=1e-6)
