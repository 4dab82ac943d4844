from pathlib import Path

import pandas as pd
import pytest

from regenre.datasets.table import Table
from regenre.errors import UserError
from regenre.quality import clip_table


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    pd.DataFrame({"name": ["a.0", "a.1", "b.0", "b.1"], "label": list("aabb"), "x": range(4)}).to_csv(path, index=False)
    return path


def list_clips(raw: Path, dataset: Table) -> pd.DataFrame:
    raw.mkdir(exist_ok=True)
    dataset.download(raw)
    return dataset.list_clips(raw)


def test_a_row_without_a_group_is_a_group_of_its_own(table: Path, tmp_path: Path) -> None:
    clips = list_clips(tmp_path / "raw", Table(str(table), "name", "label"))
    assert clips.to_dict("list") == {
        "clip_id": ["a.0", "a.1", "b.0", "b.1"],
        "path": [""] * 4,
        "genre": list("aabb"),
        "group": ["a.0", "a.1", "b.0", "b.1"],
    }
    indexed, findings = clip_table.index_clips(clips, tmp_path / "raw", 1.0, audio_given=False)
    assert findings.empty
    assert (indexed["status"] == "ok").all()
    assert list(indexed["group"]) == list(clips["group"])


def test_groups_come_from_a_second_table(table: Path, tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("clip_id,artist\na.0,X\na.1,X\nb.0,\n")
    clips = list_clips(tmp_path / "raw", Table(str(table), "name", "label", str(tmp_path / "g.csv"), "artist"))
    assert list(clips["group"]) == ["X", "X", "b.0", "b.1"]


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Table(), "no table given"),
        (Table("nowhere.csv"), "a CSV or Parquet file expected at nowhere.csv"),
        (Table("{}", "clip"), "column clip expected, name, label, x"),
        (Table("{}", "name", "genre"), "column genre expected"),
        (Table("{}", "name", "label", "{}", "artist"), "column clip_id expected"),
    ],
    ids=["none", "nowhere", "key", "genre", "groups"],
)
def test_errors_name_the_table_and_what_is_wrong_with_it(
    table: Path, tmp_path: Path, dataset: Table, message: str
) -> None:
    settings = {name: value.format(table) if value == "{}" else value for name, value in vars(dataset).items()}
    with pytest.raises(UserError, match=message):
        list_clips(tmp_path / "raw", Table(**settings))
