"""Cells -> MLflow runs, and models in MLflow's registry.

Files are the truth and MLflow is a view of them. The tag `regenre.digest` of a run is the digest of what it shows, so
logging again makes no duplicate and an empty store is filled again. A run that an earlier attempt left unfinished is
replaced.
"""

import contextlib
import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from filelock import FileLock
from mlflow import MlflowClient, entities
from mlflow.entities import Metric, Param, RunTag
from mlflow.models import ModelSignature, infer_signature
from mlflow.types.schema import Array, ColSpec, DataType, Schema
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE
from tqdm import tqdm

from regenre import paths, records
from regenre.errors import UserError
from regenre.evaluation import metrics
from regenre.evaluation.grid import TestedCell, read_summary, select_best
from regenre.files import clear_leftovers, write_atomically
from regenre.learning.cells import Cell
from regenre.paths import CellName
from regenre.reporting.escaping import name_metric

STORE = "mlflow.db"
VERSION = "alembic_version"  # the table that MLflow fills last
DIGEST = "regenre.digest"
KIND = {"mlflow.experimentKind": "custom_model_development"}  # the UI then opens on runs and their metrics
_INPUTS = Schema(
    [
        ColSpec(DataType.string, "path", required=False),
        ColSpec(Array(DataType.double), "samples", required=False),
        ColSpec(DataType.long, "sr", required=False),
        ColSpec(DataType.string, "text", required=False),
    ]
)
_LONGEST_PARAM = 500
_LONGEST_TAG = 8000


@dataclass(frozen=True)
class Run:
    """What one run shows.

    Attributes
    ----------
    name : the cell's name
    params : resolved configuration, flat (`flatten`)
    metrics : flat scores; MLflow shows their names as `escaping.name_metric` writes them
    tags : names of dataset, split, features, classifier, and digests of the data
    artifacts : file -> folder in the run
    note : Markdown that the run's page shows
    """

    name: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    artifacts: dict[Path, str]
    note: str

    @property
    def digest(self) -> str:
        """MD5 of configuration, scores, tags, note and artifacts."""
        content = json.dumps([self.name, self.params, self.metrics, self.tags, self.note], sort_keys=True).encode()
        return md5(
            b"".join([content, *(path.read_bytes() for path in sorted(self.artifacts))]), usedforsecurity=False
        ).hexdigest()


def log_runs(experiment: str, runs: list[Run], overview: Run | None = None) -> tuple[int, str]:
    """Log the runs that the store does not have yet.

    Parameters
    ----------
    overview : of all cells together; it becomes the parent of all runs, also of those that were logged before

    Returns
    -------
    number of runs logged, and the store's URI (`MLFLOW_TRACKING_URI`, or sqlite at the project's root)
    """
    with _open_store(paths.find_home()) as (client, uri, artifacts):
        experiment_id = _find_experiment(client, experiment, artifacts)
        finished = _list_finished(client, experiment_id)
        missing = [run for run in runs if run.digest not in finished]
        source = _describe_source()
        for run in tqdm(missing, desc="track", unit=" cells", disable=None):
            finished[run.digest] = _log_run(client, experiment_id, run, source)
        if overview:
            if overview.digest not in finished:
                finished[overview.digest] = _log_run(client, experiment_id, overview, source)
            parent = finished[overview.digest].info.run_id
            for run in runs:
                logged = finished[run.digest]
                if logged.data.tags.get(MLFLOW_PARENT_RUN_ID) != parent:
                    client.set_tag(logged.info.run_id, MLFLOW_PARENT_RUN_ID, parent)
    return len(missing), uri


