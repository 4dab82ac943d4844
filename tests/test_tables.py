from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regenre import tables
from regenre.errors import UserError


def predictions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "clip_id": ["b", "a"],
            "group": ["1", "2"],
            "fold": [0, 0],
            "actual": ["x", "y"],
            "predicted": ["x", "x"],
            "proba__x": [1 / 3, 0.75],
            "proba__y": [2 / 3, 0.25],
        }
    )


def test_predictions_come_back_sorted_and_with_six_decimals(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    tables.write_predictions(path, predictions())
    assert path.read_bytes().splitlines()[1] == b"a,2,0,y,x,0.750000,0.250000"
    back = tables.read_predictions(path)
    assert list(back["clip_id"]) == ["a", "b"]
    assert tables.genres_of(back) == ["x", "y"]


def test_names_that_look_like_numbers_or_nothing_stay_names(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    tables.write_predictions(path, predictions().assign(clip_id=["001", "NA"], actual="null"))
    back = tables.read_predictions(path)
    assert list(back["clip_id"]) == ["001", "NA"]
    assert set(back["actual"]) == {"null"}


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    tables.write_text(path, "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(28, "No space left on device", str(temporary))

    with pytest.raises(OSError, match="No space"):
        tables.atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_wrong_columns_and_lost_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"columns .* expected"):
        tables.write_predictions(tmp_path / "p.csv", predictions().drop(columns="fold"))
    with pytest.raises(UserError, match="dvc repro index"):
        tables.read_clips(tmp_path / "none.parquet")


def test_pooled_tables_are_joined_by_clip(tmp_path: Path) -> None:
    tables.write_pooled(tmp_path / "a.parquet", pd.DataFrame({"clip_id": ["2", "1"], "a__0__mean": [2.0, 1.0]}))
    tables.write_pooled(tmp_path / "b.parquet", pd.DataFrame({"clip_id": ["1", "2"], "b__0__mean": [10.0, 20.0]}))
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    joined = tables.read_pooled(paths, pd.Series(["2", "1"]))
    assert joined.to_numpy().tolist() == [[2, 20], [1, 10]]
    with pytest.raises(UserError, match="clip 3: no features"):
        tables.read_pooled(paths, pd.Series(["1", "3"]))


def test_patterns_choose_columns_and_one_that_fits_none_is_named(tmp_path: Path) -> None:
    pooled = pd.DataFrame({"clip_id": ["a"], "f__1__mean": [1.0], "f__2__mean": [2.0], "f__2__std": [3.0]})
    tables.write_pooled(tmp_path / "f.parquet", pooled)
    chosen = tables.read_pooled([tmp_path / "f.parquet"], pooled["clip_id"], ["f__2__*", "*__mean"])
    assert list(chosen.columns) == ["f__1__mean", "f__2__mean", "f__2__std"]
    with pytest.raises(UserError, match=r"no column fits 'g__\*'; there are f__1__mean"):
        tables.read_pooled([tmp_path / "f.parquet"], pooled["clip_id"], ["g__*"])


def test_sequences_are_joined_by_clip_and_cut_to_the_columns_asked_for(tmp_path: Path) -> None:
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    ids = pd.Series(["a", "b"])
    tables.write_sequences(one, ids, [np.full((2, 2), 1.0), np.full((1, 2), 2.0)], ["one__x__frame", "one__y__frame"])
    tables.write_sequences(two, ids[::-1], [np.full((1, 1), 4.0), np.full((2, 1), 3.0)], ["two__z__frame"])
    values, lengths = tables.read_sequences([one, two], pd.Series(["b", "a"]))
    assert values.tolist() == [[2, 2, 4], [1, 1, 3], [1, 1, 3]]
    assert lengths.tolist() == [1, 2]
    values, _ = tables.read_sequences([one, two], ids, ["one__y__*", "two__*"])
    assert values.tolist() == [[1, 3], [1, 3], [2, 4]]
    with pytest.raises(UserError, match=r"clip c: no frames in .*one.npz; run `dvc repro extract`"):
        tables.read_sequences([one], pd.Series(["a", "c"]))


def test_the_same_sequences_are_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        tables.write_sequences(tmp_path / name, pd.Series(["a"]), [np.ones((3, 2))], ["f__x__frame", "f__y__frame"])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
