"""Real clips with common distortions: every replica is found, and nothing else."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from helpers import SR, noise, silence, sine

from regenre.common.compute import Local
from regenre.quality import fingerprint
from regenre.quality.fingerprint import find_peaks, find_replicas

pytestmark = pytest.mark.slow


def encode_mp3(y: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    soundfile.write(stream, y, SR, format="MP3", bitrate_mode="CONSTANT", compression_level=0.6)
    assert stream.tell() * 8 / (len(y) / SR) == pytest.approx(64_000, rel=0.05)
    stream.seek(0)
    return soundfile.read(stream, dtype="float32")[0]


def add_noise(y: np.ndarray) -> np.ndarray:
    hiss = np.random.default_rng(0).standard_normal(len(y)).astype(np.float32)
    return y + 0.1 * np.sqrt(np.square(y).mean()) * hiss  # 20 dB


def change_speed(y: np.ndarray, speed: float) -> np.ndarray:
    return soxr.resample(y, SR * speed, SR)


DISTORTIONS = {
    "gain": (lambda y: 0.2 * y, 1.0, 0.0),
    "cut": (lambda y: y[int(0.37 * SR) :], 1.0, 0.37),
    "64 kbit/s": (encode_mp3, 1.0, None),
    "noise at 20 dB": (add_noise, 1.0, 0.0),
    "2 % faster": (lambda y: change_speed(y, 1.02), 1.02, 0.0),
    "1 % slower": (lambda y: change_speed(y, 0.99), 0.99, 0.0),
    "all at once": (lambda y: add_noise(encode_mp3(change_speed(y, 0.98)[int(0.5 * SR) :])), 0.98, None),
}


@pytest.fixture(scope="module")
def originals(shared: Path) -> list[np.ndarray]:
    paths = sorted((shared / "audio/gtzan_mini").glob("*/*.00000.flac"))
    return [soundfile.read(path, dtype="float32")[0] for path in paths]


@pytest.fixture(scope="module")
def original_peaks(originals: list[np.ndarray]) -> list[np.ndarray]:
    return [find_peaks(y, SR) for y in originals]


@pytest.mark.parametrize("name", DISTORTIONS)
def test_every_replica_is_found_and_nothing_else(
    originals: list[np.ndarray], original_peaks: list[np.ndarray], name: str
) -> None:
    distort, speed, offset_s = DISTORTIONS[name]
    n = len(originals)
    assert n == 10
    replicas = find_replicas(original_peaks + [find_peaks(distort(y), SR) for y in originals]).replicas
    assert [(pair.first, pair.second) for pair in replicas] == [(number, n + number) for number in range(n)]
    for pair in replicas:
        assert pair.speed == pytest.approx(speed, abs=0.002)
        if offset_s is not None:
            assert pair.offset_s == pytest.approx(offset_s, abs=0.05)


def test_rare_landmarks_are_compared_first_and_the_rest_is_counted(
    original_peaks: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [*original_peaks, original_peaks[7]]
    monkeypatch.setattr(fingerprint, "MAX_LANDMARKS", 10**9)
    whole = find_replicas(clips)
    assert (whole.compared == 1).all()
    monkeypatch.setattr(fingerprint, "MAX_LANDMARKS", 2000)
    partly = find_replicas(clips)
    assert partly.replicas == whole.replicas
    assert [(pair.first, pair.second, pair.agreement) for pair in partly.replicas] == [(7, 10, 1.0)]
    assert partly.compared[0] == 1  # there is no earlier clip
    assert 0 < partly.compared[-1] < 1


def test_two_processes_find_the_same(original_peaks: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_BLOCK", 4)
    clips = [*original_peaks[:6], *original_peaks[:3]]
    one = find_replicas(clips)
    with Local(2).use():
        two = find_replicas(clips)
    assert len(one.replicas) == 3
    assert one.replicas == two.replicas
    np.testing.assert_array_equal(one.compared, two.compared)


def test_a_replica_at_another_rate_is_found(originals: list[np.ndarray]) -> None:
    y = originals[0]
    (pair,) = find_replicas([find_peaks(y, SR), find_peaks(soxr.resample(y, SR, 44_100), 44_100)]).replicas
    assert pair.agreement > 0.9


def test_a_sine_has_its_peaks_at_its_frequency() -> None:
    peaks = find_peaks(sine(1000, 2), SR)
    assert len(peaks)
    assert np.abs(2.0 ** peaks[:, 1] - 1000).max() < 1


def test_silence_noise_and_short_clips_are_no_replicas() -> None:
    quiet = [
        find_peaks(silence(), SR),
        find_peaks(noise(0.01), SR),
        find_peaks(sine(440, 0.2), SR),
        find_peaks(np.ones(1, np.float32), SR),
    ]
    assert find_replicas([*quiet, *quiet]).replicas == []
    assert find_replicas([find_peaks(noise(3, seed=seed), SR) for seed in range(5)]).replicas == []
    assert find_replicas([]).replicas == []
