"""What every dataset of conf/ offers."""

from pathlib import Path

import pandas as pd
import pytest
from helpers import ROOT
from hydra import compose, initialize_config_dir

from regenre.common import config
from regenre.datasets import gtzan
from regenre.datasets.dataset import CLIP_FACTS, Dataset, read_facts, write_facts

NAMES = sorted(path.stem for path in (ROOT / "conf/dataset").glob("*.yaml"))


FACTS = {"clip_id": "blues.00000", "path": "blues/blues.00000.wav", "genre": "blues", "group": "hooker"}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Return the raw folder of one clip, as each dataset lays it out; the clip is no audio."""
    (tmp_path / "blues").mkdir()
    (tmp_path / "blues/blues.00000.wav").write_text("not audio")
    (tmp_path / "clips.csv").write_text("clip_id,genre,artist\nblues.00000,blues,hooker\n")
    (tmp_path / gtzan.INDEX).write_text("blues.00000.wav ::: hooker ::: x\n")
    write_facts(tmp_path, pd.DataFrame([FACTS]))
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_every_dataset_lists_its_clips_without_opening_them(name: str, raw: Path, monkeypatch) -> None:
    monkeypatch.setenv("REGENRE_ROOT", str(ROOT))
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        leaf = config.resolve_node(compose(None, [f"+dataset@leaf={name}"]).leaf)
    leaf = config.fill_words(leaf, {"seed": 1, "source": "data/source"})
    dataset = config.build(leaf, f"conf/dataset/{name}.yaml", Dataset)
    clips = dataset.list_clips(raw)
    assert list(clips.columns) == CLIP_FACTS
    assert clips["clip_id"].is_unique
    assert (clips["group"].str.strip() != "").all()
    (clip,) = clips[clips["clip_id"].str.contains("blues.00000", regex=False)].to_dict("records")
    assert clip["genre"] == "blues"
    assert clip["path"] == "blues/blues.00000.wav" or not dataset.audio
    assert clip["group"] == (clip["clip_id"] if name == "folder" else "hooker")


def test_facts_are_read_as_they_were_written_without_other_columns(tmp_path: Path) -> None:
    clips = pd.DataFrame([FACTS | {"part": "train", "artist": "hooker"}], dtype=object)
    write_facts(tmp_path, clips)
    pd.testing.assert_frame_equal(read_facts(tmp_path), clips.drop(columns="artist"))


@pytest.mark.parametrize("lacks", ["audio", "download", "list_clips"])
def test_a_class_that_lacks_a_part_is_no_dataset(lacks: str) -> None:
    parts = {"audio": True, "download": lambda self, raw: "", "list_clips": lambda self, raw: pd.DataFrame()}
    assert isinstance(type("Whole", (), parts)(), Dataset)
    assert not isinstance(type("Part", (), {name: part for name, part in parts.items() if name != lacks})(), Dataset)
