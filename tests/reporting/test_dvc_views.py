import json
from pathlib import Path

import pandas as pd
import pytest
from helpers import make_plan

from regenre.common import tables
from regenre.common.paths import CellName
from regenre.evaluation import grid
from regenre.evaluation.grid import TestedCell
from regenre.learning.cells import Cell, Search
from regenre.reporting import dvc_views

MODEL = Search(fold=None, chosen={}, score=None, inner_folds=[], warnings=[])
SPLITS = ["stratified_kfold", "grouped_kfold"]


def make_predictions(n_wrong: int) -> pd.DataFrame:
    actual = pd.Series(list("aabb") * 3)
    wrong = pd.Series(range(12)) < n_wrong
    proba_a = (actual == "a").where(~wrong, actual != "a").astype(float) * 0.8 + 0.1
    table = pd.DataFrame({"clip_id": [f"{n:02d}" for n in range(12)], "group": [f"g{n}" for n in range(12)], "fold": 0})
    predicted = proba_a.gt(0.5).map({True: "a", False: "b"})
    return table.assign(actual=actual, predicted=predicted, proba__a=proba_a, proba__b=1 - proba_a)


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    wrong = {"stratified_kfold": {"knn": 1, "svm": 2}, "grouped_kfold": {"knn": 6, "svm": 3}}
    cells = {
        name: TestedCell(Cell(make_plan(name=name), "f00", [MODEL], {}), make_predictions(wrong[split][classifier]))
        for split in SPLITS
        for classifier in ("knn", "svm")
        for name in [CellName(split, "mfcc", classifier)]
    }
    clips = make_predictions(0)[["clip_id"]].assign(status="ok", fault="", reason="")
    evaluation = grid.evaluate("d", cells, clips, 0)
    dvc_views.write_views(tmp_path, evaluation, {name: tested.predictions for name, tested in cells.items()})
    return tmp_path


def test_the_best_honest_cell_comes_first(reports: Path) -> None:
    best = json.loads((reports / "best.json").read_text())
    assert (best["cell"], best["accuracy"]) == ("grouped_kfold-mfcc-svm", 0.75)
    assert best["leak"] == pytest.approx(1 / 12, abs=1e-6)
    assert json.loads((reports / "metrics.json").read_text())["stratified_kfold-mfcc-knn"] == pytest.approx(
        11 / 12, abs=1e-6
    )


def test_plots_are_of_honest_accuracy_leak_and_the_best_cell_of_each_split(reports: Path) -> None:
    accuracy, leak = (tables.read_report(reports / f"plots/{name}.csv") for name in ("accuracy", "leak"))
    assert accuracy["cell"].tolist() == ["grouped_kfold-mfcc-knn", "grouped_kfold-mfcc-svm"]
    assert leak["leak"].round(3).tolist() == [round(5 / 12, 3), round(1 / 12, 3)]
    for split, n_wrong in zip(SPLITS, (1, 3), strict=True):
        rows = tables.read_report(reports / f"plots/confusion/{split}.csv")
        assert (rows["actual"] != rows["predicted"]).sum() == n_wrong
