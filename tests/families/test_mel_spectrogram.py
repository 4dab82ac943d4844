import librosa
import numpy as np
from conftest import SR, frames_of, noise, silence

from regenre.families.mel_spectrogram import MelSpectrogram


def test_equals_librosa() -> None:
    y = noise()
    power = librosa.feature.melspectrogram(y=y, sr=SR, n_mels=40)
    np.testing.assert_allclose(MelSpectrogram()(frames_of(y)), librosa.power_to_db(power, top_db=None), atol=1e-3)


def test_silence_is_minus_100_db() -> None:
    np.testing.assert_allclose(MelSpectrogram()(frames_of(silence())), -100, rtol=1e-6)
