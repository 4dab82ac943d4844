import numpy as np
import pytest
from helpers import build_family, frames_of, noise, silence

CEPSTRUM = build_family("cepstrum")


def test_cepstrum_equals_the_inverse_transform_of_the_log_magnitude() -> None:
    frames = frames_of(noise())
    reference = np.fft.irfft(np.log(frames.magnitude.astype(float)), axis=0)[:20]
    np.testing.assert_allclose(CEPSTRUM(frames), reference, atol=1e-5)


def test_an_echo_is_a_peak_at_its_delay() -> None:
    """ln |1 + g exp(-j w d)| has the cepstrum g / 2 at the quefrency d, to first order in g.

    A delay of 32 samples is one of 29 at the rate of which the last bin is half, 19,982 Hz.
    """
    y = noise(4.0)
    echo = np.concatenate([np.zeros(32, np.float32), 0.5 * y[:-32]])
    family = build_family("cepstrum", n_cepstrum=40)
    values = family(frames_of(y + echo)) - family(frames_of(y))
    mean = values[:, 4:-4].mean(axis=1)
    assert np.abs(mean).argmax() == 29
    assert mean[29] == pytest.approx(0.25, abs=0.02)


def test_silence_yields_only_coefficient_0() -> None:
    values = CEPSTRUM(frames_of(silence()))
    np.testing.assert_allclose(values[0], np.log(1e-5), rtol=1e-5)
    np.testing.assert_allclose(values[1:], 0, atol=1e-5)
