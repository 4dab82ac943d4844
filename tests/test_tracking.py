from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch) -> str:
    uri = f"sqlite:///{tmp_path}/store.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tmp_path)
    return uri


def cell(folder: Path, name: str = "a", accuracy: float = 0.5):
    from regenre.tracking import Cell, flattened

    predictions = folder / f"{name}.csv"
    predictions.write_text(f"{name}\n")
    params = {"classifier": "svm"} | flattened({"classifier": {"estimator": {"C": 3}}, "list": [1, 2]})
    scores = {"accuracy": accuracy, "f1.blues": 0.25}
    return Cell(
        name, params, scores, {"split": "grouped_kfold", "data.mfcc.md5": "x"}, {predictions: "files"}, "# note"
    )


def runs(store: str) -> list:
    from mlflow import MlflowClient

    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("d")
    return client.search_runs([experiment.experiment_id])


def test_a_run_shows_everything_and_none_comes_twice(store: str, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    from regenre.tracking import track

    cells = [cell(tmp_path, "a"), cell(tmp_path, "b")]
    assert track("d", cells) == (2, store)
    assert track("d", cells) == (0, store)
    found = {run.info.run_name: run for run in runs(store)}
    assert set(found) == {"a", "b"}
    run = found["a"]
    assert run.info.status == "FINISHED"
    assert run.data.params == {"classifier": "svm", "classifier.estimator.C": "3", "list": "[1, 2]"}
    assert run.data.metrics == {"accuracy": 0.5, "f1.blues": 0.25}
    assert run.data.tags["data.mfcc.md5"] == "x"
    assert [file.path for file in MlflowClient(store).list_artifacts(run.info.run_id, "files")] == ["files/a.csv"]


def test_a_changed_cell_is_a_new_run_beside_the_old(store: str, tmp_path: Path) -> None:
    from regenre.tracking import track

    track("d", [cell(tmp_path)])
    assert track("d", [cell(tmp_path, accuracy=0.6)])[0] == 1
    assert sorted(run.data.metrics["accuracy"] for run in runs(store)) == [0.5, 0.6]


def test_a_run_that_died_half_way_is_replaced(store: str, tmp_path: Path, monkeypatch) -> None:
    from mlflow import MlflowClient

    from regenre.tracking import track

    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "log_artifact", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            track("d", [cell(tmp_path)])
    assert [run.info.status for run in runs(store)] == ["RUNNING"]
    track("d", [cell(tmp_path)])
    assert [run.info.status for run in runs(store)] == ["FINISHED"]


def test_another_store_is_filled_anew(store: str, tmp_path: Path, monkeypatch) -> None:
    from regenre.tracking import track

    track("d", [cell(tmp_path)])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    assert track("d", [cell(tmp_path)])[0] == 1


def test_an_experiment_in_a_workspace_of_dvc_logs_to_the_projects_own_store(tmp_path: Path, monkeypatch) -> None:
    from regenre.tracking import track

    workspace = tmp_path / "project/.dvc/tmp/exps/tmpabc"
    workspace.mkdir(parents=True)
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_EXP_NAME", "lusty-mage")
    store = f"sqlite:///{tmp_path}/project/mlflow.db"
    assert track("d", [cell(workspace)]) == (1, store)
    (run,) = runs(store)
    assert run.data.tags["dvc.experiment"] == "lusty-mage"
    assert run.info.artifact_uri.startswith((tmp_path / "project/mlruns").as_uri())


def test_the_newest_overview_is_the_parent_of_its_cells(store: str, tmp_path: Path) -> None:
    from regenre.tracking import track

    a, b = cell(tmp_path, "a"), cell(tmp_path, "b")
    assert track("d", [a], cell(tmp_path, "overview 1"))[0] == 1
    assert track("d", [a, b], cell(tmp_path, "overview 2"))[0] == 1
    assert track("d", [a, b], cell(tmp_path, "overview 2"))[0] == 0
    found = {run.info.run_name: run for run in runs(store)}
    assert set(found) == {"a", "b", "overview 1", "overview 2"}
    parents = {name: run.data.tags.get("mlflow.parentRunId") for name, run in found.items()}
    second = found["overview 2"].info.run_id
    assert parents == {"a": second, "b": second, "overview 1": None, "overview 2": None}
