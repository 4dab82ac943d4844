"""Cells -> MLflow runs, and models in its registry. The only importer of mlflow.

Files are the truth and MLflow is a view of them: a run is recognised by the digest of what it shows
(tag `regenre.digest`), so logging again makes no duplicate and an empty store is filled anew. A run
that an earlier attempt left unfinished is replaced.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import md5
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.models import ModelSignature, infer_signature
from mlflow.types.schema import Array, ColSpec, DataType, Schema
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE
from tqdm import tqdm

from regenre import cells, metrics, tables

STORE = "mlflow.db"
EXPERIMENTS = ".dvc/tmp/exps"  # where DVC makes workspaces for queued experiments, which it deletes
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
class Cell:
    """What one run shows.

    Attributes
    ----------
    name : the cell's name
    params : resolved configuration, flat (`flattened`)
    metrics : flat scores
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
        said = json.dumps([self.name, self.params, self.metrics, self.tags, self.note], sort_keys=True).encode()
        return md5(
            b"".join([said, *(path.read_bytes() for path in sorted(self.artifacts))]), usedforsecurity=False
        ).hexdigest()


def track(experiment: str, found: list[Cell], overview: Cell | None = None) -> tuple[int, str]:
    """Log the cells that the store does not have yet.

    Parameters
    ----------
    overview : of all cells together; its run becomes the parent of theirs, of those that were there before too

    Returns
    -------
    number of runs logged, and the store's URI (`MLFLOW_TRACKING_URI`, or sqlite at the project's root)
    """
    with _store(Path.cwd()) as (client, uri, artifacts):
        experiment_id = _experiment(client, experiment, artifacts)
        finished = _finished(client, experiment_id)
        missing = [cell for cell in found if cell.digest not in finished]
        source = _source()
        for cell in tqdm(missing, desc="track", unit=" cells", disable=None):
            finished[cell.digest] = _log(client, experiment_id, cell, source)
        if overview:
            if overview.digest not in finished:
                finished[overview.digest] = _log(client, experiment_id, overview, source)
            parent = finished[overview.digest].info.run_id
            for cell in found:
                run = finished[cell.digest]
                if run.data.tags.get(MLFLOW_PARENT_RUN_ID) != parent:
                    client.set_tag(run.info.run_id, MLFLOW_PARENT_RUN_ID, parent)
    return len(missing), uri


def register(
    folder: Path, name: str, cell: Cell, example: pd.DataFrame, answer: pd.DataFrame, root: Path
) -> tuple[int, str]:
    """Put a cell's model into the registry, logged to the cell's run; once, however often it is asked for.

    The model is the cell's folder and the name of the module that reads it, `regenre.serving`: no code, no pickle.

    Parameters
    ----------
    folder : of the cell
    name : of the registered model
    cell : what its run shows
    example, answer : one row that the model can be given, and what it yields
    root : of the project

    Returns
    -------
    version, and the store's URI
    """
    with _store(root) as (client, uri, artifacts):
        experiment_id = _experiment(client, cell.tags["dataset"], artifacts)
        for made in client.search_model_versions(f"name = '{name}'"):
            if made.tags.get(DIGEST) == cell.digest:
                return int(made.version), uri
        run = _finished(client, experiment_id).get(cell.digest) or _log(client, experiment_id, cell, _source())
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(uri)
        try:
            with mlflow.start_run(run_id=run.info.run_id):
                logged = mlflow.pyfunc.log_model(
                    name="model",
                    loader_module="regenre.serving",
                    data_path=str(folder),
                    signature=ModelSignature(_INPUTS, infer_signature(model_output=answer).outputs),
                    input_example=example,
                    pip_requirements=[f"{library}=={version(library)}" for library in ("regenre", *cells.LIBRARIES)],
                )
            made = mlflow.register_model(logged.model_uri, name, tags={DIGEST: cell.digest, **cell.tags})
            client.update_model_version(name, made.version, description=cell.note)
        finally:
            mlflow.set_tracking_uri(before)
        return int(made.version), uri


