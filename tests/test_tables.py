from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import predictions

from regenre import tables
from regenre.errors import UserError


def test_predictions_are_sorted_and_have_six_decimals(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    tables.write_predictions(path, predictions())
    assert path.read_bytes().splitlines()[1] == b"a,2,0,y,x,0.750000,0.250000"
    table = tables.read_predictions(path)
    assert list(table["clip_id"]) == ["a", "b"]
    assert tables.list_genres(table) == ["x", "y"]


def test_names_that_look_like_numbers_or_missing_values_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    tables.write_predictions(path, predictions().assign(clip_id=["001", "NA"], actual="null"))
    table = tables.read_predictions(path)
    assert list(table["clip_id"]) == ["001", "NA"]
    assert set(table["actual"]) == {"null"}


def test_wrong_columns_raise(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"p.csv: columns .* expected, .* found; another version wrote it, run `dvc"):
        tables.write_predictions(tmp_path / "p.csv", predictions().drop(columns="fold"))


@pytest.mark.parametrize(
    ("read", "remedy"),
    [
        (tables.read_clips, "run `dvc repro index` first"),
        (tables.read_predictions, "run `dvc repro` first"),
        (tables.read_report, "run `dvc repro` first"),
        (lambda path: tables.read_pooled([path], pd.Series(["a"])), "run `dvc repro extract` first"),
    ],
    ids=["clips", "predictions", "report", "pooled"],
)
def test_a_missing_table_raises(tmp_path: Path, read, remedy: str) -> None:
    with pytest.raises(UserError, match=f"none is missing; {remedy}"):
        read(tmp_path / "none")


def make_clips(clip_ids: list[str]) -> pd.DataFrame:
    row = {"path": "x", "genre": "g", "group": "1", "duration_s": 1.0, "sr": 8000, "channels": 1, "md5": "0"}
    return pd.DataFrame({"clip_id": clip_ids}).assign(**row, status="ok", fault="", reason="")[tables.CLIPS]


def test_the_clip_table_is_sorted_and_its_usable_rows_are_selected(tmp_path: Path) -> None:
    clips = make_clips(["b", "a", "c"])
    clips.loc[0, "status"] = "excluded"
    tables.write_clips(tmp_path / "clips.parquet", clips)
    written = tables.read_clips(tmp_path / "clips.parquet")
    assert list(written["clip_id"]) == ["a", "b", "c"]
    assert list(tables.select_usable(written)["clip_id"]) == ["a", "c"]


def test_two_clips_of_one_name_raise(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="clip a: one clip of each name expected, 1 names occur more than once; rename"):
        tables.write_clips(tmp_path / "clips.parquet", make_clips(["a", "b", "a"]))
    assert not (tmp_path / "clips.parquet").exists()


def test_pooled_tables_are_joined_by_clip(tmp_path: Path) -> None:
    tables.write_pooled(tmp_path / "a.parquet", pd.DataFrame({"clip_id": ["2", "1"], "a__0__mean": [2.0, 1.0]}))
    tables.write_pooled(tmp_path / "b.parquet", pd.DataFrame({"clip_id": ["1", "2"], "b__0__mean": [10.0, 20.0]}))
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    joined = tables.read_pooled(paths, pd.Series(["2", "1"]))
    assert joined.to_numpy().tolist() == [[2, 20], [1, 10]]
    with pytest.raises(UserError, match=r"clip 3: a row in .*a.parquet expected, none found \(1 clips have none\)"):
        tables.read_pooled(paths, pd.Series(["1", "3"]))


def test_patterns_select_columns_and_one_without_a_match_raises(tmp_path: Path) -> None:
    pooled = pd.DataFrame({"clip_id": ["a"], "f__1__mean": [1.0], "f__2__mean": [2.0], "f__2__std": [3.0]})
    tables.write_pooled(tmp_path / "f.parquet", pooled)
    selected = tables.read_pooled([tmp_path / "f.parquet"], pooled["clip_id"], ["f__2__*", "*__mean"])
    assert list(selected.columns) == ["f__1__mean", "f__2__mean", "f__2__std"]
    with pytest.raises(UserError, match=r"a column that matches 'g__\*' expected, none found among f__1__mean"):
        tables.read_pooled([tmp_path / "f.parquet"], pooled["clip_id"], ["g__*"])


def test_sequences_are_joined_by_clip_and_patterns_select_their_columns(tmp_path: Path) -> None:
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    ids = pd.Series(["a", "b"])
    tables.write_sequences(one, ids, [np.full((2, 2), 1.0), np.full((1, 2), 2.0)], ["one__x__frame", "one__y__frame"])
    tables.write_sequences(two, ids[::-1], [np.full((1, 1), 4.0), np.full((2, 1), 3.0)], ["two__z__frame"])
    values, lengths = tables.read_sequences([one, two], pd.Series(["b", "a"]))
    assert values.tolist() == [[2, 2, 4], [1, 1, 3], [1, 1, 3]]
    assert lengths.tolist() == [1, 2]
    values, _ = tables.read_sequences([one, two], ids, ["one__y__*", "two__*"])
    assert values.tolist() == [[1, 3], [1, 3], [2, 4]]
    with pytest.raises(UserError, match=r"clip c: frames in .*one.npz expected, none found; run `dvc repro extract`"):
        tables.read_sequences([one], pd.Series(["a", "c"]))


def test_the_same_sequences_have_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        tables.write_sequences(tmp_path / name, pd.Series(["a"]), [np.ones((3, 2))], ["f__x__frame", "f__y__frame"])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_numbers_of_pieces_are_stripped_and_clips_that_look_like_pieces_are_kept() -> None:
    assert list(tables.strip_piece_numbers(pd.Series(["a#0", "a#12", "b#1#0"]))) == ["a", "a", "b#1"]
    assert list(tables.strip_piece_numbers(pd.Series(["a#0", "b"]))) == ["a#0", "b"]


def test_missing_text_in_a_report_is_the_empty_text_and_numbers_stay_numbers(tmp_path: Path) -> None:
    report = pd.DataFrame({"clip_id": [1, 2], "related_clip_id": [None, None], "reason": ["x", None], "n": [1, 2]})
    tables.write_csv(tmp_path / "report.csv", report)
    table = tables.read_report(tmp_path / "report.csv")
    assert table.to_dict("list") == {
        "clip_id": ["1", "2"], "related_clip_id": ["", ""], "reason": ["x", ""], "n": [1, 2],
    }  # fmt: skip
    tables.write_csv(tmp_path / "report.csv", report.iloc[:0])
    assert tables.read_report(tmp_path / "report.csv").empty


def test_columns_match_in_table_order_and_once() -> None:
    assert tables.match_columns(["a__x", "b__x", "a__y"], ["a__*", "*__x"]) == [0, 1, 2]
    assert tables.match_columns(["a__x", "b__x", "a__y"], ["a__y", "a__x"]) == [0, 2]


@pytest.mark.parametrize("content", [b"", b"abc", b"PAR1 and no more", b"PK\x03\x04"])
def test_a_table_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    clip_ids = pd.Series(["a"])
    reads = [tables.read_clips, lambda path: tables.read_sequences([path], clip_ids)]
    for read in reads:
        with pytest.raises(
            UserError, match=r"a.parquet: a table expected, but it cannot be read \(.*run `dvc repro"
        ) as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_a_report_without_a_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("clip_id,score\na,1\n")
    assert list(tables.read_report(tmp_path / "a.csv", ["score"])) == ["clip_id", "score"]
    with pytest.raises(UserError, match=r"a.csv: column finding expected, none found; run `dvc repro`"):
        tables.read_report(tmp_path / "a.csv", ["score", "finding"])


def test_frames_that_are_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", values=np.array([{}], object), lengths=[1], clip_ids=["a"], names=["b"])
    with pytest.raises(UserError, match=r"a.npz: a table expected, but it cannot be read \(Object arrays"):
        tables.read_sequences([tmp_path / "a.npz"], pd.Series(["a"]))
