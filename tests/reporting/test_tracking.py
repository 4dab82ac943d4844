"""Runs in MLflow. The tests import it themselves, because the filters of its warnings are set only then."""

import getpass
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import requests
from helpers import find_port, make_plan, wait_until
from helpers import predictions as make_predictions

from regenre.common import tables
from regenre.common.errors import UserError
from regenre.common.paths import CellName
from regenre.evaluation import metrics
from regenre.evaluation.grid import TestedCell
from regenre.learning.cells import Cell, Fit, Search

if TYPE_CHECKING:
    from mlflow import entities

    from regenre.reporting.tracking import Run, Tables

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning", "ignore:.*Any type:UserWarning"
)
HONEST = CellName("grouped_kfold", "mfcc", "knn")
RANDOM = CellName("stratified_kfold", "mfcc", "knn")


def is_answering(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's server on loopback, with a database of its own."""
    folder = tmp_path_factory.mktemp("server")
    port = find_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1"]
    process = subprocess.Popen(
        [*command, f"--backend-store-uri=sqlite:///{folder}/store.db", f"--artifacts-destination={folder}/files"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    uri = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: is_answering(f"{uri}/health") or process.poll() is not None)
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """An empty project."""
    (tmp_path / ".regenre").touch()
    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/store.db"


@pytest.fixture(params=["database", "server"])
def store(request: pytest.FixtureRequest, folder: Path, monkeypatch) -> Iterator[str]:
    """A store without the experiment `d`."""
    import mlflow
    from mlflow import MlflowClient

    uri = request.getfixturevalue(request.param)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    mlflow.set_tracking_uri(uri)  # registering sets it, and sets it back
    yield uri
    client = MlflowClient(uri)
    client.rename_experiment(client.get_experiment_by_name("d").experiment_id, f"d of {folder.name}")


def make_run(folder: Path, name: str = "a", **changes: Any) -> "Run":
    from regenre.reporting.tracking import Run, flatten

    predictions = folder / f"{name}.csv"
    predictions.write_text(f"{name}\n")
    params = {"classifier": "svm"} | flatten({"classifier": {"estimator": {"C": 3}}, "list": [1, 2]}, "with.")
    run = Run(
        name=name, params=params, metrics={"n_clips": 4.0, "accuracy": 0.5},
        tags={"dataset": "d", "split": "grouped_kfold", "data.mfcc.md5": "x"},
        artifacts={"files/a.csv": predictions}, note="# note", ended=100.0, seconds=2.5,
        tables={"table.json": pd.DataFrame({"a": [1]})},
        fold_accuracies={0: 0.25, 1: 0.75}, rank={"accuracy_leak": 0.1},
    )  # fmt: skip
    return replace(run, **changes)


def list_runs(store: str) -> "list[entities.Run]":
    from mlflow import MlflowClient

    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("d")
    return client.search_runs([experiment.experiment_id])


def test_a_run_shows_everything_and_is_logged_once(store: str, folder: Path) -> None:
    from mlflow import MlflowClient
    from mlflow.entities import Dataset

    from regenre.reporting.tracking import log_runs

    dataset = Dataset("d", "abc", "local", '{"uri": "data/raw/d"}', profile='{"num_rows": 4}')
    runs = [make_run(folder, "a", dataset=dataset), make_run(folder, "b")]
    assert log_runs("d", runs)[:2] == (2, store)
    before = [run.to_dictionary() for run in list_runs(store)]
    assert log_runs("d", runs)[:2] == (0, store)
    assert [run.to_dictionary() for run in list_runs(store)] == before
    by_name = {run.info.run_name: run for run in list_runs(store)}
    assert set(by_name) == {"a", "b"}
    run, client = by_name["a"], MlflowClient(store)
    assert (run.info.status, run.info.start_time, run.info.end_time) == ("FINISHED", 97_500, 100_000)
    assert run.data.params == {"classifier": "svm", "with.classifier.estimator.C": "3", "with.list": "[1, 2]"}
    assert {"accuracy": 0.5, "accuracy_leak": 0.1, "fit_seconds": 2.5, "n_clips": 4}.items() <= run.data.metrics.items()
    history = client.get_metric_history(run.info.run_id, "fold_accuracy")
    assert {metric.step: metric.value for metric in history} == {0: 0.25, 1: 0.75}
    assert run.data.tags["data.mfcc.md5"] == "x"
    assert run.data.tags["mlflow.user"] == getpass.getuser()
    assert json.loads(run.data.tags["mlflow.loggedArtifacts"]) == [{"path": "table.json", "type": "table"}]
    (logged,) = run.inputs.dataset_inputs
    assert logged.dataset == dataset
    assert [(tag.key, tag.value) for tag in logged.tags] == [("mlflow.data.context", "training")]
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"files", "table.json"}
    assert [file.path for file in client.list_artifacts(run.info.run_id, "files")] == ["files/a.csv"]


def test_accuracy_is_the_first_metric_and_what_belongs_to_it_follows(store: str, folder: Path) -> None:
    from regenre.reporting.tracking import log_runs

    log_runs("d", [make_run(folder, rank={"accuracy_honest": 0.5, "accuracy_leak": 0.1})])
    (run,) = list_runs(store)
    assert list(run.data.metrics)[:3] == ["accuracy", "accuracy_honest", "accuracy_leak"]


def test_the_link_opens_a_view_that_is_in_the_store(store: str, folder: Path) -> None:
    from mlflow import MlflowClient

    from regenre.reporting.tracking import list_links, log_runs

    _, _, link = log_runs("d", [make_run(folder)])
    experiment = MlflowClient(store).get_experiment_by_name("d")
    base = store if store.startswith("http") else "http://127.0.0.1:5000"
    assert link.startswith(f"{base}/#/experiments/{experiment.experiment_id}/runs?workflowType=machine_learning&")
    view = json.loads(experiment.tags[f"mlflow.sharedViewState.{link.rpartition('=')[2]}"])
    assert view["orderByKey"] == "metrics.`accuracy_honest`"
    assert view["selectedColumns"][0] == "metrics.`accuracy`"
    assert link in list_links()


def test_an_experiment_of_an_earlier_version_gets_the_view(store: str, folder: Path) -> None:
    from mlflow import MlflowClient

    from regenre.reporting.tracking import list_links, log_runs

    experiment_id = MlflowClient(store).create_experiment("d")
    assert not [link for link in list_links() if f"/{experiment_id}/" in link]
    _, _, link = log_runs("d", [make_run(folder)])
    assert f"/{experiment_id}/" in link
    assert link in list_links()


def test_a_run_has_more_parameters_than_a_server_takes_at_once(store: str, folder: Path) -> None:
    from regenre.reporting.tracking import log_runs

    params = {f"with.p{number}": str(number) for number in range(201)}
    log_runs("d", [make_run(folder, params=params)])
    (run,) = list_runs(store)
    assert run.data.params == params


def test_a_changed_cell_is_a_new_run_beside_the_old(store: str, folder: Path) -> None:
    from regenre.reporting.tracking import log_runs

    log_runs("d", [make_run(folder)])
    assert log_runs("d", [make_run(folder, metrics={"accuracy": 0.6})])[0] == 1
    assert sorted(run.data.metrics["accuracy"] for run in list_runs(store)) == [0.5, 0.6]


def test_a_cell_that_was_only_fitted_again_is_the_same_run(store: str, folder: Path) -> None:
    from regenre.reporting.tracking import log_runs

    log_runs("d", [make_run(folder)])
    assert log_runs("d", [make_run(folder, ended=200.0, seconds=3.0)])[0] == 0
    (run,) = list_runs(store)
    assert run.info.end_time == 100_000


def test_a_run_shows_the_leak_of_the_newest_grid(store: str, folder: Path) -> None:
    from regenre.reporting.tracking import log_runs

    log_runs("d", [make_run(folder)])
    assert log_runs("d", [make_run(folder, rank={"accuracy_leak": 0.2, "accuracy_honest": 0.5})])[0] == 0
    (run,) = list_runs(store)
    assert {"accuracy_leak": 0.2, "accuracy_honest": 0.5}.items() <= run.data.metrics.items()
    assert (run.info.status, run.info.end_time) == ("FINISHED", 100_000)


def test_an_unfinished_run_is_replaced(store: str, folder: Path, monkeypatch) -> None:
    from mlflow import MlflowClient

    from regenre.reporting.tracking import log_runs

    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "log_artifacts", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            log_runs("d", [make_run(folder)])
    assert [run.info.status for run in list_runs(store)] == ["RUNNING"]
    log_runs("d", [make_run(folder)])
    assert [run.info.status for run in list_runs(store)] == ["FINISHED"]


def test_another_store_is_filled_again(store: str, folder: Path, monkeypatch) -> None:
    from regenre.reporting.tracking import log_runs

    log_runs("d", [make_run(folder)])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/other.db")
    assert log_runs("d", [make_run(folder)])[0] == 1


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
    assert log_runs("d", [make_run(workspace)])[:2] == (1, store)
    (run,) = list_runs(store)
    assert run.data.tags["dvc.experiment"] == "lusty-mage"
    assert run.info.artifact_uri.startswith((tmp_path / "project/mlruns").as_uri())


def test_the_first_overview_keeps_its_cells_and_the_next_lists_all_of_its_own(store: str, folder: Path) -> None:
    from mlflow import MlflowClient

    from regenre.reporting.tracking import log_runs

    a, b, c = (make_run(folder, name) for name in "abc")
    assert log_runs("d", [a, b], make_run(folder, "overview 1"))[0] == 2
    for n_logged in (1, 0):
        assert log_runs("d", [a, c], make_run(folder, "overview 2"))[0] == n_logged
    by_name = {run.info.run_name: run for run in list_runs(store)}
    ids = {name: run.info.run_id for name, run in by_name.items()}
    assert set(by_name) == {"a", "b", "c", "overview 1", "overview 2"}
    assert {name: run.data.tags.get("mlflow.parentRunId") for name, run in by_name.items()} == {
        "a": ids["overview 1"], "b": ids["overview 1"], "c": ids["overview 2"], "overview 1": None, "overview 2": None,
    }  # fmt: skip
    for overview, names in (("overview 1", "ab"), ("overview 2", "ac")):
        path = MlflowClient(store).download_artifacts(ids[overview], "cells.json", str(folder))
        table = json.loads(Path(path).read_text())
        rows = pd.DataFrame(table["data"], columns=table["columns"])
        assert dict(zip(rows["run"], rows["run_id"], strict=True)) == {name: ids[name] for name in names}


def test_cells_of_a_deleted_overview_become_the_children_of_the_next(store: str, folder: Path) -> None:
    from mlflow import MlflowClient

    from regenre.reporting.tracking import log_runs

    log_runs("d", [make_run(folder)], make_run(folder, "overview 1"))
    deleted = next(run.info.run_id for run in list_runs(store) if run.info.run_name == "overview 1")
    MlflowClient(store).delete_run(deleted)
    log_runs("d", [make_run(folder)], make_run(folder, "overview 2"))
    by_name = {run.info.run_name: run for run in list_runs(store)}
    assert by_name["a"].data.tags["mlflow.parentRunId"] == by_name["overview 2"].info.run_id


def test_registering_leaves_the_run_as_it_was(store: str, folder: Path) -> None:
    import mlflow
    from mlflow import MlflowClient

    from regenre.reporting.tracking import log_runs, register_model

    cell = folder / "cell"
    cell.mkdir()
    (cell / "cell.json").write_text("{}")
    run = make_run(folder)
    log_runs("d", [run], make_run(folder, "overview"))
    before = {logged.info.run_id: logged.to_dictionary() for logged in list_runs(store)}
    name = f"model of {folder.name}"
    example, answer = pd.DataFrame([{"path": "a.wav"}]), pd.DataFrame([{"predicted": "blues"}])
    for _ in range(2):  # the second time it is there already
        assert register_model(cell, name, run, example, answer, {"numpy": "2.0"}) == (1, store)
    client, after = MlflowClient(store), {logged.info.run_id: logged for logged in list_runs(store)}
    assert set(after) == set(before)
    for run_id, logged in after.items():
        assert {key: logged.to_dictionary()[key] for key in ("info", "data")} == {
            key: before[run_id][key] for key in ("info", "data")
        }
    version = client.get_model_version(name, "1")
    (output,) = after[version.run_id].outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert version.source in (model.artifact_location, model.model_uri)
    signature = mlflow.models.get_model_info(f"models:/{name}/1").signature
    assert signature.inputs.input_names() == ["path", "samples", "sr", "text"]
    assert signature.outputs.input_names() == ["predicted"]


@pytest.fixture
def cell_folder(folder: Path) -> Path:
    """Folder of a cell on disk, with the figure and the card that its run shows."""
    cell = folder / "grouped_kfold-mfcc-knn"
    plan = make_plan(classifier={"estimator": {"metric": "cosine"}, "long": "x" * 101})
    searches = [Search(0, {"n_neighbors": 3}, 0.5, [], []), Search(None, {"n_neighbors": 5}, 0.5, [], [])]
    Cell(plan, "f00", searches, {}).write(cell, make_predictions(), b"model")
    (folder / "figure.svg").write_bytes(b"<svg/>")
    (folder / "card.md").write_text("# card\n")
    return cell


@pytest.fixture
def reports(folder: Path) -> "Tables":
    """Tables of a grid of one cell under two splits."""
    from regenre.reporting.tracking import Tables

    scores = metrics.score(make_predictions(), 0)
    names = {name: {"dataset": "d", **name.columns} for name in (HONEST, RANDOM)}
    genres = [scores.genres.assign(**columns) for columns in names.values()]
    leak = {**RANDOM.columns, "honest_split": HONEST.split, "leak": 0.125}
    tables.write_csv(folder / "summary.csv", pd.DataFrame([columns | scores.cell for columns in names.values()]))
    tables.write_csv(folder / "per_genre.csv", pd.concat(genres))
    tables.write_csv(folder / "leak.csv", pd.DataFrame([leak]))
    stress = {"deformation": ["none", "tilt_6", "my hiss!", "worst_case"], "accuracy": [0.75, 0.5, 0.25, 0.125]}
    tables.write_csv(folder / "stress.csv", pd.DataFrame(stress).assign(**HONEST.columns))
    return Tables.read(folder)


def describe(cell_folder: Path, reports: "Tables", kind: str = "grid") -> "Run":
    from regenre.reporting.tracking import describe_cell

    figure, card = cell_folder.parent / "figure.svg", cell_folder.parent / "card.md"
    return describe_cell(TestedCell.read(cell_folder), cell_folder, reports, figure, card, 0, kind)


def test_the_run_of_a_cell_shows_its_settings_scores_and_files(cell_folder: Path, reports: "Tables") -> None:
    run = describe(cell_folder, reports)
    names = {"dataset": "d", "split": "grouped_kfold", "features": "mfcc", "classifier": "knn"}
    assert run.name == "grouped_kfold-mfcc-knn"
    assert run.tags == names | {"kind": "grid", "data.index.md5": "def", "data.mfcc.md5": "abc"}
    assert names.items() <= run.params.items()
    assert all(name in names or name.startswith("with.") for name in run.params)
    assert run.params["with.classifier.estimator.metric"] == "cosine"
    assert run.params["with.family.mfcc.n"] == "13"
    assert run.params["with.audio.sr"] == "22050"
    assert run.params["with.seed"] == "1"
    assert "with.classifier.long" not in run.params
    settings = json.loads(run.texts["settings.json"])
    assert settings["classifier"]["long"] == "x" * 101
    assert settings["chosen"] == {"0": {"n_neighbors": 3}, "model": {"n_neighbors": 5}}
    scores = metrics.score(make_predictions(), 0).cell
    assert run.metrics == pytest.approx(scores, abs=1e-6)
    changes = {"stress/tilt_6": 0.5, "stress/my hiss:21:": 0.25, "stress/worst_case": 0.125}
    assert run.rank == {"accuracy_honest": run.metrics["accuracy"], "accuracy_leak": 0.125, **changes}
    assert {name: path.name for name, path in run.artifacts.items()} == {
        "cell.json": "cell.json", "card.md": "card.md", "figures/confusion.svg": "figure.svg",
    }  # fmt: skip
    assert run.note == "# card\n"
    assert {name: list(table)[:2] for name, table in run.tables.items()} == {
        "per_genre.json": ["genre", "f1"], "predictions.json": ["clip_id", "predicted"],
    }  # fmt: skip
    assert len(run.tables["predictions.json"]) == len(make_predictions())
    assert run.dataset
    assert (run.dataset.name, run.dataset.digest) == ("d", "def")


def test_a_swept_cell_has_the_same_scores_and_no_place_in_the_grid(cell_folder: Path, reports: "Tables") -> None:
    run, swept = describe(cell_folder, reports), describe(cell_folder, reports, "sweep")
    assert swept.metrics == pytest.approx(run.metrics, abs=1e-5)  # reports have six decimals
    assert list(swept.tables["per_genre.json"]) == list(run.tables["per_genre.json"])
    assert swept.rank == {}


def test_the_leak_is_that_of_the_split_and_of_the_random_split_for_the_honest_one(reports: "Tables") -> None:
    assert reports.rank(RANDOM, 0.75) == {"accuracy_leak": 0.125}
    assert reports.rank(replace(HONEST, classifier="lda"), 0.5) == {"accuracy_honest": 0.5}


def test_a_cell_that_the_reports_lack_is_one_line(cell_folder: Path, reports: "Tables") -> None:
    with pytest.raises(UserError, match=r"summary\.csv: a row of grouped_kfold-mfcc-knn expected, none found"):
        describe(cell_folder, replace(reports, summary=reports.summary.iloc[1:]))


def test_a_run_lasts_as_long_as_the_fits_where_that_is_known(cell_folder: Path, reports: "Tables") -> None:
    run = describe(cell_folder, reports)
    assert (run.ended, run.seconds) == ((cell_folder / "cell.json").stat().st_mtime, None)
    Fit(1000.0, 2.5).write("f00")
    again = describe(cell_folder, reports)
    assert (again.ended, again.seconds) == (1000.0, 2.5)
    assert again.digest == run.digest


def test_pieces_of_clips_are_another_dataset(cell_folder: Path, reports: "Tables") -> None:
    predictions = make_predictions()
    pieces = predictions.assign(clip_id=predictions["clip_id"] + "#0")
    tables.write_predictions(cell_folder / "predictions.csv", pieces)
    run = describe(cell_folder, reports)
    assert run.dataset
    assert run.dataset.name == "d pieces"


def test_the_digest_of_a_run_depends_on_its_files(cell_folder: Path, reports: "Tables") -> None:
    before = describe(cell_folder, reports).digest
    assert describe(cell_folder, reports).digest == before
    (cell_folder.parent / "figure.svg").write_bytes(b"another")
    assert describe(cell_folder, reports).digest != before


def test_flat_settings_have_dots_and_short_values() -> None:
    from regenre.reporting.tracking import flatten

    assert flatten({"a": {"b": {"c": 1}}, "d": [1, {"e": 2}]}, "z.") == {"z.a.b.c": "1", "z.d": "[1, {'e': 2}]"}
    assert flatten({"a": "x" * 101, "b": "x" * 100}) == {"b": "x" * 100}


@pytest.mark.parametrize("half", [b"", b"table"])
def test_a_store_that_was_left_half_made_is_made_again(folder: Path, monkeypatch, half: bytes) -> None:
    """As a kill or a full disk leaves it: no tables, or tables that MLflow then refuses to make."""
    from regenre.reporting.tracking import STORE, log_runs

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    path = folder / STORE
    if half:
        with closing(sqlite3.connect(path)) as database:
            database.execute("create table experiments (experiment_id integer)")
    else:
        path.touch()
    assert log_runs("d", [make_run(folder)])[0] == 1
    assert log_runs("d", [make_run(folder)])[0] == 0
    assert not list(folder.glob(".*.tmp*"))


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://127.0.0.1:9", "http://127.0.0.1:9"),
        ("http://me:secret@127.0.0.1:9", "http://me:***@127.0.0.1:9"),
        ("nonsense:x", "nonsense:x"),
    ],
)
def test_a_store_that_does_not_answer_is_one_line(folder: Path, monkeypatch, uri: str, shown: str) -> None:
    from regenre.reporting.tracking import log_runs

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(UserError, match=r"^MLFLOW_TRACKING_URI: a store of MLflow that answers expected at") as caught:
        log_runs("d", [make_run(folder)])
    assert f" at {shown}, but " in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_a_database_that_does_not_answer_is_tried_once(folder: Path, monkeypatch) -> None:
    """There is no driver here, so the engine is one of another database, whose folder is missing."""
    from mlflow.store.db.utils import create_sqlalchemy_engine

    from regenre.reporting import tracking

    tries = []

    def connect_elsewhere(uri: str) -> Any:
        tries.append(uri)
        return create_sqlalchemy_engine(f"sqlite:///{folder}/missing/store.db")

    monkeypatch.setattr(tracking, "create_sqlalchemy_engine", connect_elsewhere)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri := "postgresql+psycopg://me:secret@db.example/mlflow")
    message = r"expected at postgresql\+psycopg://me:\*\*\*@db.example/mlflow, but .*unable to open database file"
    with pytest.raises(UserError, match=message):
        tracking.log_runs("d", [make_run(folder)])
    assert tries == [uri]
    assert tracking.describe_store() == "postgresql+psycopg://me:***@db.example/mlflow"
