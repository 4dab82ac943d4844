import numpy as np
import pytest
from conftest import frames_of, noise, silence

from regenre.families.cepstrum import Cepstrum


def test_equals_the_inverse_transform_of_the_log_magnitude() -> None:
    frames = frames_of(noise())
    reference = np.fft.irfft(np.log(frames.magnitude.astype(float)), axis=0)[:20]
    np.testing.assert_allclose(Cepstrum()(frames), reference, atol=1e-5)


def test_an_echo_stands_at_its_delay() -> None:
    """ln |1 + g exp(-j w d)| has the cepstrum g / 2 at the quefrency d, to first order in g."""
    y = noise(4.0)
    echoed = y.copy()
    echoed[30:] += 0.5 * y[:-30]
    values = Cepstrum(n_cepstrum=40)(frames_of(echoed)) - Cepstrum(n_cepstrum=40)(frames_of(y))
    mean = values[:, 4:-4].mean(axis=1)
    assert np.abs(mean).argmax() == 30
    assert mean[30] == pytest.approx(0.25, abs=0.02)


def test_silence_has_the_0th_coefficient_alone() -> None:
    values = Cepstrum()(frames_of(silence()))
    np.testing.assert_allclose(values[0], np.log(1e-5), rtol=1e-5)
    np.testing.assert_allclose(values[1:], 0, atol=1e-5)
