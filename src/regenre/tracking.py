"""Cells -> MLflow runs. The only importer of mlflow.

Files are the truth and MLflow is a view of them: a run is recognised by the digest of what it shows
(tag `regenre.digest`), so logging again makes no duplicate and an empty store is filled anew. A run
that an earlier attempt left unfinished is replaced.
"""

import contextlib
import json
import os
import subprocess
import time
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Any

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from tqdm import tqdm

STORE = "mlflow.db"
EXPERIMENTS = ".dvc/tmp/exps"  # where DVC makes workspaces for queued experiments, which it deletes
DIGEST = "regenre.digest"
KIND = {"mlflow.experimentKind": "custom_model_development"}  # the UI then opens on runs and their metrics
_LONGEST_PARAM = 500


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
    """

    name: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    artifacts: dict[Path, str]

    @property
    def digest(self) -> str:
        """MD5 of configuration, scores, tags and artifacts."""
        said = json.dumps([self.name, self.params, self.metrics, self.tags], sort_keys=True).encode()
        return md5(
            b"".join([said, *(path.read_bytes() for path in sorted(self.artifacts))]), usedforsecurity=False
        ).hexdigest()


def track(experiment: str, cells: list[Cell], overview: Cell | None = None) -> tuple[int, str]:
    """Log the cells that the store does not have yet.

    Parameters
    ----------
    overview : of all cells together; its run becomes the parent of theirs, of those that were there before too

    Returns
    -------
    number of runs logged, and the store's URI (`MLFLOW_TRACKING_URI`, or sqlite at the project's root)
    """
    given, root = os.environ.get("MLFLOW_TRACKING_URI"), _root(Path.cwd())
    uri = given or f"sqlite:///{root / STORE}"
    with contextlib.nullcontext() if given else FileLock(root / f"{STORE}.lock"):  # queued experiments log side by side
        client = MlflowClient(uri)
        experiment_id = _experiment(client, experiment, None if given else (root / "mlruns").as_uri())
        finished = _finished(client, experiment_id)
        missing = [cell for cell in cells if cell.digest not in finished]
        source = _source()
        for cell in tqdm(missing, desc="track", unit=" cells", disable=None):
            finished[cell.digest] = _log(client, experiment_id, cell, source)
        if overview:
            if overview.digest not in finished:
                finished[overview.digest] = _log(client, experiment_id, overview, source)
            parent = finished[overview.digest].info.run_id
            for cell in cells:
                run = finished[cell.digest]
                if run.data.tags.get(MLFLOW_PARENT_RUN_ID) != parent:
                    client.set_tag(run.info.run_id, MLFLOW_PARENT_RUN_ID, parent)
    return len(missing), uri


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
    metrics = [Metric(name, value, now, 0) for name, value in cell.metrics.items()]
    params = [Param(name, value) for name, value in cell.params.items()]
    client.log_batch(
        run_id,
        metrics,
        params,
        [RunTag("mlflow.note.content", f"{cell.name}: accuracy {cell.metrics['accuracy']:.3f}")],
    )
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
