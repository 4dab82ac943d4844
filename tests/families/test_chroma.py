import librosa
import numpy as np
import pytest
import soundfile
from conftest import SR, frames_of, silence, sine

from regenre.families.chroma import Chroma


def hz(pitch: float) -> float:
    return 440 * 2 ** ((pitch - 69) / 12)


def chord(tuning: float) -> np.ndarray:
    return sum(sine(hz(pitch + tuning), 2.0, peak=0.2) for pitch in (60, 64, 67))


@pytest.mark.parametrize("pitch", range(57, 81))
def test_a_sine_stands_in_its_pitch_class(pitch: int) -> None:
    assert Chroma().names[int(Chroma()(frames_of(sine(hz(pitch))))[:, 20].argmax())] == Chroma().names[pitch % 12]


@pytest.mark.parametrize("tuning", [-0.45, -0.2, 0.0, 0.3, 0.48])
def test_the_tuning_is_found_and_followed(tuning: float) -> None:
    frames = frames_of(chord(tuning))
    assert frames.tuning == pytest.approx(tuning, abs=0.02)
    strongest = np.argsort(-Chroma()(frames).mean(axis=1))[:3]
    assert {Chroma().names[n] for n in strongest} == {"C", "E", "G"}


def test_equals_librosa_in_the_same_tuning() -> None:
    y = chord(0.3)
    reference = librosa.feature.chroma_stft(y=y, sr=SR, tuning=frames_of(y).tuning)
    np.testing.assert_allclose(Chroma()(frames_of(y)), reference, atol=1e-4)


def test_tuning_of_real_clips_is_near_librosas(shared) -> None:
    """Librosa takes the mode of a histogram, we the circular mean: within 0.1 semitones on 90 % of the clips."""
    apart = []
    for path in sorted((shared / "audio/gtzan_mini").glob("*/*.flac"))[::5]:
        y, sr = soundfile.read(path, dtype="float32")
        distance = frames_of(y, sr).tuning - librosa.estimate_tuning(y=y, sr=sr)
        apart.append(abs(distance - round(distance)))
    assert np.quantile(apart, 0.9) < 0.1


def test_silence_is_zero() -> None:
    frames = frames_of(silence())
    assert frames.tuning == 0
    assert not Chroma()(frames).any()
