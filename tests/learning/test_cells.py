from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from helpers import make_plan, predictions

from regenre.common.errors import UserError
from regenre.common.tables import FamilyRecord, read_predictions
from regenre.learning.cells import Cell, Fit, FoldSizes, Search, TextCounts, is_current, remove_others

PLAN = make_plan(folds=[FoldSizes(2, 0, 1)], excluded={"c": "one group"}, texts=TextCounts(3, 1, 0), duration_s=None)


def make_cell(inputs: str = "abc") -> Cell:
    search = Search(0, {"n_neighbors": 5}, 0.75, [FoldSizes(2, 0, 1)], ["did not converge"])
    model = Search(None, {}, None, [], [])
    return Cell(PLAN, inputs, [search, model], {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "cells" / "one"
    make_cell().write(folder, predictions(), b"model")
    return folder


def test_a_cell_that_is_read_equals_the_one_that_was_written(folder: Path) -> None:
    cell = Cell.read(folder)
    assert (cell.plan, cell.inputs, cell.searches) == (make_cell().plan, "abc", make_cell().searches)
    assert sorted(cell.outputs) == ["model.skops", "predictions.csv"]
    assert list(read_predictions(folder / "predictions.csv")["clip_id"]) == ["a", "b"]
    assert (folder / "model.skops").read_bytes() == b"model"


def test_the_same_cell_has_the_same_bytes(folder: Path) -> None:
    make_cell().write(folder.with_name("two"), predictions(), b"model")
    for path in folder.iterdir():
        assert path.read_bytes() == (folder.with_name("two") / path.name).read_bytes()


def test_a_complete_cell_is_current_for_its_own_inputs_only(folder: Path) -> None:
    assert is_current(folder, PLAN, "abc")
    assert not is_current(folder, PLAN, "abd")
    assert not is_current(folder, replace(PLAN, seed=PLAN.seed + 1), "abc")
    assert not is_current(folder.with_name("two"), PLAN, "abc")


@pytest.mark.parametrize("name", ["predictions.csv", "model.skops", "cell.json"])
def test_a_cell_with_a_missing_or_changed_file_is_not_current(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert not is_current(folder, PLAN, "abc")
    (folder / name).write_text("edited")
    assert not is_current(folder, PLAN, "abc")


def test_a_cell_whose_writing_failed_is_not_current(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(pd.DataFrame, "to_csv", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make_cell().write(folder, predictions(), b"model")
    assert not is_current(folder, PLAN, "abc")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"cell.json is missing; run `dvc repro` first"),
        ("{}", "format 2 expected, no format found; another version wrote it"),
        ("half", "JSON expected, but it cannot be read"),
        ('{"format": 2, "inputs": "abc"}', "plan is missing; run `dvc repro`"),
    ],
    ids=["missing", "no format", "no JSON", "a field missing"],
)
def test_a_record_that_cannot_be_read_raises(folder: Path, text: str | None, message: str) -> None:
    (folder / "cell.json").unlink() if text is None else (folder / "cell.json").write_text(text)
    with pytest.raises(UserError, match=message):
        Cell.read(folder)


def test_a_fit_is_read_by_the_inputs_of_its_cell(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    (tmp_path / ".regenre").touch()
    Fit(1000.5, 2.5).write("abc")
    assert Fit.find("abc") == Fit(1000.5, 2.5)
    assert Fit.find("def") is None


def test_other_cells_are_removed(folder: Path) -> None:
    make_cell().write(folder.with_name("two"), predictions(), b"")
    assert remove_others(folder.parent, ["one", "three"]) == ["two"]
    assert [path.name for path in folder.parent.iterdir()] == ["one"]


def test_the_digests_of_a_plan_are_those_of_the_files_that_it_reads() -> None:
    frames = FamilyRecord({}, None, framewise=True, frames_md5="123")
    features = make_plan().features
    plan = make_plan(features=replace(features, families={**features.families, "gfcc": frames}))
    assert plan.md5 == {"index": "def", "mfcc": "abc", "gfcc": "123"}
