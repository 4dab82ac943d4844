import librosa
import numpy as np
import pytest
import soundfile
from helpers import SR, build_family, frames_of, silence, sine

from regenre.features.families.chroma import compute_pitch_classes

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


@pytest.mark.parametrize("hz", [130.81, 138.59, 440.0])
def test_the_ends_of_a_clip_do_not_set_its_tuning(hz: float) -> None:
    """Mirrored, a tone below 150 Hz has a peak above it."""
    assert frames_of(sine(hz, 1.0)).tuning == pytest.approx(0, abs=0.02)
    assert frames_of(sine(hz, 0.05)).tuning == 0


def test_chroma_equals_librosas_at_the_same_tuning() -> None:
    y = make_chord(0.3)
    reference = librosa.filters.chroma(sr=SR, n_fft=2048, tuning=frames_of(y).tuning)[:, :929] @ frames_of(y).power
    np.testing.assert_allclose(CHROMA(frames_of(y)), reference / reference.max(axis=0), atol=1e-4)


@pytest.mark.parametrize("pitch", range(36, 57))
def test_a_low_sine_is_not_mistuned(pitch: int) -> None:
    """The centroid of the classes around the sine's: bins as wide as semitones pull it up, by 0.2 at C2."""
    hz = convert_to_hz(pitch)
    y = np.cos(2 * np.pi * hz * np.arange(SR) / SR).astype(np.float32)  # has no corner where it is mirrored
    power = compute_pitch_classes(frames_of(y))[:, 20]
    angle = np.angle(power @ np.exp(2j * np.pi * (np.arange(12) - pitch) / 12))
    assert abs(12 * angle / (2 * np.pi)) < (0.2 if pitch < 44 else 0.05)


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