def register_model(
    folder: Path, name: str, run: Run, example: pd.DataFrame, answer: pd.DataFrame, requirements: Mapping[str, str]
) -> tuple[int, str]:
    """Put a cell's model into the registry and log it to the cell's run; a second call changes nothing.

    The model is the cell's folder and the name of the module that reads it
    (`regenre.inference.mlflow_model`): no code, no pickle.

    Parameters
    ----------
    folder : of the cell
    name : of the registered model
    run : what the cell's run shows
    example, answer : one row of input, and the model's output for it
    requirements : library -> version

    Returns
    -------
    version, and the store's URI
    """
    with _open_store(paths.find_home()) as (client, uri, artifacts):
        experiment_id = _find_experiment(client, run.tags["dataset"], artifacts)
        for registered in client.search_model_versions(f"name = '{name}'"):
            if registered.tags.get(DIGEST) == run.digest:
                return int(registered.version), uri
        logged = _list_finished(client, experiment_id).get(run.digest)
        logged = logged or _log_run(client, experiment_id, run, _describe_source())
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(uri)
        try:
            with mlflow.start_run(run_id=logged.info.run_id):
                model = mlflow.pyfunc.log_model(
                    name="model",
                    loader_module="regenre.inference.mlflow_model",
                    data_path=str(folder),
                    signature=ModelSignature(_INPUTS, infer_signature(model_output=answer).outputs),
                    input_example=example,
                    pip_requirements=[f"{library}=={number}" for library, number in requirements.items()],
                )
            registered = mlflow.register_model(model.model_uri, name, tags={DIGEST: run.digest, **run.tags})
            client.update_model_version(name, registered.version, description=run.note)
        finally:
            mlflow.set_tracking_uri(before)
        return int(registered.version), uri


@contextlib.contextmanager
def _open_store(root: Path) -> Iterator[tuple[MlflowClient, str, str | None]]:
    """Yield the store's client, its URI, and where artifacts go (None: the store decides), one process at a time."""
    if server := os.environ.get("MLFLOW_TRACKING_URI"):
        yield MlflowClient(server), server, None
        return
    uri = _name_store(root / STORE)
    with FileLock(root / f"{STORE}.lock"):
        _make_store(root / STORE)
        yield MlflowClient(uri), uri, (root / "mlruns").as_uri()


def _name_store(path: Path) -> str:
    """Return the URI of a database, with what SQLAlchemy would read as more than a path escaped."""
    return f"sqlite:///{str(path).replace('%', '%25').replace('?', '%3F')}"


