import numpy as np
import pytest
from conftest import SR, frames_of, silence, sine

from regenre.families.spectrum import Spectrum
from regenre.filterbanks import third_octave_centres_hz


@pytest.mark.parametrize("band", [8, 14, 20])
def test_a_sine_stands_in_its_third_octave(band: int) -> None:
    hz = third_octave_centres_hz(SR, 40.0)[band]
    levels = Spectrum()(frames_of(sine(hz)))
    assert (levels[:, 4:-4].argmax(axis=0) == band).all()


def test_ten_times_the_amplitude_is_20_db_more() -> None:
    quiet, loud = (Spectrum()(frames_of(sine(1000, peak=peak)))[14, 20] for peak in (0.05, 0.5))
    assert loud - quiet == pytest.approx(20, abs=1e-3)


def test_a_band_above_half_the_sampling_rate_is_silent() -> None:
    assert (Spectrum()(frames_of(sine(1000, sr=8000), 8000))[20:] == -100).all()


def test_silence_is_minus_100_db() -> None:
    np.testing.assert_allclose(Spectrum()(frames_of(silence())), -100, rtol=1e-6)
