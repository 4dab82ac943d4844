from pathlib import Path

import pandas as pd
import pytest
from test_tables import predictions

from regenre import cells


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    folder = tmp_path / "cells" / "one"
    cells.write(folder, {"inputs": "abc"}, predictions(), b"model", "# card")
    return folder


def test_a_whole_cell_of_the_same_inputs_is_current(cell: Path) -> None:
    assert cells.is_current(cell, "abc")
    assert cells.read(cell)["inputs"] == "abc"
    assert not cells.is_current(cell, "abd")
    assert not cells.is_current(cell.with_name("two"), "abc")


@pytest.mark.parametrize("name", ["predictions.csv", "model.skops", "card.md", "cell.json"])
def test_a_cell_that_lost_or_changed_a_file_is_not(cell: Path, name: str) -> None:
    (cell / name).unlink()
    assert not cells.is_current(cell, "abc")
    if name != "cell.json":
        (cell / name).write_text("edited")
        assert not cells.is_current(cell, "abc")


def test_a_cell_that_was_half_written_is_not(cell: Path, monkeypatch) -> None:
    monkeypatch.setattr(pd.DataFrame, "to_csv", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cells.write(cell, {"inputs": "abc"}, predictions(), b"model", "# card")
    assert not cells.is_current(cell, "abc")


def test_other_cells_are_removed(cell: Path) -> None:
    cells.write(cell.with_name("two"), {"inputs": "abc"}, predictions(), b"", "")
    assert cells.remove_others(cell.parent, ["one", "three"]) == ["two"]
    assert [path.name for path in cell.parent.iterdir()] == ["one"]


def test_inputs_depend_on_the_settings_and_on_nothing_else() -> None:
    assert cells.inputs({"a": 1, "b": 2}) == cells.inputs({"b": 2, "a": 1})
    assert cells.inputs({"a": 1}) != cells.inputs({"a": 2})