def _make_store(path: Path) -> None:
    """Make the database under a temporary name: MLflow can neither use nor mend one that was left half-made."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        try:
            names = {name for (name,) in database.execute("select name from sqlite_master")}
            if VERSION in names and database.execute(f"select * from {VERSION}").fetchone():
                return
        except sqlite3.DatabaseError as error:
            raise UserError(f"{path}: MLflow's database expected, but {error}; move it away and run again") from error
    with clear_leftovers([path]):
        write_atomically(path, lambda temporary: MlflowClient(_name_store(temporary)).search_experiments())


def describe_cell(tested: TestedCell, folder: Path, figure: Path, card: Path, seed: int, kind: str) -> Run:
    """Return what the run of a cell shows.

    Parameters
    ----------
    folder : of the cell
    figure, card : its confusion matrix, its model card
    seed : of the intervals
    kind : "grid" or "sweep"
    """
    plan, predictions = tested.cell.plan, tested.predictions
    genres = metrics.score_genres(predictions, seed).to_dict("records")
    per_genre = {
        f"{score}.{row['genre']}": float(row[score])
        for row in genres
        for score in metrics.PER_GENRE
        if pd.notna(row[score])
    }
    names = {"dataset": plan.dataset, **plan.name.columns}
    return Run(
        name=folder.name,
        params=names | flatten(_list_settings(tested.cell)),
        metrics={**metrics.score(predictions, seed), **per_genre},
        tags=names | {"kind": kind} | {f"data.{key}.md5": md5_of_data for key, md5_of_data in plan.md5.items()},
        artifacts={folder / name: "" for name in ("predictions.csv", "cell.json")} | {card: "", figure: "figures"},
        note=card.read_text(encoding="utf-8"),
    )


def describe_overview(dataset: str, grid: Mapping[str, Any], reports: Path) -> Run:
    """Return what the run above all cells shows: the reports' tables, figures and page.

    Parameters
    ----------
    grid : content of params.yaml
    reports : folder of the reports
    """
    best = select_best(read_summary(reports / "summary.csv"))
    files = {path: "" for pattern in ("*.csv", "*.md", "*.json", "*.html") for path in reports.glob(pattern)}
    figures = dict.fromkeys((reports / "figures").glob("*.png"), "figures")
    return Run(
        name=f"overview of {dataset}",
        params=flatten({"grid": grid}),
        metrics={score: float(best[score]) for score in metrics.SCORES} | {"n_clips": float(best["n_clips"])},
        tags={"dataset": dataset, "kind": "overview", "best": str(CellName.read_row(best.to_dict()))},
        artifacts=files | figures,
        note=(reports / "summary.md").read_text(encoding="utf-8"),
    )


def _list_settings(cell: Cell) -> dict[str, Any]:
    """Return the settings that decide a cell, nested as in conf/."""
    plan = records.convert_to_plain(cell.plan)
    features = plan["features"]
    chosen = {
        "model" if search.fold is None else str(search.fold): str(search.chosen)
        for search in cell.searches
        if search.chosen
    }
    shared = {name: value for name, value in features.items() if name != "families" and value is not None}
    return {
        "family": {name: family["settings"] for name, family in features["families"].items()},
        **{name: plan[name] for name in ("seed", "search", "split", "classifier")},
        **shared,
        **({"chosen": chosen} if chosen else {}),
    }


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested mappings as `a.b.c` -> text; lists stay whole."""
    flat: dict[str, str] = {}
    for key, value in config.items():
        flat |= (
            flatten(value, f"{prefix}{key}.")
            if isinstance(value, Mapping)
            else {prefix + key: str(value)[:_LONGEST_PARAM]}
        )
    return flat


def _find_experiment(client: MlflowClient, name: str, artifacts: str | None) -> str:
    experiment = client.get_experiment_by_name(name)
    return experiment.experiment_id if experiment else client.create_experiment(name, artifacts, tags=KIND)


def _list_finished(client: MlflowClient, experiment_id: str) -> dict[str, entities.Run]:
    """Return the finished runs by digest; delete unfinished runs."""
    digests, token = {}, None
    while True:
        page = client.search_runs([experiment_id], f"tags.`{DIGEST}` != ''", page_token=token)
        for run in page:
            if run.info.status == "FINISHED":
                digests[run.data.tags[DIGEST]] = run
            else:
                client.delete_run(run.info.run_id)
        token = page.token
        if not token:
            return digests


def _log_run(client: MlflowClient, experiment_id: str, run: Run, source: dict[str, str]) -> entities.Run:
    names = {name_metric(name): value for name, value in run.tags.items()}
    tags = {**names, **source, DIGEST: run.digest, "mlflow.source.name": f"train@{run.name}"}
    logged = client.create_run(experiment_id, run_name=run.name, tags=tags)
    run_id = logged.info.run_id
    now = int(time.time() * 1000)
    scores = [Metric(name_metric(name), value, now, 0) for name, value in run.metrics.items()]
    params = [Param(name_metric(name), value) for name, value in run.params.items()]
    client.log_batch(run_id, scores, params, [RunTag(MLFLOW_RUN_NOTE, run.note[:_LONGEST_TAG])])
    for path, folder in run.artifacts.items():
        client.log_artifact(run_id, str(path), folder)
    client.set_terminated(run_id)
    return logged


def _describe_source() -> dict[str, str]:
    """Return the git commit of the files, and the DVC experiment that made them if there is one."""
    experiment = {"dvc.experiment": os.environ["DVC_EXP_NAME"]} if os.environ.get("DVC_EXP_NAME") else {}
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return experiment
    return experiment | {"mlflow.source.git.commit": commit, "git.changed_files": str(len(changed.splitlines()))}
