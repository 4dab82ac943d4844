import numpy as np
import pytest
from helpers import TOP_HZ, build_family, frames_of, noise, silence, sine
from hydra.errors import InstantiationException

from regenre.features.filterbanks import space_third_octaves_hz

SPECTRUM = build_family("spectrum")


def test_the_centres_are_the_nominal_ones() -> None:
    """IEC 61260-1 rounds 1000 * 10^(k/10) to them, by 2 % at most."""
    nominal = [40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150,
               4000, 5000, 6300, 8000, 10_000]  # fmt: skip
    np.testing.assert_allclose(space_third_octaves_hz(40.0, TOP_HZ), nominal, rtol=0.02)
    assert len(SPECTRUM.names) == len(nominal)


@pytest.mark.parametrize(("hz", "band"), [(125, 5), (250, 8), (1000, 14), (4000, 20), (8000, 23), (9950, 24)])
def test_a_sine_is_strongest_in_its_third_octave(hz: float, band: int) -> None:
    levels = SPECTRUM(frames_of(sine(hz)))
    assert (levels[:, 4:-4].argmax(axis=0) == band).all()


def test_no_band_of_noise_is_silent() -> None:
    """White noise has the same density in each band, also in those narrower than a bin; 40 s even it out."""
    levels = 10 * np.log10((10 ** (SPECTRUM(frames_of(noise(40.0))) / 10)).mean(axis=1))
    np.testing.assert_allclose(levels, levels[14], atol=0.3)


def test_ten_times_the_amplitude_adds_20_db() -> None:
    quiet, loud = (SPECTRUM(frames_of(sine(1000, peak=peak)))[14, 20] for peak in (0.05, 0.5))
    assert loud - quiet == pytest.approx(20, abs=1e-3)


def test_a_band_above_the_last_bin_is_silent() -> None:
    assert (SPECTRUM(frames_of(sine(1000, sr=8000), 8000))[21:] == -100).all()


def test_silence_yields_minus_100_db() -> None:
    np.testing.assert_allclose(SPECTRUM(frames_of(silence())), -100, rtol=1e-6)


def test_bands_from_0_hz_would_be_endless() -> None:
    with pytest.raises(InstantiationException, match="greater than 0"):
        build_family("spectrum", fmin_hz=0)
