import numpy as np
import pytest
from conftest import SR, frames_of, noise, silence, sine

from regenre.families.spectral_contrast import SpectralContrast

INNER = slice(4, -4)


def test_equals_the_definition_written_out() -> None:
    frames = frames_of(noise(0.5))
    f, found = np.arange(1025) * SR / 2048, SpectralContrast()(frames)
    for band, (low, high) in enumerate([(0, 200), (200, 400), (400, 800), (800, 1600), (1600, 3200), (3200, 6400)]):
        ordered = np.sort(frames.power[(f >= low) & (f < high)].astype(float), axis=0)
        n = max(1, round(0.02 * len(ordered)))
        valley = 10 * np.log10(ordered[:n].mean(axis=0))
        np.testing.assert_allclose(found[band], 10 * np.log10(ordered[-n:].mean(axis=0)) - valley, atol=1e-3)
        np.testing.assert_allclose(found[7 + band], valley, atol=1e-3)


@pytest.mark.parametrize(("hz", "band"), [(300, 1), (1000, 3), (5000, 5)])
def test_a_sine_stands_out_of_its_octave_alone(hz: float, band: int) -> None:
    contrast = SpectralContrast()(frames_of(sine(hz) + noise() / 100))[:7, INNER].mean(axis=1)
    assert contrast.argmax() == band
    assert contrast[band] > np.delete(contrast, band).max() + 20


def test_silence_has_no_contrast() -> None:
    values = SpectralContrast()(frames_of(silence()))
    assert (values[:7] == 0).all()
    np.testing.assert_allclose(values[7:], -100, rtol=1e-6)
