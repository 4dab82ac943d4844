import librosa
import numpy as np
import pytest
import soundfile
from helpers import SR, TOP_HZ, build_family, frames_of, noise, sine
from hydra.errors import InstantiationException

MFCC = build_family("mfcc")


@pytest.mark.parametrize("y", [noise(), sine(440), np.concatenate([sine(440), np.zeros(SR, np.float32)])])
def test_coefficients_equal_librosas(y: np.ndarray) -> None:
    reference = librosa.feature.mfcc(y=frames_of(y).y, sr=SR, n_mfcc=20, fmax=TOP_HZ, pad_mode="reflect")
    np.testing.assert_allclose(MFCC(frames_of(y)), reference, atol=1e-4 * np.abs(reference).max())


def test_coefficients_of_real_clips_equal_librosas(shared) -> None:
    family = build_family("mfcc", n_mfcc=13)
    for path in sorted((shared / "audio/gtzan_mini").glob("*/*.flac"))[::25]:
        y, sr = soundfile.read(path, dtype="float32")
        reference = librosa.feature.mfcc(y=frames_of(y).y, sr=sr, n_mfcc=13, fmax=TOP_HZ, pad_mode="reflect")
        np.testing.assert_allclose(family(frames_of(y, sr)), reference, atol=1e-4 * np.abs(reference).max())


def test_a_gain_changes_only_coefficient_0() -> None:
    quiet, loud = MFCC(frames_of(0.01 * noise())), MFCC(frames_of(0.1 * noise()))
    np.testing.assert_allclose(loud[1:], quiet[1:], atol=1e-3)
    np.testing.assert_allclose(loud[0] - quiet[0], 20 * np.sqrt(128), rtol=1e-4)  # 20 dB in each of 128 bands


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_slope_of_an_even_number_of_frames_is_refused(width: int) -> None:
    with pytest.raises(InstantiationException, match="delta_width: 0 or an odd number from 3 on expected"):
        build_family("mfcc", delta_width=width)


def test_silence_yields_a_constant_coefficient_0_and_zeros() -> None:
    values = MFCC(frames_of(np.zeros(SR, np.float32)))
    np.testing.assert_allclose(values[0], -100 * np.sqrt(128), rtol=1e-5)
    np.testing.assert_allclose(values[1:], 0, atol=1e-3)
