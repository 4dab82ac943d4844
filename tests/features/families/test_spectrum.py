import numpy as np
import pytest
from helpers import SR, build_family, frames_of, silence, sine
from hydra.errors import InstantiationException

from regenre.features.filterbanks import space_third_octaves_hz

SPECTRUM = build_family("spectrum")


@pytest.mark.parametrize("band", [8, 14, 20])
def test_a_sine_is_strongest_in_its_third_octave(band: int) -> None:
    hz = space_third_octaves_hz(SR, 40.0)[band]
    levels = SPECTRUM(frames_of(sine(hz)))
    assert (levels[:, 4:-4].argmax(axis=0) == band).all()


def test_ten_times_the_amplitude_adds_20_db() -> None:
    quiet, loud = (SPECTRUM(frames_of(sine(1000, peak=peak)))[14, 20] for peak in (0.05, 0.5))
    assert loud - quiet == pytest.approx(20, abs=1e-3)


def test_a_band_above_half_the_sampling_rate_is_silent() -> None:
    assert (SPECTRUM(frames_of(sine(1000, sr=8000), 8000))[20:] == -100).all()


def test_silence_yields_minus_100_db() -> None:
    np.testing.assert_allclose(SPECTRUM(frames_of(silence())), -100, rtol=1e-6)


def test_bands_from_0_hz_would_be_endless() -> None:
    with pytest.raises(InstantiationException, match="greater than 0"):
        build_family("spectrum", fmin_hz=0)
