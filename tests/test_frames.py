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
    np.testing.assert_allclose(frames_of(y).magnitude, np.abs(reference), atol=1e-5 * np.abs(reference).max())


@pytest.mark.parametrize("n", [1, 511, 512, 2047, 2048, 5000])
def test_short_signals_have_a_frame_each_hop(n: int) -> None:
    frames = frames_of(np.ones(n, np.float32))
    assert frames.power.shape == frames.log_power.shape == (1025, 1 + n // 512)
    assert frames.times_s.shape == (1 + n // 512,)


def test_parseval() -> None:
    frames = frames_of(noise())
    windowed = frames.y[512 * 10 - 1024 : 512 * 10 + 1024] * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048))
    power = frames.power[:, 10]
    assert (2 * power.sum() - power[0] - power[-1]) / 2048 == pytest.approx(np.square(windowed).sum(), rel=1e-5)


def test_families_that_name_the_same_bank_share_its_bands() -> None:
    frames, bank = frames_of(noise()), np.ones((3, 1025), np.float32)
    assert frames.bands(bank) is frames.bands(bank)
    np.testing.assert_allclose(frames.bands(bank)[1], frames.power.sum(axis=0), rtol=1e-5)
    for scale in range(5):  # each bank dies before the next is made: none may pass for another
        np.testing.assert_allclose(frames.bands(scale * bank)[0], scale * frames.bands(bank)[0], rtol=1e-5)
