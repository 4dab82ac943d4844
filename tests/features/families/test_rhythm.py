import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
from helpers import SR, TOP_HZ, build_family, clicks, frames_of, noise, silence, sine

RHYTHM = build_family("rhythm")


def compute_rhythm(y: np.ndarray, sr: int = SR) -> dict[str, float]:
    return dict(zip(RHYTHM.names, RHYTHM(frames_of(y, sr)), strict=True))


@pytest.mark.parametrize("bpm", [70, 90, 120, 133, 160])
@pytest.mark.parametrize("sr", [SR, 44_100])
def test_a_click_train_has_its_tempo(bpm: float, sr: int) -> None:
    features = compute_rhythm(clicks(bpm, sr=sr), sr)
    assert features["tempo_bpm__clip"] == pytest.approx(bpm, rel=0.01)
    assert min(abs(features["beat_histogram_p1__clip"] * m - bpm) / bpm for m in (1, 2, 0.5)) < 0.05
    assert features["pulse_clarity__clip"] > 0.6


def test_the_pulse_of_a_click_train_is_clearer_than_that_of_noise() -> None:
    clicking, noisy = compute_rhythm(clicks(120)), compute_rhythm(noise(30.0))
    assert clicking["pulse_clarity__clip"] > 4 * noisy["pulse_clarity__clip"]
    assert clicking["beat_histogram_sum__clip"] > 3 * noisy["beat_histogram_sum__clip"]
    assert clicking["beat_histogram_a0__clip"] > noisy["beat_histogram_a0__clip"]


def test_the_tempogram_is_highest_in_the_band_of_the_tempo() -> None:
    features = compute_rhythm(clicks(150))
    bands = {name: value for name, value in features.items() if name.startswith("tempogram_") and "bpm" in name}
    assert max(bands, key=bands.get) == "tempogram_113_160bpm__mean"


def test_onset_strength_equals_librosas_without_centring() -> None:
    y = clicks(100, 5.0)
    reference = librosa.onset.onset_strength(y=frames_of(y).y, sr=SR, center=False, fmax=TOP_HZ, pad_mode="reflect")
    np.testing.assert_allclose(RHYTHM.compute_onset_strength(frames_of(y)), reference, atol=1e-3)


def test_tempo_is_correct_at_least_as_often_as_librosas(shared) -> None:
    annotated = pd.read_csv(shared / "gtzan/mini_tempo.csv").set_index("clip_id")["bpm"].iloc[::2]
    tempi, librosa_tempi = [], []
    for clip_id in annotated.index:
        y, sr = soundfile.read(shared / f"audio/gtzan_mini/{clip_id.split('.')[0]}/{clip_id}.flac", dtype="float32")
        tempi.append(compute_rhythm(y, sr)["tempo_bpm__clip"])
        librosa_tempi.append(float(np.squeeze(librosa.beat.beat_track(y=y, sr=sr)[0])))
    shares, librosa_shares = (
        compute_shares(np.array(tempi), annotated),
        compute_shares(np.array(librosa_tempi), annotated),
    )
    print(f"tempo within 4 % (or of a multiple): {shares}, librosa {librosa_shares}")
    assert shares[0] >= librosa_shares[0]
    assert shares[1] >= librosa_shares[1]


def compute_shares(tempi: np.ndarray, annotated: pd.Series) -> tuple[float, float]:
    """Return the shares of clips within 4 % of the annotation, and of it or its double, triple, half or third."""
    hits = [np.abs(tempi / (annotated.to_numpy() * m) - 1) <= 0.04 for m in (1, 2, 3, 1 / 2, 1 / 3)]
    return float(hits[0].mean()), float(np.any(hits, axis=0).mean())


@pytest.mark.parametrize("y", [silence(10.0), silence(0.01), np.ones(100, np.float32)])
def test_silence_and_a_single_frame_yield_zero(y: np.ndarray) -> None:
    assert not any(compute_rhythm(y).values())


def test_a_gain_does_not_change_the_result() -> None:
    np.testing.assert_allclose(
        list(compute_rhythm(0.1 * clicks(120)).values()), list(compute_rhythm(clicks(120)).values()), rtol=1e-3
    )


def test_a_steady_sine_has_no_onsets() -> None:
    assert compute_rhythm(sine(440, 5.0))["onset_strength__mean"] < 0.3
