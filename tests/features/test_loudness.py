import numpy as np
import pytest
from helpers import frames_of, silence, sine

from regenre.features.loudness import EDGES_HZ, compute_sonogram, cut_segments


@pytest.mark.parametrize("hz", [250.0, 1000.0, 5000.0])
def test_a_sine_is_loudest_in_its_critical_band(hz: float) -> None:
    assert compute_sonogram(frames_of(sine(hz)))[:, 20].argmax() == np.searchsorted(EDGES_HZ, hz, side="right") - 1


def test_ten_decibels_more_double_the_loudness() -> None:
    loud, quiet = (compute_sonogram(frames_of(sine(1000, peak=peak)))[8, 20] for peak in (0.5, 0.5 / 10**0.5))
    assert loud / quiet == pytest.approx(2, rel=1e-3)


def test_a_full_scale_sine_has_96_db_and_the_ears_response() -> None:
    loudness = compute_sonogram(frames_of(sine(1000, peak=1.0)))[8, 20]
    level_db = 10 * np.log2(loudness) + 40
    ear_db = -3.64 + 6.5 * np.exp(-0.6 * 2.3**2) - 1e-3
    assert level_db == pytest.approx(96 + ear_db, abs=2)  # a Hann window spreads a sine over three bins: + 1.8 dB


def test_silence_has_no_loudness() -> None:
    assert not compute_sonogram(frames_of(silence())).any()


def test_segments_overlap_by_half_and_a_short_clip_is_one_segment() -> None:
    values = np.arange(20.0).reshape(2, 10)
    np.testing.assert_array_equal(cut_segments(values, 4)[0], [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [6, 7, 8, 9]])
    assert cut_segments(values, 50).shape == (2, 1, 10)
