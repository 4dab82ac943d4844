import re
import shutil
from pathlib import Path

import pytest
from helpers import ROOT
from projects import Project

from regenre.cli.main import main
from regenre.common import records, tables
from regenre.learning.cells import Cell
from regenre.learning.sweep import SweepRecord

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


@pytest.mark.slow
def test_a_sweep_is_a_cell_with_an_honest_score_and_the_same_bytes_again(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def sweep(n_jobs: str) -> str:
        monkeypatch.setenv("REGENRE_JOBS", n_jobs)
        main(["sweep", "small"])
        return capsys.readouterr().out

    monkeypatch.chdir(project.folder)
    monkeypatch.delenv("REGENRE_ROOT", raising=False)
    (project.folder / "conf/sweep/small.yaml").write_text(LEAF)
    output = sweep("1")
    assert f"{CELL}: accuracy 0." in output
    assert "42 clips, none of which chose anything" in output
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
    assert sweep("2") == output
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    main(["classify", "data/raw/synthetic/drone_organ/drone_organ.00000.wav", "--model", str(folder), "--jobs", "1"])
    assert "drone_organ.00000.wav: " in capsys.readouterr().out
    assert "1 runs logged, 4 already there" in project.run_stage("track")


@pytest.mark.slow
def test_a_sweep_that_changes_no_family_reads_the_features_that_there_are(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.folder)
    monkeypatch.delenv("REGENRE_ROOT", raising=False)
    (project.folder / "conf/sweep/none.yaml").write_text(re.sub("  family.*", "", LEAF))
    shutil.rmtree(project.folder / "data/raw")  # as after `dvc pull`
    main(["sweep", "none"])
    assert "grouped_kfold-mfcc-knn,sweep=none: accuracy 0." in capsys.readouterr().out
    project.edit("conf/family/mfcc.yaml", n_mfcc=5)
    assert "a clip expected, none found on this machine" in refuse("none")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with settings and no data."""
    (tmp_path / ".regenre").touch()
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.delenv("REGENRE_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refuse(name: str) -> str:
    """Start a sweep that is refused; return the line that says why."""
    with pytest.raises(SystemExit) as caught:
        main(["sweep", name])
    line = str(caught.value)
    assert line.startswith("regenre: ")
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("knn", "knm", "conf/sweep/small.yaml: classifier: 'knm' is not in conf/classifier/; choose from"),
        ("n_neighbors", "neighbours", "conf/classifier/knn.yaml: regenre.learning.estimator.Learner cannot be built"),
        ("estimator.n_n", "search.n_n", "space: classifier.estimator.n_neighbors expected, classifier.search.n_n"),
        ("family.mfcc", "family.mfc", "space: family.mfc.n_mfcc: a family of mfcc expected (mfcc), mfc found"),
        ("family.mfcc.n_", "family.gfcc.n_", "space: family.gfcc.n_mfcc: a family of mfcc expected (mfcc), gfcc found"),
        ("[5, 13]", "[]", "space: family.mfcc.n_mfcc: at least one value expected"),
        ("", "", "data/index/synthetic.parquet is missing; run `dvc repro index` first"),
    ],
)
def test_a_wrong_leaf_is_one_line(empty: Path, old: str, new: str, message: str) -> None:
    (empty / "conf/sweep/small.yaml").write_text(LEAF.replace(old, new) if old else LEAF)
    assert message in refuse("small")


def test_an_unknown_sweep_names_those_that_there_are(empty: Path) -> None:
    assert "sweep: 'nothing' is not in conf/sweep/; choose from svm_mfcc" in refuse("nothing")
