import librosa
import numpy as np
import pytest
from conftest import SR, frames_of, silence, sine

from regenre.families.tonnetz import Tonnetz


def test_equals_librosa_on_the_same_chroma() -> None:
    y = sine(440, 2.0) + sine(660, 2.0)
    chroma = librosa.feature.chroma_stft(y=y, sr=SR, tuning=frames_of(y).tuning, norm=None)
    np.testing.assert_allclose(Tonnetz()(frames_of(y)), librosa.feature.tonnetz(chroma=chroma), atol=1e-4)


@pytest.mark.parametrize(("hz", "fifths"), [(261.63, 0), (392.0, 7), (293.66, 2)])
def test_a_pitch_lies_on_the_circle_of_fifths(hz: float, fifths: int) -> None:
    """A pitch class l alone is at the angle 7 l pi / 6."""
    x, y = Tonnetz()(frames_of(sine(hz, 2.0)))[:2, 20]
    turn = np.angle(np.exp(1j * (np.arctan2(x, y) - 7 * fifths * np.pi / 6)))
    assert abs(turn) < np.pi / 12
    assert np.hypot(x, y) > 0.25  # the bank hears a quarter of a sine in the neighbouring classes


def test_silence_is_zero() -> None:
    assert not Tonnetz()(frames_of(silence())).any()
