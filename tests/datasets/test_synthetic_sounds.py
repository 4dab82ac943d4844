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


def test_every_class_has_its_sources_and_clips(raw: Path) -> None:
    clips = SMALL.list_clips(raw)
    assert sorted(clips["genre"].unique()) == list(CLASSES)
    assert (clips.groupby("genre")["group"].nunique() == 3).all()
    assert (clips.groupby("group").size() == 2).all()
    assert (clips.groupby("genre").size() == 6).all()


def test_every_clip_has_its_length_and_rate_and_can_be_heard(raw: Path) -> None:
    for path in SMALL.list_clips(raw)["path"]:
        y, sr = soundfile.read(raw / path)
        assert (len(y), sr) == (3 * 22_050, 22_050)
        assert 0.1 < np.abs(y).max() <= 1


def test_the_same_seed_makes_the_same_bytes(raw: Path, tmp_path: Path) -> None:
    SMALL.download(tmp_path)
    for path in SMALL.list_clips(raw)["path"]:
        assert (tmp_path / path).read_bytes() == (raw / path).read_bytes()
