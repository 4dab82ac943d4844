import numpy as np
import pytest
from helpers import BINS_HZ, build_family, frames_of, noise, silence, sine

from regenre.common.errors import UserError

SPECTRAL_CONTRAST = build_family("spectral_contrast")


INNER = slice(4, -4)


def test_contrast_and_valley_equal_the_definition() -> None:
    frames = frames_of(noise(0.5))
    f, values = BINS_HZ, SPECTRAL_CONTRAST(frames)
    for band, (low, high) in enumerate([(0, 200), (200, 400), (400, 800), (800, 1600), (1600, 3200), (3200, 6400)]):
        bins = np.sort(frames.power[(f >= low) & (f < high)].astype(float), axis=0)
        n = max(1, round(0.02 * len(bins)))
        valley = 10 * np.log10(bins[:n].mean(axis=0))
        np.testing.assert_allclose(values[band], 10 * np.log10(bins[-n:].mean(axis=0)) - valley, atol=1e-3)
        np.testing.assert_allclose(values[7 + band], valley, atol=1e-3)


@pytest.mark.parametrize(("hz", "band"), [(300, 1), (1000, 3), (5000, 5)])
def test_a_sine_has_contrast_only_in_its_octave(hz: float, band: int) -> None:
    contrast = SPECTRAL_CONTRAST(frames_of(sine(hz) + noise() / 100))[:7, INNER].mean(axis=1)
    assert contrast.argmax() == band
    assert contrast[band] > np.delete(contrast, band).max() + 20


def test_octaves_narrower_than_a_bin_are_refused() -> None:
    with pytest.raises(UserError, match="fmin_hz: octaves with a bin expected, none in one above 4 Hz found"):
        build_family("spectral_contrast", fmin_hz=4.0)(frames_of(noise()))


def test_silence_yields_no_contrast() -> None:
    values = SPECTRAL_CONTRAST(frames_of(silence()))
    assert (values[:7] == 0).all()
    np.testing.assert_allclose(values[7:], -100, rtol=1e-6)
