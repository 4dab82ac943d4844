import numpy as np
import pytest
from helpers import SR, build_leaf, noise, sine

RNG = np.random.default_rng(0)


def test_six_decibels_louder_is_twice_the_amplitude_and_nothing_is_clipped() -> None:
    louder = build_leaf("deformation", "gain_plus_6")(sine(440, peak=0.9), SR, RNG)
    assert np.abs(louder).max() == pytest.approx(0.9 * 10**0.3, rel=1e-3)
    np.testing.assert_allclose(build_leaf("deformation", "gain_minus_20")(noise(), SR, RNG), noise() / 10, rtol=1e-6)


def test_clipping_cuts_the_share_of_the_loudest_samples_and_no_other() -> None:
    y = noise(2.0)
    cut = build_leaf("deformation", "clipping_10")(y, SR, RNG)
    limit = np.abs(cut).max()
    assert (np.abs(cut) == limit).mean() == pytest.approx(0.1, abs=1e-3)
    np.testing.assert_array_equal(cut[np.abs(y) < limit], y[np.abs(y) < limit])


def test_a_fade_is_a_straight_line_of_one_second_at_either_end() -> None:
    faded = build_leaf("deformation", "faded")(np.ones((3 * SR, 2), np.float32), SR, RNG)[:, 1]
    np.testing.assert_allclose(faded[[0, SR // 2, SR, 2 * SR - 1, -1]], [0, 0.5, 1, 1, 0], atol=1 / SR)


def test_one_channel_is_the_first_one() -> None:
    one = build_leaf("deformation", "one_channel")
    np.testing.assert_array_equal(one(np.array([[1, 2], [3, 4]]), SR, RNG), [[1], [3]])
