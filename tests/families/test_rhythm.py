import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import SR, clicks, frames_of, noise, silence, sine

from regenre.families.rhythm import Rhythm


def rhythm(y: np.ndarray, sr: int = SR) -> dict[str, float]:
    family = Rhythm()
    return dict(zip(family.names, family(frames_of(y, sr)), strict=True))


@pytest.mark.parametrize("bpm", [70, 90, 120, 133, 160])
@pytest.mark.parametrize("sr", [SR, 44_100])
def test_a_click_train_has_its_tempo(bpm: float, sr: int) -> None:
    found = rhythm(clicks(bpm, sr=sr), sr)
    assert found["tempo_bpm__clip"] == pytest.approx(bpm, rel=0.01)
    assert min(abs(found["beat_histogram_p1__clip"] * m - bpm) / bpm for m in (1, 2, 0.5)) < 0.05
    assert found["pulse_clarity__clip"] > 0.6


def test_a_click_train_is_clearer_than_noise() -> None:
    clear, unclear = rhythm(clicks(120)), rhythm(noise(30.0))
    assert clear["pulse_clarity__clip"] > 4 * unclear["pulse_clarity__clip"]
    assert clear["beat_histogram_sum__clip"] > 3 * unclear["beat_histogram_sum__clip"]
    assert clear["beat_histogram_a0__clip"] > unclear["beat_histogram_a0__clip"]


def test_the_tempogram_is_high_where_the_tempo_is() -> None:
    found = rhythm(clicks(150))
    bands = {name: value for name, value in found.items() if name.startswith("tempogram_") and "bpm" in name}
    assert max(bands, key=bands.get) == "tempogram_113_160bpm__mean"


def test_onset_strength_equals_librosas_but_for_its_shift() -> None:
    y = clicks(100, 5.0)
    reference = librosa.onset.onset_strength(y=y, sr=SR, center=False)
    np.testing.assert_allclose(Rhythm().onset_strength(frames_of(y)), reference, atol=1e-3)


def test_tempo_is_found_at_least_as_often_as_by_librosa(shared) -> None:
    annotated = pd.read_csv(shared / "gtzan/mini_tempo.csv").set_index("clip_id")["bpm"]
    found, theirs = [], []
    for clip_id in annotated.index:
        y, sr = soundfile.read(shared / f"audio/gtzan_mini/{clip_id.split('.')[0]}/{clip_id}.flac", dtype="float32")
        found.append(rhythm(y, sr)["tempo_bpm__clip"])
        theirs.append(float(np.squeeze(librosa.beat.beat_track(y=y, sr=sr)[0])))
    ours, librosas = shares(np.array(found), annotated), shares(np.array(theirs), annotated)
    print(f"tempo within 4 % (or of a multiple): {ours}, librosa {librosas}")
    assert ours[0] >= librosas[0]
    assert ours[1] >= librosas[1]


def shares(found: np.ndarray, annotated: pd.Series) -> tuple[float, float]:
    """Share of the clips within 4 % of the annotation, and of its double, triple, half or third."""
    near = [np.abs(found / (annotated.to_numpy() * m) - 1) <= 0.04 for m in (1, 2, 3, 1 / 2, 1 / 3)]
    return float(near[0].mean()), float(np.any(near, axis=0).mean())


@pytest.mark.parametrize("y", [silence(10.0), silence(0.01), np.ones(100, np.float32)])
def test_silence_and_one_frame_are_zero(y: np.ndarray) -> None:
    assert not any(rhythm(y).values())


def test_a_gain_changes_nothing() -> None:
    np.testing.assert_allclose(list(rhythm(0.1 * clicks(120)).values()), list(rhythm(clicks(120)).values()), rtol=1e-3)


def test_a_steady_sine_has_no_onsets() -> None:
    assert rhythm(sine(440, 5.0))["onset_strength__mean"] < 0.3
