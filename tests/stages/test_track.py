import json
import sqlite3
from contextlib import closing

import pytest
from projects import Project

pytestmark = pytest.mark.slow


def test_tracking_again_makes_no_duplicate_and_a_lost_store_is_rebuilt(project: Project) -> None:
    (project.folder / "mlflow.db").unlink()  # that of the project that was copied
    output = project.run_stage("track")
    marker = json.loads((project.folder / "data/tracked/synthetic.json").read_text())
    assert marker == {"cells": 4, "store": "mlflow.db"}
    assert "4 runs logged, 0 already there" in output
    link = "http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey=accuracy"
    assert f"`mlflow ui --backend-store-uri sqlite:///{project.folder}/mlflow.db` shows them at {link}" in output
    assert project.run("python", "-m", "regenre.reporting.tracking").splitlines()[-1] == link
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as store:
        rows = store.execute(
            "select (end_time - start_time) / 1000.0, value from runs join latest_metrics using (run_uuid)"
            " where key = 'fit_seconds'"
        ).fetchall()
    assert len(rows) == 4
    assert all(lasts == pytest.approx(fit, abs=0.002) for lasts, fit in rows)
    assert "0 runs logged, 4 already there" in project.run_stage("track")


def test_a_setting_that_track_does_not_read_is_refused(project: Project) -> None:
    output = project.run_stage("track", "classifier=knn", ok=False)
    assert "track: classifier=knn changes nothing here, for this stage reads dataset, seed;" in output
