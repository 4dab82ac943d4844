"""Cells of a small corpus, fitted and written."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regenre.common import compute, records, tables
from regenre.common.errors import UserError
from regenre.common.paths import CellName
from regenre.learning import grid, models, tasks
from regenre.learning.cells import Cell, is_current
from regenre.learning.grid import fit_cells, score_inner
from regenre.learning.plan import PlannedCell, Planner

SPLIT = {"_target_": "regenre.learning.splits.GroupedKFolds", "n_folds": 2, "seed": 1}


def plan_cells(planner: Planner, n_neighbors: int = 5) -> list[PlannedCell]:
    leaves = {
        "knn": {"_target_": "sklearn.neighbors.KNeighborsClassifier", "n_neighbors": n_neighbors},
        "dummy": {"_target_": "sklearn.dummy.DummyClassifier"},
    }
    learner = {"_target_": "regenre.learning.estimator.Learner", "scale": True}
    return [
        planner.plan_cell(CellName("grouped_kfold", "mfcc", name), SPLIT, {**learner, "estimator": leaf})
        for name, leaf in leaves.items()
    ]


def measure_accuracy(predictions: pd.DataFrame) -> float:
    return float((predictions["actual"] == predictions["predicted"]).mean())


def test_fitted_cells_are_current_and_hold_what_was_yielded(
    make_planner: Callable[..., Planner], tmp_path: Path
) -> None:
    cells = plan_cells(make_planner())
    folder = tmp_path / "cells"
    with compute.Local(1).use():
        fitted = list(fit_cells(cells, folder))
    assert sorted(path.name for path in folder.iterdir()) == ["grouped_kfold-mfcc-dummy", "grouped_kfold-mfcc-knn"]
    for planned, yielded in zip(cells, fitted, strict=True):
        assert is_current(folder / planned.name, planned.plan, planned.inputs)
        cell = Cell.read(folder / planned.name)
        assert cell.plan == yielded.cell.plan == planned.plan
        assert cell.searches == yielded.cell.searches
        assert yielded.seconds > 0
        predictions = tables.read_predictions(folder / planned.name / "predictions.csv")
        assert sorted(predictions["clip_id"]) == sorted(planned.clips["clip_id"])
        assert len(predictions) == len(yielded.predictions)
        assert list(models.load_model(folder / planned.name / "model.skops").classes_) == ["a", "b", "c"]
    accuracy = {cell.cell.plan.name.classifier: measure_accuracy(cell.predictions) for cell in fitted}
    assert accuracy["knn"] > 0.9 > 0.5 > accuracy["dummy"]


def test_two_processes_write_the_same_bytes_as_one(make_planner: Callable[..., Planner], tmp_path: Path) -> None:
    for n_jobs in (1, 2):
        with compute.Local(n_jobs).use():
            list(fit_cells(plan_cells(make_planner()), tmp_path / f"cells_{n_jobs}"))
    files = sorted(path.relative_to(tmp_path / "cells_1") for path in (tmp_path / "cells_1").rglob("*.*"))
    assert len(files) == 6
    for file in files:
        assert (tmp_path / "cells_1" / file).read_bytes() == (tmp_path / "cells_2" / file).read_bytes()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of distributed, about the worker that is killed
def test_no_cell_is_written_for_an_empty_grid(tmp_path: Path) -> None:
    assert list(fit_cells([], tmp_path / "cells")) == []
    assert not (tmp_path / "cells").exists()


def test_a_cell_that_will_take_long_says_so_before_it_starts(
    make_planner: Callable[..., Planner], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    knn, _ = plan_cells(make_planner())
    monkeypatch.setattr(grid, "_time_fit", lambda task, rows: 9e-4 * len(rows) ** 2)
    monkeypatch.setattr(grid, "_TRIALS", (10, 20))
    seconds, exponent = grid.estimate_fits(knn)  # without a search, a fit for each fold and one for the model
    assert exponent == pytest.approx(2)
    assert seconds == pytest.approx(9e-4 * sum(len(task.fold.fit) ** 2 for task in knn.tasks))
    monkeypatch.setattr(grid, "MANY", 30)
    monkeypatch.setattr(grid, "LONG_S", seconds / 2)
    with compute.Local(1).use():
        list(fit_cells([knn], tmp_path))
    assert capsys.readouterr().out == (
        "grouped_kfold-mfcc-knn: about 0.0 h of fits on 30 clips (they grow as clips ** 2.0); for so many clips there"
        " are svm_rbf_nystroem and sgd\n"
    )
    monkeypatch.setattr(grid, "MANY", 31)
    assert grid.warn_of_size(knn) == ""


def test_a_fit_of_some_clips_is_timed(make_planner: Callable[..., Planner]) -> None:
    knn, _ = plan_cells(make_planner())
    assert grid._time_fit(knn.tasks[0], knn.tasks[0].fold.fit[:20]) > 0


def test_an_error_of_a_fit_names_the_cell(make_planner: Callable[..., Planner], tmp_path: Path) -> None:
    cells = plan_cells(make_planner(), n_neighbors=50)
    with compute.Local(1).use(), pytest.raises(UserError, match="grouped_kfold-mfcc-knn, 30 training clips: Expected"):
        list(fit_cells(cells, tmp_path / "cells"))


def test_what_a_sweeper_optimises_is_of_training_clips_alone(
    make_planner: Callable[..., Planner], tmp_path: Path
) -> None:
    knn, dummy = plan_cells(make_planner())
    with compute.Local(1).use():
        list(fit_cells([knn, dummy], tmp_path))
    assert score_inner(knn, tmp_path) == np.mean([tasks.score_inner(task) for task in knn.tasks[:2]])
    assert score_inner(knn, tmp_path) > 0.9 > 0.5 > score_inner(dummy, tmp_path)
    record = Cell.read(tmp_path / knn.name)
    searches = [replace(search, score=number / 10) for number, search in enumerate(record.searches)]
    records.write_record(tmp_path / knn.name / "cell.json", replace(record, searches=searches))
    assert score_inner(knn, tmp_path) == pytest.approx(0.05)  # 0.0 and 0.1; the model's 0.2 is no fold's
