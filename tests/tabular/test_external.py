from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import build_family

from regenre.errors import UserError

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
            r"column clip_id expected, name, x ... found; rename",
        ),
        (make_table(x=[1, 2, 3]).iloc[1:], r"clip a.00000 has no row \(clips without a row: 1\)"),
        (pd.concat([make_table(x=[1, 2, 3])] * 2), r"clip a.00000.* has more than one row"),
        (
            make_table(x=[1, 2, 3], mood=list("uvw")),
            r"numbers expected in column mood, text found; list it under `ignored:`",
        ),
        (make_table(x=[1, np.nan, 3]), r"clip b.00001: a finite number expected in column x, nan found"),
        (make_table(x=[1, 1e300, 3]), r"clip b.00001: a finite number expected in column x, 1e\+300 found"),
    ],
    ids=["none", "no key", "no row", "two rows", "text", "missing", "huge"],
)
def test_an_error_names_the_fault_of_a_table(tmp_path: Path, table: pd.DataFrame | None, message: str) -> None:
    if table is not None:
        table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match=message):
        read_table(tmp_path / "t.csv")
