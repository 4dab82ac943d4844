"""Runs in MLflow. The tests import it themselves, because the filters of its warnings are set only then."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from helpers import make_plan
from helpers import predictions as make_predictions

from regenre.evaluation import metrics
from regenre.evaluation.grid import TestedCell
from regenre.learning.cells import Cell, Search

if TYPE_CHECKING:
    from mlflow import entities

    from regenre.reporting.tracking import Run

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch) -> str:
    uri = f"sqlite:///{tmp_path}/store.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tmp_path)
    return uri


def make_run(folder: Path, name: str = "a", accuracy: float = 0.5) -> "Run":
    from regenre.reporting.tracking import Run, flatten

    predictions = folder / f"{name}.csv"
    predictions.write_text(f"{name}\n")
    params = {"classifier": "svm"} | flatten({"classifier": {"estimator": {"C": 3}}, "list": [1, 2]})
    scores = {"accuracy": accuracy, "f1.blues": 0.25}
    return Run(name, params, scores, {"split": "grouped_kfold", "data.mfcc.md5": "x"}, {predictions: "files"}, "# note")


def list_runs(store: str) -> "list[entities.Run]":
    from mlflow import MlflowClient

    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("d")
    return client.search_runs([experiment.experiment_id])


def test_a_run_shows_everything_and_is_logged_once(store: str, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    from regenre.reporting.tracking import log_runs

    runs = [make_run(tmp_path, "a"), make_run(tmp_path, "b")]
    assert log_runs("d", runs) == (2, store)
    assert log_runs("d", runs) == (0, store)
    by_name = {run.info.run_name: run for run in list_runs(store)}
    assert set(by_name) == {"a", "b"}
    run = by_name["a"]
    assert run.info.status == "FINISHED"
    assert run.data.params == {"classifier": "svm", "classifier.estimator.C": "3", "list": "[1, 2]"}
    assert run.data.metrics == {"accuracy": 0.5, "f1.blues": 0.25}
    assert run.data.tags["data.mfcc.md5"] == "x"
    assert [file.path for file in MlflowClient(store).list_artifacts(run.info.run_id, "files")] == ["files/a.csv"]


def test_a_changed_cell_is_a_new_run_beside_the_old(store: str, tmp_path: Path) -> None:
    from regenre.reporting.tracking import log_runs

    log_runs("d", [make_run(tmp_path)])
    assert log_runs("d", [make_run(tmp_path, accuracy=0.6)])[0] == 1
    assert sorted(run.data.metrics["accuracy"] for run in list_runs(store)) == [0.5, 0.6]


def test_an_unfinished_run_is_replaced(store: str, tmp_path: Path, monkeypatch) -> None:
    from mlflow import MlflowClient

    from regenre.reporting.tracking import log_runs

    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "log_artifact", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            log_runs("d", [make_run(tmp_path)])
    assert [run.info.status for run in list_runs(store)] == ["RUNNING"]
    log_runs("d", [make_run(tmp_path)])
    assert [run.info.status for run in list_runs(store)] == ["FINISHED"]


def test_another_store_is_filled_again(store: str, tmp_path: Path, monkeypatch) -> None:
    from regenre.reporting.tracking import log_runs

    log_runs("d", [make_run(tmp_path)])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    assert log_runs("d", [make_run(tmp_path)])[0] == 1


def test_an_experiment_in_a_workspace_of_dvc_logs_to_the_projects_store(tmp_path: Path, monkeypatch) -> None:
    from regenre.reporting.tracking import log_runs

    workspace = tmp_path / "project/.dvc/tmp/exps/tmpabc"
    workspace.mkdir(parents=True)
    (workspace / ".regenre").touch()
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("REGENRE_ROOT", raising=False)
    monkeypatch.setenv("DVC_EXP_NAME", "lusty-mage")
    store = f"sqlite:///{tmp_path}/project/mlflow.db"
    assert log_runs("d", [make_run(workspace)]) == (1, store)
    (run,) = list_runs(store)
    assert run.data.tags["dvc.experiment"] == "lusty-mage"
    assert run.info.artifact_uri.startswith((tmp_path / "project/mlruns").as_uri())


def test_the_newest_overview_is_the_parent_of_its_cells(store: str, tmp_path: Path) -> None:
    from regenre.reporting.tracking import log_runs

    a, b = make_run(tmp_path, "a"), make_run(tmp_path, "b")
    assert log_runs("d", [a], make_run(tmp_path, "overview 1"))[0] == 1
    assert log_runs("d", [a, b], make_run(tmp_path, "overview 2"))[0] == 1
    assert log_runs("d", [a, b], make_run(tmp_path, "overview 2"))[0] == 0
    by_name = {run.info.run_name: run for run in list_runs(store)}
    assert set(by_name) == {"a", "b", "overview 1", "overview 2"}
    parents = {name: run.data.tags.get("mlflow.parentRunId") for name, run in by_name.items()}
    second = by_name["overview 2"].info.run_id
    assert parents == {"a": second, "b": second, "overview 1": None, "overview 2": None}


@pytest.fixture
def cell_folder(tmp_path: Path) -> Path:
    """Folder of a cell on disk, with the figure and the card that its run shows."""
    folder = tmp_path / "grouped_kfold-mfcc-knn"
    plan = make_plan(classifier={"estimator": {"metric": "cosine"}})
    searches = [Search(0, {"n_neighbors": 3}, 0.5, [], []), Search(None, {"n_neighbors": 5}, 0.5, [], [])]
    Cell(plan, "f00", searches, {}).write(folder, make_predictions(), b"model")
    (tmp_path / "figure.png").write_bytes(b"png")
    (tmp_path / "card.md").write_text("# card\n")
    return folder


def test_the_run_of_a_cell_shows_its_settings_scores_and_files(cell_folder: Path, tmp_path: Path) -> None:
    from regenre.reporting.tracking import describe_cell

    run = describe_cell(
        TestedCell.read(cell_folder), cell_folder, tmp_path / "figure.png", tmp_path / "card.md", 0, "grid"
    )
    names = {"dataset": "d", "split": "grouped_kfold", "features": "mfcc", "classifier": "knn"}
    assert run.name == "grouped_kfold-mfcc-knn"
    assert run.tags == names | {"kind": "grid", "data.index.md5": "def", "data.mfcc.md5": "abc"}
    assert names.items() <= run.params.items()
    assert run.params["classifier.estimator.metric"] == "cosine"
    assert run.params["family.mfcc.n"] == "13"
    assert run.params["audio.sr"] == "22050"
    assert run.params["seed"] == "1"
    assert run.params["chosen.0"] == "{'n_neighbors': 3}"
    assert run.params["chosen.model"] == "{'n_neighbors': 5}"
    scores = metrics.score(pd.read_csv(cell_folder / "predictions.csv"), 0)
    assert scores.items() <= run.metrics.items()
    assert run.metrics["recall.x"] == 1.0
    assert {path.name: folder for path, folder in run.artifacts.items()} == {
        "predictions.csv": "", "cell.json": "", "card.md": "", "figure.png": "figures",
    }  # fmt: skip
    assert run.note == "# card\n"


def test_the_digest_of_a_run_depends_on_its_files(cell_folder: Path, tmp_path: Path) -> None:
    from regenre.reporting.tracking import describe_cell

    arguments = (TestedCell.read(cell_folder), cell_folder, tmp_path / "figure.png", tmp_path / "card.md", 0, "grid")
    before = describe_cell(*arguments).digest
    assert describe_cell(*arguments).digest == before
    (tmp_path / "figure.png").write_bytes(b"another")
    assert describe_cell(*arguments).digest != before


def test_flat_settings_have_dots_and_short_values() -> None:
    from regenre.reporting.tracking import flatten

    assert flatten({"a": {"b": {"c": 1}}, "d": [1, {"e": 2}]}) == {"a.b.c": "1", "d": "[1, {'e': 2}]"}
    assert len(flatten({"a": "x" * 1000})["a"]) == 500


@pytest.mark.parametrize("half", [b"", b"table"])
def test_a_store_that_was_left_half_made_is_made_again(tmp_path: Path, monkeypatch, half: bytes) -> None:
    """As a kill or a full disk leaves it: no tables, or tables that MLflow then refuses to make."""
    from regenre.reporting.tracking import STORE, log_runs

    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / ".regenre").touch()
    path = tmp_path / STORE
    if half:
        with closing(sqlite3.connect(path)) as database:
            database.execute("create table experiments (experiment_id integer)")
    else:
        path.touch()
    assert log_runs("d", [make_run(tmp_path)])[0] == 1
    assert log_runs("d", [make_run(tmp_path)])[0] == 0
    assert not list(tmp_path.glob(".*.tmp*"))
