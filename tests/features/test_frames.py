import librosa
import numpy as np
import pytest
import scipy.signal
import soxr
from helpers import SR, frames_of, noise, silence, sine

from regenre import audio
from regenre.features.frames import Frames


def test_a_sine_is_strongest_in_the_bin_of_its_frequency() -> None:
    frames = frames_of(sine(1000))
    peak = frames.frequencies_hz[frames.magnitude[:, 20].argmax()]
    assert peak == pytest.approx(1000, abs=SR / 2048)


def test_magnitudes_equal_librosas() -> None:
    y = noise()
    reference = librosa.stft(frames_of(y).y, n_fft=2048, hop_length=512, pad_mode="reflect")[:929]
    np.testing.assert_allclose(frames_of(y).magnitude, np.abs(reference), atol=1e-5 * np.abs(reference).max())


@pytest.mark.parametrize("n", [1, 511, 512, 2047, 2048, 5000])
def test_signals_of_any_length_have_one_frame_per_hop(n: int) -> None:
    frames = frames_of(np.ones(n, np.float32))
    assert frames.power.shape == frames.log_power.shape == (929, 1 + n // 512)
    assert frames.times_s.shape == (1 + n // 512,)


def test_power_obeys_parsevals_theorem() -> None:
    frames = frames_of(sine(3000))  # nothing above the last bin
    samples = frames.y[512 * 10 - 1024 : 512 * 10 + 1024] * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048))
    power = frames.power[:, 10]
    assert (2 * power.sum() - power[0]) / 2048 == pytest.approx(np.square(samples).sum(), rel=1e-5)


def test_another_rate_window_and_hop_are_those_of_the_resampled_clip_and_are_computed_once() -> None:
    y = noise(1.0, 44_100)
    frames = frames_of(y, 44_100)
    other = frames.reframe(16_000, 512, 256)
    assert frames.reframe(16_000, 512, 256) is other
    np.testing.assert_array_equal(other.y, soxr.resample(y, 44_100, 16_000))
    assert other.power.shape == (257, 1 + 16_000 // 256)
    assert frames.resample(44_100) is y
    assert frames_of(np.ones(1, np.float32), 48_000).resample(8_000).size == 1


def test_the_bands_of_a_bank_are_computed_once() -> None:
    frames, bank = frames_of(noise()), np.ones((3, 929), np.float32)
    assert frames.sum_bands(bank) is frames.sum_bands(bank)
    np.testing.assert_allclose(frames.sum_bands(bank)[1], frames.power.sum(axis=0), rtol=1e-5)
    for scale in range(5):  # each bank is freed before the next: their ids must not be confused
        np.testing.assert_allclose(frames.sum_bands(scale * bank)[0], scale * frames.sum_bands(bank)[0], rtol=1e-5)


def test_what_families_share_is_computed_once_for_each_setting() -> None:
    calls = []

    def scale(frames: Frames, factor: float) -> np.ndarray:
        calls.append(factor)
        return factor * frames.y

    frames = frames_of(noise())
    assert frames.compute_once(scale, 2.0) is frames.compute_once(scale, 2.0)
    np.testing.assert_array_equal(frames.compute_once(scale, 3.0), 3 * frames.y)
    assert calls == [2.0, 3.0]


def test_a_dc_offset_changes_nothing() -> None:
    """Rounding to the samples' last bit is 90 dB below the noise."""
    reference = frames_of(noise()).magnitude
    offset = frames_of(noise() + np.float32(0.02)).magnitude
    np.testing.assert_allclose(offset, reference, atol=3e-5 * reference.max())


def test_digital_silence_stays_silent_in_a_clip_with_a_mean() -> None:
    y = np.concatenate([np.abs(noise(1.0)), silence(1.0)])
    assert not frames_of(y).power[:, 48:].any()
    assert frames_of(y).power[:, 40].all()


def test_a_steady_sound_is_steady_at_the_ends_of_the_clip() -> None:
    """Of a cosine over whole periods, which mirrors into itself."""
    power = frames_of(np.cos(2 * np.pi * np.arange(22_051) / 49).astype(np.float32)).power
    np.testing.assert_allclose(power.sum(axis=0), power.sum(axis=0)[20], rtol=1e-3)


@pytest.mark.parametrize("n", [511, 5000, 5120])
def test_a_window_of_an_odd_length_has_the_same_frames(n: int) -> None:
    frames = Frames(noise()[:n], SR, n_fft=2047, hop_length=512)
    assert frames.power.shape[1] == frames.n_frames == len(frames.windows)


@pytest.mark.parametrize("sr", [32_000, 44_100, 48_000])
def test_a_sound_from_a_higher_rate_has_the_same_spectrum(sr: int) -> None:
    """Noise up to 11,025 Hz, brought to another rate without loss and back by `audio`: logarithms differ by 1 %."""
    y = noise(2.0)
    there = scipy.signal.resample(y, 2 * sr).astype(np.float32)
    back = audio.prepare(there[:, None], sr, SR)
    difference = frames_of(back).log_power[:, 4:-4] - frames_of(y).log_power[:, 4:-4]
    assert np.sqrt(np.square(difference).mean()) < 0.01
