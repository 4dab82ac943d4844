import pandas as pd
import pytest
from projects import Project

from regenre.common import tables
from regenre.evaluation import stress

pytestmark = pytest.mark.slow

KNN = "grouped_kfold-spectral_shape-knn"


def test_it_is_off_unless_deformations_are_named(project: Project) -> None:
    assert (project.folder / "reports/stress.csv").read_text() == ",".join(stress.COLUMNS) + "\n"
    for name in ("summary.md", "index.html", f"cards/{KNN}.md"):
        assert "the genre as it is" not in (project.folder / "reports" / name).read_text()


def test_the_cells_that_are_named_are_stressed_beside_the_one_that_is_studied(project: Project) -> None:
    words = ("stress.deformations=[gain_*,tilt_6]", f"stress.cells=[{KNN}]", "compute.n_jobs=2")
    output = project.run_stage("stress", *words)
    table = tables.read_report(project.folder / "reports/stress.csv", stress.COLUMNS)
    names = ["none", "gain_minus_12", "gain_minus_20", "gain_minus_6", "gain_plus_6", "tilt_6", "worst_case"]
    assert [rows["deformation"].tolist() for _, rows in table.groupby("features")] == [names, names]
    assert output.count("are right") + output.count("is right") == 2
    summary = pd.read_csv(project.folder / "reports/summary.csv").set_index(["features", "classifier"])
    clean = table[table["deformation"] == "none"].set_index(["features", "classifier"])["accuracy"]
    assert clean.to_dict() == summary["accuracy"].loc[clean.index].to_dict()
    written = (project.folder / "reports/stress.csv").read_bytes()
    project.run_stage("stress", *words[:2])  # in one process: REGENRE_JOBS is 1
    assert (project.folder / "reports/stress.csv").read_bytes() == written


def test_the_words_of_a_stressed_project_name_what_was_measured(project: Project) -> None:
    project.edit("conf/config.yaml", stress={"deformations": ["tilt_6"], "cells": []})
    assert project.repro() == {"compose", "stress", "report", "track"}
    for name in ("summary.md", "index.html"):
        assert "Turn the treble up by 6 dB, and" in (project.folder / "reports" / name).read_text()
    assert project.repro() == set()
