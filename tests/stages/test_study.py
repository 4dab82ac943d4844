import json

import pandas as pd
import pytest
from projects import Project

pytestmark = pytest.mark.slow


def test_the_best_honest_cell_is_studied(project: Project) -> None:
    reports = project.folder / "reports"
    study = json.loads((reports / "study.json").read_text())
    summary = pd.read_csv(reports / "summary.csv")
    best = summary.loc[summary["accuracy"].idxmax()]
    assert study["cell"] == f"grouped_kfold-{best['features']}-{best['classifier']}"
    assert study["more_data"].startswith("Is more data needed? ")
    curve = pd.read_csv(reports / "learning_curve.csv")
    assert curve["n_train"].is_monotonic_increasing
    assert len(pd.read_csv(reports / "importance.csv")) > 1


def test_a_cell_that_is_not_in_the_grid_is_refused(project: Project) -> None:
    output = project.run_stage("study", "study.cell=x", ok=False)
    assert "study.cell: a cell of the grid expected (grouped_kfold-mfcc-knn, " in output
    assert "'x' found" in output
