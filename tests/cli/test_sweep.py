import re
import shutil

import pytest
from projects import Project

from regenre import records, tables
from regenre.learning.cells import Cell
from regenre.learning.sweep import SweepRecord

pytestmark = pytest.mark.slow

CELL = "grouped_kfold-mfcc-knn,sweep=small"
LEAF = """
split: grouped_kfold
features: mfcc
classifier: knn
n_trials: 3
space:
  classifier.estimator.n_neighbors: {low: 1, high: 5}
  family.mfcc.n_mfcc: [5, 13]
"""


def test_a_sweep_is_a_cell_with_an_honest_score_and_the_same_bytes_again(project: Project) -> None:
    (project.folder / "conf/sweep/small.yaml").write_text(LEAF)
    output = project.run("regenre", "sweep", "small")
    assert f"{CELL}: accuracy 0." in output
    assert "72 clips, none of which chose anything" in output
    assert re.search(
        r"^inflated: accuracy 0\.\d{3}, if the tested clips chose the best of 3 in each fold$", output, re.M
    )
    folder = project.folder / "data/sweeps/synthetic" / CELL
    cell = Cell.read(folder)
    n_mfcc = cell.searches[-1].chosen["family.mfcc.n_mfcc"]
    assert cell.plan.features.families["mfcc"].settings["n_mfcc"] == n_mfcc
    assert [search.fold for search in cell.searches] == [0, 1, None]
    record = records.read_record(folder / "sweep.json", SweepRecord, "")
    predictions = tables.read_predictions(folder / "predictions.csv")
    assert record.accuracy == pytest.approx((predictions["actual"] == predictions["predicted"]).mean())
    assert record.accuracy <= record.inflated <= 1
    assert record.sweep.n_trials == 3
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(project.folder / "data/sweeps")
    project.variables = {"REGENRE_JOBS": "2"}
    assert project.run("regenre", "sweep", "small") == output
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    clip = "data/raw/synthetic/drone_organ/drone_organ.00000.wav"
    assert f"{clip}: " in project.run("regenre", "classify", clip, "--model", str(folder))
    assert "1 runs logged, 4 already there" in project.run_stage("track")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("knn", "knm", "conf/sweep/small.yaml: classifier: 'knm' is not in conf/classifier/; choose from"),
        ("n_neighbors", "neighbours", "cannot be built from its settings"),
        ("family.mfcc", "family.mfc", "space: family.mfc.n_mfcc: a family of mfcc expected (mfcc), mfc found"),
        (
            "family.mfcc.n_mfcc",
            "family.gfcc.n_gfcc",
            "space: family.gfcc.n_gfcc: a family of mfcc expected (mfcc), gfcc found",
        ),
        ("[5, 13]", "[]", "space: family.mfcc.n_mfcc: at least one value expected"),
    ],
)
def test_a_wrong_leaf_is_one_line(project: Project, old: str, new: str, message: str) -> None:
    (project.folder / "conf/sweep/small.yaml").write_text(LEAF.replace(old, new))
    output = project.run("regenre", "sweep", "small", ok=False)
    assert message in output
    assert len(output.strip().splitlines()) == 1


def test_an_unknown_sweep_names_those_that_there_are(project: Project) -> None:
    output = project.run("regenre", "sweep", "nothing", ok=False)
    assert "sweep: 'nothing' is not in conf/sweep/; choose from" in output