@contextlib.contextmanager
def _store(folder: Path) -> Iterator[tuple[MlflowClient, str, str | None]]:
    """The store's client and URI, and where artifacts go (None: the store knows); queued experiments take turns."""
    given, root = os.environ.get("MLFLOW_TRACKING_URI"), _root(folder.absolute())
    if given:
        yield MlflowClient(given), given, None
        return
    uri = f"sqlite:///{root / STORE}"
    with FileLock(root / f"{STORE}.lock"):
        yield MlflowClient(uri), uri, (root / "mlruns").as_uri()


def shown(folder: Path, figure: Path, seed: int, kind: str) -> Cell:
    """What the run of a cell shows.

    Parameters
    ----------
    folder : of the cell
    figure : its confusion matrix
    kind : "grid" or "sweep"
    """
    content, predictions = cells.read(folder), tables.read_predictions(folder / "predictions.csv")
    genres = metrics.score_genres(predictions, seed).to_dict("records")
    per_genre = {
        f"{score}.{row['genre']}": float(row[score])
        for row in genres
        for score in metrics.PER_GENRE
        if pd.notna(row[score])
    }
    chosen = {str(entry["fold"]): str(entry["chosen"]) for entry in content["search"] if entry["chosen"]}
    settings = {
        "family": content["config"].pop("families"),
        **content["config"],
        **({"chosen": chosen} if chosen else {}),
    }
    return Cell(
        name=folder.name,
        params=content["names"] | flattened(settings),
        metrics={**metrics.score(predictions, seed), **per_genre},
        tags=content["names"] | {"kind": kind} | {f"data.{key}.md5": md5 for key, md5 in content["md5"].items()},
        artifacts={folder / name: "" for name in ("predictions.csv", "cell.json", "card.md")} | {figure: "figures"},
        note=(folder / "card.md").read_text(encoding="utf-8"),
    )


def flattened(config: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings as `a.b.c` -> text; lists stay whole."""
    flat: dict[str, str] = {}
    for key, value in config.items():
        flat |= (
            flattened(value, f"{prefix}{key}.")
            if isinstance(value, dict)
            else {prefix + key: str(value)[:_LONGEST_PARAM]}
        )
    return flat


def _root(folder: Path) -> Path:
    """The project's root, also seen from a workspace that DVC made for a queued experiment."""
    workspaces = [parent for parent in folder.parents if parent.as_posix().endswith(EXPERIMENTS)]
    return workspaces[-1].parents[EXPERIMENTS.count("/")] if workspaces else folder


def _experiment(client: MlflowClient, name: str, artifacts: str | None) -> str:
    found = client.get_experiment_by_name(name)
    return found.experiment_id if found else client.create_experiment(name, artifacts, tags=KIND)


def _finished(client: MlflowClient, experiment_id: str) -> dict[str, Run]:
    """The finished runs by digest; unfinished ones are deleted."""
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


def _log(client: MlflowClient, experiment_id: str, cell: Cell, source: dict[str, str]) -> Run:
    tags = {**cell.tags, **source, DIGEST: cell.digest, "mlflow.source.name": f"train@{cell.name}"}
    run = client.create_run(experiment_id, run_name=cell.name, tags=tags)
    run_id = run.info.run_id
    now = int(time.time() * 1000)
    scores = [Metric(name, value, now, 0) for name, value in cell.metrics.items()]
    params = [Param(name, value) for name, value in cell.params.items()]
    client.log_batch(run_id, scores, params, [RunTag(MLFLOW_RUN_NOTE, cell.note[:_LONGEST_TAG])])
    for path, folder in cell.artifacts.items():
        client.log_artifact(run_id, str(path), folder)
    client.set_terminated(run_id)
    return run


def _source() -> dict[str, str]:
    """The commit that the files lie on and the DVC experiment that made them, where there is one."""
    experiment = {"dvc.experiment": os.environ["DVC_EXP_NAME"]} if os.environ.get("DVC_EXP_NAME") else {}
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return experiment
    return experiment | {"mlflow.source.git.commit": commit, "git.changed_files": str(len(changed.splitlines()))}
