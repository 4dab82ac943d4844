import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import predictions
from hypothesis import given
from hypothesis import strategies as st

from regenre.common import tables
from regenre.common.errors import UserError


def test_predictions_are_sorted_and_have_six_decimals(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    tables.write_predictions(path, predictions())
    assert path.read_bytes().splitlines()[1] == b"a,2,0,y,x,0.750000,0.250000"
    table = tables.read_predictions(path)
    assert list(table["clip_id"]) == ["a", "b"]
    assert tables.list_genres(table) == ["x", "y"]


@pytest.mark.parametrize(
    "name", ["001", "NA", "1e2", "true", "null", "nan", "song#1", " a ", 'a"b', "a,b", "a\rb", "a\nb"]
)
def test_names_in_predictions_stay_text(tmp_path: Path, name: str) -> None:
    path = tmp_path / "predictions.csv"
    tables.write_predictions(path, predictions().assign(clip_id=[name, "b"], group=name, actual=name, predicted=name))
    table = tables.read_predictions(path).set_index("group")
    assert set(table["clip_id"]) == {name, "b"}
    assert {*table.index, *table["actual"], *table["predicted"]} == {name}


def test_a_genre_with_a_line_break_names_a_column(tmp_path: Path) -> None:
    tables.write_predictions(tmp_path / "p.csv", predictions().rename(columns={"proba__x": "proba__a\rb"}))
    assert tables.list_genres(tables.read_predictions(tmp_path / "p.csv")) == ["a\rb", "y"]


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
    with pytest.raises(UserError, match=r"^here: a column that matches 'g__\*' expected, none found among f__1__mean"):
        tables.read_pooled([tmp_path / "f.parquet"], pooled["clip_id"], ["g__*"], "here")


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
    values, _ = tables.read_sequences([one, two], ids, ["one__y__*"])  # none of the other family
    assert values.tolist() == [[1], [1], [2]]
    with pytest.raises(
        UserError, match=r"columns of frames, such as two__z__frame, expected, none .* match one__y__mean"
    ):
        tables.read_sequences([one, two], ids, ["one__y__mean"])
    with pytest.raises(UserError, match=r"clip c: frames in .*one.npz expected, none found; run `dvc repro extract`"):
        tables.read_sequences([one], pd.Series(["a", "c"]))


def test_the_same_sequences_have_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        tables.write_sequences(tmp_path / name, pd.Series(["a"]), [np.ones((3, 2))], ["f__x__frame", "f__y__frame"])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_numbers_of_pieces_are_stripped_once() -> None:
    assert list(tables.strip_piece_numbers(pd.Series(["a#0", "a#12", "b#1#0", "#2"]))) == ["a", "a", "b#1", ""]


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


NAMES = ["000", "007", "1e2", "true", "NA", "None", "nan", "null", "song#1", " a ", "", "inf", "-", "Ünï", 'a "b", c']
TEXTS = ["clip_id", "group"]


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "mac"])
def test_text_in_a_user_table_is_what_the_cell_holds(tmp_path: Path, start: str, end: str) -> None:
    content = io.StringIO()
    csv.writer(content, lineterminator=end).writerows([["x", "group", "clip_id"], *([2, name, "c"] for name in NAMES)])
    (tmp_path / "t.CSV").write_text(f"{start}{content.getvalue()}{end}", newline="", encoding="utf-8")
    table = tables.read_user_table(tmp_path / "t.CSV", TEXTS)
    assert table.to_dict("list") == {"clip_id": ["c"] * len(NAMES), "group": NAMES}


@given(st.lists(st.tuples(st.text(min_size=1).filter(str.strip), st.text(), st.floats()), min_size=1))
def test_a_user_table_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with path.open("w", encoding="utf-8", newline="", errors="surrogatepass") as stream:
        csv.writer(stream).writerows([["clip_id", "group", "x"], *rows])  # ends lines by CR LF, so both are quoted
    if any("\ud800" <= char <= "\udfff" for clip_id, group, _ in rows for char in clip_id + group):
        with pytest.raises(UserError, match="UTF-8 expected"):
            tables.read_user_table(path, TEXTS, others=True)
        return
    table = tables.read_user_table(path, TEXTS, others=True)
    assert list(table["clip_id"]) == [clip_id for clip_id, _, _ in rows]
    assert list(table["group"]) == [group for _, group, _ in rows]
    np.testing.assert_allclose(table["x"].astype(float), [x for _, _, x in rows], rtol=1e-12)


