from pathlib import Path

import numpy as np
import pytest
import soundfile

from regenre.datasets.synthetic_sounds import CLASSES, SyntheticSounds

SMALL = SyntheticSounds(n_sources=3, n_clips=2, duration_s=3.0, seed=5)


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    SMALL.download(folder)
    return folder


def of(raw: Path, name: str) -> list[np.ndarray]:
    clips = SMALL.clips(raw)
    return [soundfile.read(raw / path)[0] for path in clips[clips["genre"] == name]["path"]]


def test_every_class_has_its_sources_and_clips(raw: Path) -> None:
    clips = SMALL.clips(raw)
    assert sorted(clips["genre"].unique()) == list(CLASSES)
    assert (clips.groupby("genre")["group"].nunique() == 3).all()
    assert (clips.groupby("group").size() == 2).all()
    for name in CLASSES:
        for y in of(raw, name):
            assert len(y) == 3 * 22_050
            assert 0.1 < np.abs(y).max() <= 1


def test_birds_chirp_high_and_speech_is_voiced(raw: Path) -> None:
    hertz = np.fft.rfftfreq(3 * 22_050, 1 / 22_050)

    def share(y: np.ndarray, low: float, high: float) -> float:
        power = np.abs(np.fft.rfft(y)) ** 2
        return float(power[(hertz >= low) & (hertz < high)].sum() / power.sum())

    assert np.median([share(y, 1400, 11_025) for y in of(raw, "birds")]) > 0.8
    assert np.median([share(y, 80, 1400) for y in of(raw, "speech")]) > 0.6


def test_speech_rises_and_falls_with_its_syllables(raw: Path) -> None:
    for y in of(raw, "speech"):
        level = np.square(y[: len(y) // 441 * 441].reshape(-1, 441)).mean(axis=1)  # 20 ms each
        modulation = np.abs(np.fft.rfft(level - level.mean()))
        hertz = np.fft.rfftfreq(len(level), 0.02)
        syllables = modulation[(hertz > 1) & (hertz < 8)].sum() / modulation[hertz > 0].sum()
        assert syllables > 0.35  # of 0 to 25 Hz; white noise has about 0.28


def test_the_same_seed_makes_the_same_bytes(raw: Path, tmp_path: Path) -> None:
    SMALL.download(tmp_path)
    for path in SMALL.clips(raw)["path"]:
        assert (tmp_path / path).read_bytes() == (raw / path).read_bytes()
