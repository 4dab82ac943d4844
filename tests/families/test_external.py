from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regenre.errors import UserError
from regenre.families.external import External

CLIPS = pd.DataFrame({"clip_id": ["b.00001", "a.00000"]}, dtype=object)


def given(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"clip_id": ["a.00000.wav", "b.00001.wav", "c.00002.wav"], **columns})


def test_rows_come_in_the_clips_order_and_labels_stay_out(tmp_path: Path) -> None:
    given(tempo=[100, 120, 140], mfcc1__mean=[0.5, 1.5, 2.5], label=list("xyz")).to_csv(tmp_path / "t.csv", index=False)
    found = External(str(tmp_path / "t.csv"), ignored=["label"]).table("external", CLIPS, tmp_path)
    assert list(found.columns) == ["clip_id", "external__tempo__clip", "external__mfcc1_mean__clip"]
    assert list(found["clip_id"]) == list(CLIPS["clip_id"])
    np.testing.assert_array_equal(found.iloc[:, 1:], [[120, 1.5], [100, 0.5]])
    assert set(found.dtypes.iloc[1:]) == {np.dtype(np.float32)}


def test_the_tables_of_a_folder_are_joined(tmp_path: Path) -> None:
    given(x=[1, 2, 3]).to_csv(tmp_path / "one.csv", index=False)
    given(x=[4, 5, 6]).to_parquet(tmp_path / "two.parquet")
    (tmp_path / "README.md").write_text("no table")
    found = External(str(tmp_path)).table("external", CLIPS, tmp_path)
    assert list(found.columns[1:]) == ["external__one_x__clip", "external__two_x__clip"]
    np.testing.assert_array_equal(found.iloc[:, 1:], [[2, 5], [1, 4]])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, r"family external: a CSV or Parquet table keyed by clip_id expected at .*, none found"),
        (given(x=[1, 2, 3]).rename(columns={"clip_id": "name"}), r"column clip_id expected, name, x"),
        (given(x=[1, 2, 3]).iloc[1:], r"clip a.00000 has no row \(1 clips have none\)"),
        (pd.concat([given(x=[1, 2, 3])] * 2), r"clip a.00000.* has more than one row"),
        (given(x=[1, 2, 3], mood=list("uvw")), r"column mood is not a number; name it under `ignored:`"),
        (given(x=[1, np.nan, 3]), r"clip b.00001: a finite number expected in column x, nan found"),
        (given(x=[1, 1e300, 3]), r"clip b.00001: a finite number expected in column x, 1e\+300 found"),
    ],
    ids=["none", "no key", "no row", "two rows", "text", "missing", "huge"],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, table: pd.DataFrame | None, said: str) -> None:
    if table is not None:
        table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match=said):
        External(str(tmp_path / "t.csv")).table("external", CLIPS, tmp_path)
