from pathlib import Path

import pandas as pd
import pytest

from regenre.common.errors import UserError
from regenre.datasets.table import Table
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
    indexed, findings, _ = clip_table.index_clips(clips, tmp_path / "raw", 1.0, audio_given=False)
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
        (
            Table("nowhere.csv"),
            "nowhere.csv: a CSV or Parquet file expected with columns 'clip_id', 'genre', none found",
        ),
        (Table("{}", "clip"), "columns 'clip', 'genre' expected, columns 'name', 'label', 'x' found; rename"),
        (Table("{}", "name", "genre"), "columns 'name', 'genre' expected"),
        (Table("{}", "name", "label", "{}", "artist"), "columns 'clip_id', 'artist' expected"),
    ],
    ids=["none", "nowhere", "key", "genre", "groups"],
)
def test_errors_name_the_table_and_what_is_wrong_with_it(
    table: Path, tmp_path: Path, dataset: Table, message: str
) -> None:
    settings = {name: value.format(table) if value == "{}" else value for name, value in vars(dataset).items()}
    with pytest.raises(UserError, match=message):
        list_clips(tmp_path / "raw", Table(**settings))


NAMES = ["000", "007", "1e2", "true", "song#1", "NA", "None", "nan", " a", "a\r\nb"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_names_genres_and_groups_are_text_as_it_stands(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame({"name": NAMES, "label": NAMES[::-1], "artist": "NA", "x": 1.5})
    path = tmp_path / f"t.{suffix}"
    table.to_csv(path, index=False, lineterminator="\r\n") if suffix == "csv" else table.to_parquet(path)
    clips = list_clips(tmp_path / "raw", Table(str(path), "name", "label", group="artist"))
    assert clips.drop(columns="path").to_dict("list") == {
        "clip_id": NAMES, "genre": NAMES[::-1], "group": ["NA"] * len(NAMES),
    }  # fmt: skip


def test_numbers_in_parquet_name_clips_genres_and_groups(tmp_path: Path) -> None:
    table = pd.DataFrame({"clip_id": [1, 2, 3], "genre": [1, 1, 2], "group": [7, 7, None]})  # group: floats
    table.to_parquet(tmp_path / "t.parquet")
    clips = list_clips(tmp_path / "raw", Table(str(tmp_path / "t.parquet")))
    assert clips.drop(columns="path").to_dict("list") == {
        "clip_id": ["1", "2", "3"], "genre": ["1", "1", "2"], "group": ["7", "7", "3"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,x\nb,y\na,y\n", r"t.csv: one row for each clip expected, clip a has another one in row 3 below the header"),
        ("a,x\n,y\n", r"t.csv: the name of a clip expected in column clip_id, none found in row 2 below the header"),
    ],
    ids=["two rows", "no name"],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(f"clip_id,genre\n{content}")
    with pytest.raises(UserError, match=message):
        list_clips(tmp_path / "raw", Table(str(tmp_path / "t.csv")))


def test_groups_of_unknown_clips_are_an_error(table: Path, tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("clip_id,artist\na.0.wav,X\n")
    with pytest.raises(UserError, match=r"g.csv: a clip of the dataset expected, such as a.0, a.0.wav found; correct"):
        list_clips(tmp_path / "raw", Table(str(table), "name", "label", str(tmp_path / "g.csv"), "artist"))


def test_a_row_without_a_genre_is_an_excluded_clip(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("clip_id,genre\na,x\nb,\nc, \nd,y\n")
    clips = list_clips(tmp_path / "raw", Table(str(tmp_path / "t.csv")))
    table, _, _ = clip_table.index_clips(clips, tmp_path, 1.0, audio_given=False)
    assert list(table["fault"]) == ["", "unlabelled", "unlabelled", ""]
    assert set(table["reason"][table["status"] == "excluded"]) == {"the source gives no genre"}