def test_columns_of_a_user_table_are_optional_or_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("clip_id,x,artist,\n007,1.5,01,4\n008,NA,,5\n")
    assert list(tables.read_user_table(tmp_path / "t.csv", ["clip_id"])) == ["clip_id"]
    assert list(tables.read_user_table(tmp_path / "t.csv", ["clip_id"], "genre")) == ["clip_id"]
    table = tables.read_user_table(tmp_path / "t.csv", ["clip_id"], "artist")
    assert table.to_dict("list") == {"clip_id": ["007", "008"], "artist": ["01", ""]}
    table = tables.read_user_table(tmp_path / "t.csv", ["clip_id"], "artist", others=True).fillna({"x": -1})
    assert table.to_dict("list") == {"clip_id": ["007", "008"], "artist": ["01", ""], "x": [1.5, -1], "": [4, 5]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7, 10], ["7", "10"]),
        ([7, None], ["7", ""]),
        ([7.0, None], ["7", ""]),
        ([0.5, 1.0], ["0.5", "1"]),
        (["007", None], ["007", ""]),
        ([b"a", b"b"], ["a", "b"]),
        (pd.Categorical(["NA", "b"]), ["NA", "b"]),
        ([None, None], ["", ""]),
        ([True, None], ["True", ""]),
    ],
    ids=["integers", "one missing", "whole", "fractions", "text", "bytes", "categories", "all missing", "booleans"],
)
def test_names_in_parquet_become_text(tmp_path: Path, values: list, expected: list[str]) -> None:
    table = pd.DataFrame({"clip_id": [2**60, 2**60 + 1], "group": values, "x": [1.5, None]})
    table.to_parquet(tmp_path / "t.parquet")
    read = tables.read_user_table(tmp_path / "t.parquet", TEXTS, others=True)
    assert list(read["clip_id"]) == [str(2**60), str(2**60 + 1)]
    assert list(read["group"]) == expected
    table.set_index("clip_id").to_parquet(tmp_path / "t.parquet")
    assert list(tables.read_user_table(tmp_path / "t.parquet", TEXTS)["clip_id"]) == [str(2**60), str(2**60 + 1)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"UTF-8 table with columns 'clip_id', 'group' expected, an empty file found"),
        (b"\n\n", r"an empty file found"),
        (b"clip_id,group", r"rows expected below the header, none found; add a row for each clip"),
        (b"clip,group\na,b\n", r"columns 'clip_id', 'group' expected, columns 'clip', 'group' found; rename"),
        (b"clip_id;group\na,5;b,5\n", r"column 'clip_id;group' found; separate the columns by commas"),
        (b"clip_id\tgroup\na\tb\n", r"column 'clip_id\\tgroup' found; separate the columns by commas"),
        (b"clip_id,group,group\na,b,c\n", r"one column 'group' expected, 2 found; remove or rename one"),
        (b"clip_id,group\n\na,b\nc\n", r"2 values expected in each row, as in the header, 1 found in line 4"),
        (b'clip_id,group\n"a\nb",c\nd,e,f\n', r"2 values expected .*, 3 found in line 4; complete the row, or put"),
        (b'clip_id,group\na,b\nc,"d\ne,f\n', r"CSV expected, but the row that begins in line 3 cannot be read"),
        (b'"clip_id,group\na,b\n', r"the row that begins in line 1 cannot be read \(unexpected end of data\); close"),
        (b'clip_id,group\n"a"b,c\n', r"the row that begins in line 2 cannot be read .*; close its quotes, and write"),
        ("clip_id,group\na,b\ncafé,b\n".encode("latin-1"), r"UTF-8 expected, byte 0xe9 found in line 3; save the"),
        ("clip_id,group\na,b\n“c”,b\n".encode("cp1252"), r"UTF-8 expected, byte 0x93 found in line 3; save the"),
        ("clip_id,group\na,b\n".encode("utf-16"), r"UTF-8 expected, byte 0xff found in line 1"),
        (b"clip_id,group\na,b\n,c\n", r"the name of a clip expected in column clip_id, none found in row 2 below"),
        (b"clip_id,group\n \t,c\n", r"the name of a clip expected in column clip_id, none found in row 1 below"),
        (b"a,b,c,d,e,f,g\n", r"columns 'a', 'b', 'c', 'd', 'e' and 2 more found"),
        (b"x," * 100_000 + b"x\n", r"at most 100000 columns expected, 100001 found; write one row, not one column"),
        (b"\x1b[31m,group\na,b\n", r"columns '\\x1b\[31m', 'group' found"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_user_table_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "groups.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        tables.read_user_table(path, TEXTS)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value)) < len(str(path)) + 250
    assert str(caught.value).isprintable()


def test_a_long_text_and_a_large_number_are_kept(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"clip_id,group\na,{'x' * 200_000}\n")
    assert tables.read_user_table(tmp_path / "t.csv", TEXTS)["group"].str.len().item() == 200_000
    pq.write_table(pa.table({"clip_id": ["a", "b"], "group": [2**60 + 1, None]}), tmp_path / "t.parquet")
    assert list(tables.read_user_table(tmp_path / "t.parquet", TEXTS)["group"]) == [str(2**60 + 1), ""]


def test_a_user_table_of_another_format_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").touch()
    for name in ("none.csv", "t.xlsx", "."):
        with pytest.raises(UserError, match=r"a CSV or Parquet file expected with columns 'clip_id', 'group', none"):
            tables.read_user_table(tmp_path / name, TEXTS)
    (tmp_path / "t.parquet").write_bytes(b"clip_id,group\n")
    with pytest.raises(UserError, match=r"t.parquet: a table expected, but it cannot be read .*; export it again"):
        tables.read_user_table(tmp_path / "t.parquet", TEXTS)
    pq.write_table(pa.table({"clip_id": [b"\xe9"], "group": ["x"]}), tmp_path / "t.parquet")
    with pytest.raises(
        UserError, match=r"t.parquet: .* cannot be read \('utf-8' codec .*; write text in columns 'clip_"
    ):
        tables.read_user_table(tmp_path / "t.parquet", TEXTS)
    pq.write_table(pa.table({"clip": ["a"], "group": ["x"]}), tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"columns 'clip_id', 'group' expected, columns 'clip', 'group' found"):
        tables.read_user_table(tmp_path / "t.parquet", TEXTS)
    pq.write_table(pa.table([["a"], ["b"], ["c"]], names=["clip_id", "group", "group"]), tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"t.parquet: a table expected, but it cannot be read \(Multiple matches"):
        tables.read_user_table(tmp_path / "t.parquet", TEXTS)


def test_only_an_empty_cell_is_an_unknown_group(tmp_path: Path) -> None:
    clip_ids = pd.Series(["000", "1e2", "song#1", "d", "e"], name="clip_id")
    (tmp_path / "g.csv").write_text("clip_id,group\n000,NA\n1e2,NA\nsong#1,\nd, \nd, \n")
    assert list(tables.read_groups(tmp_path / "g.csv", clip_ids)) == ["NA", "NA", "song#1", "d", "e"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,x\nb,y\na,z\n", r"g.csv: clip a: one group expected, 'x' and 'z' found; keep one"),
        ("a,x\na,\n", r"g.csv: clip a: one group expected, 'x' and '' found; keep one"),
        ("c,x\nd,x\n", r"g.csv: a clip of the dataset expected, such as a, c found; .* \(rows of unknown clips: 2\)"),
    ],
    ids=["two groups", "a group and none", "unknown"],
)
def test_a_group_that_is_not_clear_is_an_error(tmp_path: Path, rows: str, message: str) -> None:
    (tmp_path / "g.csv").write_text(f"clip_id,group\n{rows}")
    with pytest.raises(UserError, match=message):
        tables.read_groups(tmp_path / "g.csv", pd.Series(["a", "b"]))


def test_the_tables_of_a_folder_are_listed(tmp_path: Path) -> None:
    for name in ("b.CSV", "a.parquet", "README.md"):
        (tmp_path / name).touch()
    assert [path.name for path in tables.list_user_tables(tmp_path)] == ["a.parquet", "b.CSV"]
    assert tables.list_user_tables(tmp_path / "none.csv") == [tmp_path / "none.csv"]


def test_a_name_with_a_carriage_return_is_one_cell() -> None:
    rows = pd.DataFrame({"file": ["a\r=1", "b"], "n\r=2": 0.5})
    assert list(csv.reader(io.StringIO(tables.format_csv(rows), newline=""), strict=True)) == [
        ["file", "n\r=2"], ["a\r=1", "0.500000"], ["b", "0.500000"],
    ]  # fmt: skip
    assert tables.format_csv(rows.iloc[1:].rename(columns={"n\r=2": "n"}), header=False) == "b,0.500000\n"
