import librosa
import numpy as np
import pytest
from helpers import SR, build_family, frames_of, silence, sine

TONNETZ = build_family("tonnetz")


def test_tonnetz_equals_librosas_for_the_same_chroma() -> None:
    y = sine(440, 2.0) + sine(660, 2.0)
    chroma = librosa.filters.chroma(sr=SR, n_fft=2048, tuning=frames_of(y).tuning)[:, :929] @ frames_of(y).power
    np.testing.assert_allclose(TONNETZ(frames_of(y)), librosa.feature.tonnetz(chroma=chroma), atol=1e-4)


@pytest.mark.parametrize(("hz", "fifths"), [(261.63, 0), (392.0, 7), (293.66, 2)])
def test_a_pitch_lies_on_the_circle_of_fifths(hz: float, fifths: int) -> None:
    """A single pitch class l is at the angle 7 l pi / 6."""
    x, y = TONNETZ(frames_of(sine(hz, 2.0)))[:2, 20]
    distance = np.angle(np.exp(1j * (np.arctan2(x, y) - 7 * fifths * np.pi / 6)))
    assert abs(distance) < np.pi / 12
    assert np.hypot(x, y) > 0.25  # a quarter of a sine's power falls into the neighbouring classes


def test_silence_yields_zero() -> None:
    assert not TONNETZ(frames_of(silence())).any()
