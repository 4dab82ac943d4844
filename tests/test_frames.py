import librosa
import numpy as np
import pytest
from conftest import SR, frames_of, noise, sine


def test_a_sine_stands_in_the_bin_of_its_frequency() -> None:
    frames = frames_of(sine(1000))
    peak = frames.frequencies_hz[frames.magnitude[:, 20].argmax()]
    assert peak == pytest.approx(1000, abs=SR / 2048)


def test_the_spectrum_is_librosas() -> None:
    y = noise()
    reference = librosa.stft(y, n_fft=2048, hop_length=512)
    np.testing.assert_allclose(frames_of(y).spectrum, reference, atol=1e-4 * np.abs(reference).max())  # float32


@pytest.mark.parametrize("n", [1, 511, 512, 2047, 2048, 5000])
def test_short_signals_have_a_frame_each_hop(n: int) -> None:
    frames = frames_of(np.ones(n, np.float32))
    assert frames.spectrum.shape == (1025, 1 + n // 512)
    assert frames.times_s.shape == (1 + n // 512,)


def test_parseval() -> None:
    frames = frames_of(noise())
    windowed = frames.y[512 * 10 - 1024 : 512 * 10 + 1024] * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048))
    power = frames.power[:, 10]
    assert (2 * power.sum() - power[0] - power[-1]) / 2048 == pytest.approx(np.square(windowed).sum(), rel=1e-5)
