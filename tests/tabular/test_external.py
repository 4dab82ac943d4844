from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import build_family

from regenre.common.errors import UserError

CLIPS = pd.DataFrame({"clip_id": ["b.00001", "a.00000"]}, dtype=object)


def make_table(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"clip_id": ["a.00000.wav", "b.00001.wav", "c.00002.wav"], **columns})


def read_table(path: Path) -> pd.DataFrame:
    return build_family("external", tables=str(path)).read_table("external", CLIPS, path.parent)


def test_rows_have_the_order_of_the_clips_and_ignored_columns_are_dropped(tmp_path: Path) -> None:
    columns = {"tempo": [100, 120, 140], "mfcc1__mean": [0.5, 1.5, 2.5], "label": list("xyz")}
    make_table(**columns).to_csv(tmp_path / "t.csv", index=False)
    table = read_table(tmp_path / "t.csv")
    assert list(table.columns) == ["clip_id", "external__tempo__clip", "external__mfcc1_mean__clip"]
    assert list(table["clip_id"]) == list(CLIPS["clip_id"])
    np.testing.assert_array_equal(table.iloc[:, 1:], [[120, 1.5], [100, 0.5]])
    assert set(table.dtypes.iloc[1:]) == {np.dtype(np.float32)}


def test_the_tables_of_a_folder_are_joined(tmp_path: Path) -> None:
    make_table(x=[1, 2, 3]).to_csv(tmp_path / "one.csv", index=False)
    make_table(x=[4, 5, 6]).to_parquet(tmp_path / "two.parquet")
    (tmp_path / "README.md").write_text("no table")
    table = read_table(tmp_path)
    assert list(table.columns[1:]) == ["external__one_x__clip", "external__two_x__clip"]
    np.testing.assert_array_equal(table.iloc[:, 1:], [[2, 5], [1, 4]])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, r"family external: a CSV or Parquet table keyed by clip_id expected at .*, none found"),
        (
            make_table(x=[1, 2, 3]).rename(columns={"clip_id": "name"}),
            r"column 'clip_id' expected, columns 'name', 'x' found; rename",
        ),
        (make_table(x=[1, 2, 3]).iloc[1:], r"clip a.00000 has no row \(clips without a row: 1\)"),
        (pd.concat([make_table(x=[1, 2, 3])] * 2), r"clip a.00000.* has more than one row"),
        (
            make_table(x=[1, 2, 3], mood=list("uvw")),
            r"t.csv: clip b.00001: a finite number expected in column mood, 'v' found \(such cells in this column: 2,"
            r" columns with such cells: 1\); mend it, or add the column to `ignored:` in conf/family/external.yaml",
        ),
        (make_table(x=[1, np.nan, 3]), r"clip b.00001: a finite number expected in column x, nan found \(such cells"),
        (make_table(x=[-np.inf, 1, np.inf]), r"clip a.00000: a finite number expected in column x, -inf found .*: 1,"),
        (
            make_table(x=["1", "two", "3"], y=[np.nan] * 3),
            r"clip b.00001: .* column x, 'two' found \(such cells in this column: 1, columns with such cells: 2\)",
        ),
        (
            make_table(x=["1", "2", "w" * 999]).iloc[::-1].assign(x=["1", "2", "w" * 999]),
            r"a.00000: .*'w+\.\.\.w+' found",
        ),
        (make_table(x=["2020-01-01"] * 3), r"clip b.00001: a finite number expected in column x, '2020-01-01' found"),
        (make_table(x=[1, 2, 3]).set_index("x").reset_index().rename(columns={"x": ""}), r"one without a name found"),
        (make_table(label=["1", "2", "3"]), r"a column of features beside clip_id expected, none found"),
        (make_table(a__b=[1, 2, 3], a_b=[1, 2, 3]), r"t.csv: two columns would be called external__a_b; rename one"),
        (make_table(x=[1, 1e300, 3]), r"clip b.00001: a finite number expected in column x, 1e\+300 found"),
    ],
    ids=[
        "none",
        "no key",
        "no row",
        "two rows",
        "text",
        "missing",
        "infinite",
        "two columns",
        "long text",
        "dates",
        "no name",
        "no feature",
        "same name",
        "huge",
    ],
)
def test_an_error_names_the_fault_of_a_table(tmp_path: Path, table: pd.DataFrame | None, message: str) -> None:
    if table is not None:
        table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match=message):
        read_table(tmp_path / "t.csv")


def test_clips_that_look_like_numbers_keep_their_names(tmp_path: Path) -> None:
    clips = pd.DataFrame({"clip_id": ["1e2", "007", "NA", "true"]}, dtype=object)
    table = pd.DataFrame({"clip_id": ["007", "1e2", "true", "NA"], "x": [1, 2, 3, 4]})
    for name in ("t.csv", "t.parquet"):
        table.to_csv(tmp_path / name, index=False) if name == "t.csv" else table.to_parquet(tmp_path / name)
        family = build_family("external", tables=str(tmp_path / name))
        assert list(family.read_table("external", clips, tmp_path)["external__x__clip"]) == [2, 1, 4, 3]
    clips = pd.DataFrame({"clip_id": ["2", "1"]}, dtype=object)
    pd.DataFrame({"clip_id": [1, 2], "x": [3, 4]}).to_parquet(tmp_path / "t.parquet")
    assert list(family.read_table("external", clips, tmp_path)["external__x__clip"]) == [4, 3]


def test_values_of_other_clips_do_not_matter(tmp_path: Path) -> None:
    make_table(x=["1", "2", "n/a?"], y=[1, 2, np.inf]).to_csv(tmp_path / "t.csv", index=False)
    np.testing.assert_array_equal(read_table(tmp_path / "t.csv").iloc[:, 1:], [[2, 2], [1, 1]])


def test_numbers_of_any_kind_are_features(tmp_path: Path) -> None:
    kinds = {"d": pa.decimal128(5, 2), "h": pa.float16(), "b": pa.bool_(), "i": pa.uint8()}
    columns = {name: pa.array([1, 0, 1], pa.uint8()).cast(kind) for name, kind in kinds.items()}
    pq.write_table(pa.table({"clip_id": ["a.00000", "b.00001", "c"], **columns}), tmp_path / "t.parquet")
    np.testing.assert_array_equal(read_table(tmp_path / "t.parquet").iloc[:, 1:], [[0] * 4, [1] * 4])
