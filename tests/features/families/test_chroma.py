import librosa
import numpy as np
import pytest
import soundfile
from helpers import SR, build_family, frames_of, silence, sine

CHROMA = build_family("chroma")


def convert_to_hz(pitch: float) -> float:
    return 440 * 2 ** ((pitch - 69) / 12)


def make_chord(tuning: float) -> np.ndarray:
    return sum(sine(convert_to_hz(pitch + tuning), 2.0, peak=0.2) for pitch in (60, 64, 67))


@pytest.mark.parametrize("pitch", range(57, 81))
def test_a_sine_is_strongest_in_its_pitch_class(pitch: int) -> None:
    strongest = CHROMA(frames_of(sine(convert_to_hz(pitch))))[:, 20].argmax()
    assert CHROMA.names[strongest] == CHROMA.names[pitch % 12]


@pytest.mark.parametrize("tuning", [-0.45, -0.2, 0.0, 0.3, 0.48])
def test_chroma_follows_the_tuning_of_the_clip(tuning: float) -> None:
    frames = frames_of(make_chord(tuning))
    assert frames.tuning == pytest.approx(tuning, abs=0.02)
    strongest = np.argsort(-CHROMA(frames).mean(axis=1))[:3]
    assert {CHROMA.names[n] for n in strongest} == {"C", "E", "G"}


def test_chroma_equals_librosas_at_the_same_tuning() -> None:
    y = make_chord(0.3)
    reference = librosa.feature.chroma_stft(y=y, sr=SR, tuning=frames_of(y).tuning)
    np.testing.assert_allclose(CHROMA(frames_of(y)), reference, atol=1e-4)


def test_tuning_of_real_clips_is_close_to_librosas(shared) -> None:
    """Librosa takes the mode of a histogram, regenre the circular mean: 90 % of the clips differ by < 0.1 semitones."""
    distances = []
    for path in sorted((shared / "audio/gtzan_mini").glob("*/*.flac"))[::5]:
        y, sr = soundfile.read(path, dtype="float32")
        distance = frames_of(y, sr).tuning - librosa.estimate_tuning(y=y, sr=sr)
        distances.append(abs(distance - round(distance)))
    assert np.quantile(distances, 0.9) < 0.1


def test_silence_yields_zero() -> None:
    frames = frames_of(silence())
    assert frames.tuning == 0
    assert not CHROMA(frames).any()
