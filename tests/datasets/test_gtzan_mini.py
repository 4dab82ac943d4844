from pathlib import Path

import pytest
import soundfile
from helpers import SR, build_leaf, noise

from regenre.common.errors import UserError
from regenre.datasets.gtzan import Gtzan
from regenre.datasets.gtzan_mini import GtzanMini


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "GTZANindex.txt"
    path.write_text("blues.00007.wav ::: John Lee Hooker ::: x\njazz.00054.wav ::: Coleman Hawkins ::: x\n")
    return path


def test_the_leaf_builds_the_dataset_with_mirrors_of_its_own() -> None:
    dataset = build_leaf("dataset", "gtzan_mini")
    assert type(dataset) is GtzanMini
    gtzan = build_leaf("dataset", "gtzan")
    assert type(gtzan) is Gtzan
    assert {mirror["md5"] for mirror in dataset.mirrors}.isdisjoint(mirror["md5"] for mirror in gtzan.mirrors)
    assert dataset.artists_mirrors == gtzan.artists_mirrors


def test_only_the_clips_in_a_folder_are_listed(tmp_path: Path, index: Path) -> None:
    for name in ("gtzan_mini-main/blues/blues.00007.wav", "gtzan_mini-main/deeper/down/Jazz.00054.WAV", "notes.wav"):
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise(1.5), SR)
    raw = tmp_path / "raw"
    raw.mkdir()
    dataset = build_leaf("dataset", "gtzan_mini", folder=str(tmp_path / "source"), artists=str(index))
    assert dataset.download(raw).startswith("2 clips")
    assert dataset.list_clips(raw).to_dict("list") == {
        "clip_id": ["blues.00007", "jazz.00054"],
        "path": ["blues/blues.00007.wav", "jazz/jazz.00054.wav"],
        "genre": ["blues", "jazz"],
        "group": ["John Lee Hooker", "Coleman Hawkins"],
    }


def test_a_folder_without_clips_is_an_error(tmp_path: Path, index: Path) -> None:
    (tmp_path / "raw").mkdir()
    dataset = build_leaf("dataset", "gtzan_mini", folder=str(tmp_path), artists=str(index))
    with pytest.raises(UserError, match=r"no GTZAN clip found; files such as blues\.00000\.wav"):
        dataset.download(tmp_path / "raw")
