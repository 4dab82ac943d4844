import librosa
import numpy as np
from helpers import SR, TOP_HZ, build_family, frames_of, noise, silence

MEL_SPECTROGRAM = build_family("mel_spectrogram")


def test_levels_equal_librosas() -> None:
    y = noise()
    power = librosa.feature.melspectrogram(y=frames_of(y).y, sr=SR, n_mels=40, fmax=TOP_HZ, pad_mode="reflect")
    np.testing.assert_allclose(MEL_SPECTROGRAM(frames_of(y)), librosa.power_to_db(power, top_db=None), atol=1e-3)


def test_silence_yields_minus_100_db() -> None:
    np.testing.assert_allclose(MEL_SPECTROGRAM(frames_of(silence())), -100, rtol=1e-6)
