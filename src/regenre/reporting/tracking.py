"""Cells -> MLflow runs, and models in MLflow's registry.

Files are the truth and MLflow is a view of them. The tag `regenre.digest` of a run is the digest of what it shows, so
logging again makes no duplicate and an empty store is filled again. A run that an earlier attempt left unfinished is
replaced. A run is the child of the first overview that has it; each overview lists all its runs in `cells.json`.

What MLflow's UI shows is decided here:

- The link to the runs names the view `_VIEW`, which is a tag of the experiment. It chooses columns, order and charts. A
  list that is ordered by a metric is flat, and runs without that metric come last.
- Metrics are listed by name, or in the order in which they were logged, which is by name too: accuracy is the first,
  and what belongs beside it begins with its name.
- The page that compares runs draws the first three parameters, by name, whose values differ, and the first metric.
  Therefore the names of a cell are parameters of their own, and each setting begins with `with.`.

Run as a module, it prints the links to the runs of all datasets.
"""

import contextlib
import getpass
import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import md5
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import pandas as pd
from filelock import FileLock
from mlflow import MlflowClient, entities
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.store.db.db_types import DATABASE_ENGINES, SQLITE
from mlflow.store.db.utils import create_sqlalchemy_engine
from mlflow.types.schema import Array, ColSpec, DataType, Schema
from mlflow.utils.mlflow_tags import (
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_GIT_COMMIT,
    MLFLOW_LOGGED_ARTIFACTS,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NOTE,
    MLFLOW_SOURCE_NAME,
    MLFLOW_USER,
)
from tqdm import tqdm

from regenre.common import paths, records, tables
from regenre.common.errors import UserError, escape_terminal, join_lines, report_errors
from regenre.common.files import clear_leftovers, write_atomically
from regenre.common.paths import CellName
from regenre.evaluation import comparison, metrics
from regenre.evaluation.grid import CLEAN, RANDOM, TestedCell, read_scores, read_summary, select_best, select_cell
from regenre.evaluation.pair import Pair
from regenre.learning.cells import RECORD, Cell, Fit
from regenre.reporting.escaping import name_metric

STORE = "mlflow.db"
VERSION = "alembic_version"  # the table that MLflow fills last
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}  # to find out if one answers
DIGEST = "regenre.digest"
UI = "http://127.0.0.1:5000"  # of `mlflow ui`
_SECTION = "accuracy"
_CHARTS: tuple[dict[str, Any], ...] = (  # the UI adds those of the other metrics, by name, between the last two
    {"type": "PARALLEL", "selectedParams": ["features", "classifier", "split"], "selectedMetrics": ["accuracy"]},
    {"type": "BAR", "metricKey": "accuracy"},
    {"type": "BAR", "metricKey": "top2_accuracy_low"},
)
_VIEW = {
    "orderByKey": "metrics.`accuracy_honest`",
    "orderByAsc": False,
    "runsHiddenMode": "SHOW_ALL",
    "selectedColumns": [
        *(f"metrics.`accuracy{end}`" for end in ("", "_low", "_high", "_leak")),
        "metrics.`fit_seconds`",
        *(f"params.`{name}`" for name in CellName.COLUMNS),
    ],
    "compareRunCharts": [
        {"uuid": f"regenre{number}", "metricSectionId": _SECTION, "deleted": False, "isGenerated": False, **chart}
        for number, chart in enumerate(_CHARTS)
    ],
    "compareRunSections": [
        {"uuid": name, "name": title, "display": True, "isReordered": False}
        for name, title in ((_SECTION, "Model metrics"), ("system", "System metrics"))
    ],
}
_VIEW_NAME = "accuracy"
_EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # the UI then opens on runs and their metrics
    f"mlflow.sharedViewState.{_VIEW_NAME}": json.dumps(_VIEW),
}
_INPUTS = Schema(
    [
        ColSpec(DataType.string, "path", required=False),
        ColSpec(Array(DataType.double), "samples", required=False),
        ColSpec(DataType.long, "sr", required=False),
        ColSpec(DataType.string, "text", required=False),
    ]
)
_LONGEST_PARAM = 100
_LONGEST_TAG = 8000


@dataclass(frozen=True)
class Run:
    """What one run shows.

    Attributes
    ----------
    name : the cell's name
    params : short settings, flat (`flatten`)
    metrics : scores
    tags : names of dataset, split, features, classifier, and digests of the data
    artifacts : name in the run -> file
    note : Markdown that the run's page shows
    ended : when the cell was fitted, seconds since 1970
    seconds : of its fits; None if unknown: then the run has no duration
    texts : name of a file in the run -> content; it follows from the artifacts, as the tables do
    tables : name of a file in the run -> table, which MLflow shows as one
    fold_accuracies : fold -> accuracy
    rank : scores that depend on the rest of the grid too; they are brought up to date in a run that was logged before
    dataset : what the cell was fitted on
    """

    name: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    artifacts: dict[str, Path]
    note: str
    ended: float
    seconds: float | None = None
    texts: dict[str, str] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    fold_accuracies: dict[int, float] = field(default_factory=dict)
    rank: dict[str, float] = field(default_factory=dict)
    dataset: Dataset | None = None

    @property
    def digest(self) -> str:
        """MD5 of configuration, scores, tags, note and artifacts."""
        content = json.dumps([self.name, self.params, self.metrics, self.tags, self.note], sort_keys=True).encode()
        files = [path.read_bytes() for _, path in sorted(self.artifacts.items())]
        return md5(b"".join([content, *files]), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Tables:
    """The tables in reports/ that runs show parts of."""

    summary: pd.DataFrame
    per_genre: pd.DataFrame
    leak: pd.DataFrame
    stress: pd.DataFrame

    @classmethod
    def read(cls, reports: Path) -> "Tables":
        """Read them.

        Raises
        ------
        UserError
            One of them is missing.
        """
        names = {"summary": "accuracy", "per_genre": "genre", "leak": "leak", "stress": "deformation"}
        return cls(
            **{
                name: tables.read_report(reports / f"{name}.csv", [*CellName.COLUMNS, column])
                for name, column in names.items()
            }
        )

    def rank(self, name: CellName, accuracy: float) -> dict[str, float]:
        """Return what the other reports know of a cell, to be brought up to date in a run that was logged before.

        `accuracy_honest` is that of a cell of the grid's most honest split. `stress/<deformation>` is the accuracy
        after a deformation, if it was measured, and `accuracy_leak` what is known of the leak.

        The leak is what the cell's split claims beyond the most honest one, for the same features and classifier. For
        a cell of the most honest split it is what the random split claims beyond it.
        """
        honest = name.split == comparison.choose_honest(list(self.summary["split"]))
        rows = select_cell(self.leak, replace(name, split=RANDOM) if honest else name)
        leak = {} if rows.empty else {"accuracy_leak": float(rows["leak"].iloc[0])}
        changes = select_cell(self.stress, name)
        scores = changes[["deformation", "accuracy"]].to_numpy()
        stress = {f"stress/{name_metric(change)}": float(score) for change, score in scores if change != CLEAN}
        return leak | stress | ({"accuracy_honest": accuracy} if honest else {})


def log_runs(experiment: str, runs: list[Run], overview: Run | None = None) -> tuple[int, str, str]:
    """Log the runs that the store does not have yet.

    Parameters
    ----------
    overview : of all cells together; it becomes the parent of the runs that have none

    Returns
    -------
    number of runs logged, the store's URI (`MLFLOW_TRACKING_URI`, or sqlite at the project's root), and the link to the
    runs
    """
    with _open_store(paths.find_home()) as (client, uri, artifacts):
        experiment_id = _find_experiment(client, experiment, artifacts)
        finished = _list_finished(client, experiment_id)
        source, n_logged = _describe_source(), 0
        by_digest = {run.digest: run for run in runs}
        for digest, run in tqdm(by_digest.items(), desc="track", unit=" cells", disable=None):
            if digest in finished:
                _update_rank(client, finished[digest], run)
            else:
                finished[digest] = _log_run(client, experiment_id, run, source)
                n_logged += 1
        if overview:
            if overview.digest not in finished:
                ids = {digest: finished[digest].info.run_id for digest in by_digest}
                rows = [{"run": run.name, "run_id": ids[key], **run.metrics} for key, run in by_digest.items()]
                cells = {"cells.json": _sort_columns(pd.DataFrame(rows), "run")}
                listing = replace(overview, tables=overview.tables | cells)
                finished[overview.digest] = _log_run(client, experiment_id, listing, source)
            parent = finished[overview.digest].info.run_id
            overviews = {run.info.run_id for run in finished.values()}
            for digest in by_digest:
                logged = finished[digest]
                if logged.data.tags.get(MLFLOW_PARENT_RUN_ID) not in overviews:
                    client.set_tag(logged.info.run_id, MLFLOW_PARENT_RUN_ID, parent)
    return n_logged, _hide_password(uri), _link(uri, experiment_id)


def describe_store() -> str:
    """Return the store's name, which is the same on every machine: `MLFLOW_TRACKING_URI`, or the file at the root."""
    return _hide_password(os.environ.get("MLFLOW_TRACKING_URI") or STORE)


def _hide_password(text: str) -> str:
    """Return a URI, or a text with URIs, without passwords: files and logs would keep them."""
    return re.sub(r"(://[^:/@\s]*):[^/\s]*@", r"\1:***@", text)


def list_links() -> list[str]:
    """Return the link to each dataset's runs, for a UI that `mlflow ui` starts."""
    with _open_store(paths.find_root()) as (client, uri, _):
        own = _EXPERIMENT_TAGS.items()
        return [_link(uri, each.experiment_id) for each in client.search_experiments() if own <= each.tags.items()]


def _link(uri: str, experiment_id: str) -> str:
    base = _hide_password(uri).rstrip("/") if uri.startswith("http") else UI
    query = f"workflowType=machine_learning&viewStateShareKey={_VIEW_NAME}"
    return f"{base}/#/experiments/{experiment_id}/runs?{query}"


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
                return int(registered.version), _hide_password(uri)
        logged = _list_finished(client, experiment_id).get(run.digest)
        logged = logged or _log_run(client, experiment_id, run, _describe_source())
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(uri)
        try:
            model = Model.log(  # `pyfunc.log_model` would open the run again, and so change its end
                artifact_path=None,
                flavor=mlflow.pyfunc,
                name="model",
                run_id=logged.info.run_id,
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
        return int(registered.version), _hide_password(uri)


@contextlib.contextmanager
def _open_store(root: Path) -> Iterator[tuple[MlflowClient, str, str | None]]:
    """Yield the store's client, its URI, and where artifacts go (None: the store decides), one process at a time."""
    if server := os.environ.get("MLFLOW_TRACKING_URI"):
        yield _connect(server), server, None
        return
    uri = _name_store(root / STORE)
    with FileLock(root / f"{STORE}.lock"):
        _make_store(root / STORE)
        yield MlflowClient(uri), uri, (root / "mlruns").as_uri()


def _connect(uri: str) -> MlflowClient:
    """Return the client of a store that answers.

    Raises
    ------
    UserError
        It does not, within seconds: MLflow itself would try for minutes, unless its own variables say otherwise.
    """
    lacking = {name: value for name, value in _PATIENCE.items() if name not in os.environ}
    os.environ.update(lacking)
    try:
        if uri.partition("://")[0].partition("+")[0] in {*DATABASE_ENGINES} - {SQLITE}:
            # `MlflowClient` would try ten times, and say so each time
            with create_sqlalchemy_engine(uri).connect():  # type: ignore[no-untyped-call]
                pass
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)
    except Exception as error:  # of MLflow, requests, SQLAlchemy, and of what a plugin uses
        reason = _hide_password(join_lines(str(error)) or type(error).__name__)
        raise UserError(
            f"MLFLOW_TRACKING_URI: a store of MLflow that answers expected at {_hide_password(uri)}, but"
            f" {reason[:200]}; start it,"
            " correct the variable, or unset it"
        ) from error
    finally:
        for name in lacking:
            del os.environ[name]
    return client


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


def describe_cell(
    tested: TestedCell, folder: Path, reports: Tables, figure: Path, card: Path, seed: int, kind: str
) -> Run:
    """Return what the run of a cell shows.

    Parameters
    ----------
    folder : of the cell
    reports : of the grid
    figure, card : the cell's confusion matrix, its model card
    seed : of the intervals
    kind : "grid", whose scores are in the reports, or "sweep"

    Raises
    ------
    UserError
        The reports lack a cell of the grid.
    """
    plan, predictions = tested.cell.plan, tested.predictions
    if kind == "grid":
        scores = read_scores(reports.summary, reports.per_genre, plan.name)
    else:
        scores = metrics.score(predictions, seed)
    names, settings = {"dataset": plan.dataset, **plan.name.columns}, _list_settings(tested.cell)
    fit = Fit.find(tested.cell.inputs)
    return Run(
        name=folder.name,
        params=names | flatten(settings, "with."),
        metrics=scores.cell,
        tags=names | {"kind": kind} | {f"data.{key}.md5": md5_of_data for key, md5_of_data in plan.md5.items()},
        artifacts={RECORD: folder / RECORD, "card.md": card, "figures/confusion.svg": figure},
        note=card.read_text(encoding="utf-8"),
        ended=fit.ended if fit else (folder / RECORD).stat().st_mtime,
        seconds=fit.seconds if fit else None,
        texts={"settings.json": json.dumps(settings | {"chosen": _list_chosen(tested.cell)}, indent=2)},
        tables={
            "per_genre.json": _sort_columns(scores.genres, "genre"),
            "predictions.json": _sort_columns(predictions, "clip_id", "predicted"),
        },
        fold_accuracies=metrics.score_folds(predictions),
        rank=reports.rank(plan.name, scores.cell["accuracy"]) if kind == "grid" else {},
        dataset=_describe_dataset(tested),
    )


def describe_overview(dataset: str, grid: Mapping[str, Any], reports: Path) -> Run:
    """Return what the run above all cells shows: the reports' tables, figures and page.

    Parameters
    ----------
    grid : content of params.yaml
    reports : folder of the reports
    """
    best = select_best(read_summary(reports / "summary.csv"))
    patterns = ("*.csv", "*.md", "*.json", "*.html", "figures/*.png")
    return Run(
        name=f"overview of {dataset}",
        params=flatten({"grid": grid}, "with."),
        metrics={score: float(best[score]) for score in metrics.SCORES} | {"n_clips": float(best["n_clips"])},
        tags={"dataset": dataset, "kind": "overview", "best": str(CellName.read_row(best.to_dict()))},
        artifacts={str(path.relative_to(reports)): path for each in patterns for path in reports.glob(each)},
        note=(reports / "summary.md").read_text(encoding="utf-8"),
        ended=(reports / "summary.csv").stat().st_mtime,
        texts={"settings.json": json.dumps(grid, indent=2)},
    )


def describe_pair(a: str, b: str, pair: Pair) -> Run:
    """Return what the run of a comparison of two cells shows."""
    sides = {"a": a, "b": b}
    return Run(
        name=f"{b} against {a}",
        params={side: name for side, name in sides.items() if len(name) <= _LONGEST_PARAM},
        metrics=pair.scores,
        tags=sides | {"kind": "comparison"},
        artifacts={},
        note="",
        ended=time.time(),
        tables={
            "per_genre.json": _sort_columns(pair.genres, "genre"),
            "changed.json": _sort_columns(pair.changed, "clip_id", "right"),
        },
    )


def _sort_columns(table: pd.DataFrame, *first: str) -> pd.DataFrame:
    """Return a table as MLflow's UI compares it, by the first column, first in the second; the others are by name."""
    return table[[*first, *sorted(table.columns.drop([*first]))]]


def _describe_dataset(tested: TestedCell) -> Dataset:
    """Return the clips of a cell, or its pieces of clips, which are another dataset with other rows."""
    plan, ids = tested.cell.plan, tested.predictions["clip_id"]
    are_pieces = bool((tables.strip_piece_numbers(ids) != ids).all())
    return Dataset(
        name=f"{plan.dataset} pieces" if are_pieces else plan.dataset,
        digest=plan.index_md5,
        source_type="local",
        source=json.dumps({"uri": str(paths.locate_raw(plan.dataset))}),
        profile=json.dumps({"num_rows": sum(plan.fitted_on.values()) + len(plan.excluded)}),
    )


def _list_chosen(cell: Cell) -> dict[str, dict[str, Any]]:
    """Return the hyper-parameters that each fold and the model chose."""
    return {"model" if search.fold is None else str(search.fold): search.chosen for search in cell.searches}


def _list_settings(cell: Cell) -> dict[str, Any]:
    """Return the settings that decide a cell, nested as in conf/."""
    plan = records.convert_to_plain(cell.plan)
    features = plan["features"]
    shared = {name: value for name, value in features.items() if name != "families" and value is not None}
    return {
        "family": {name: family["settings"] for name, family in features["families"].items()},
        **{name: plan[name] for name in ("seed", "search", "split", "classifier")},
        **shared,
    }


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested mappings as `a.b.c` -> text; lists stay whole, and texts too long for a parameter are left out."""
    flat: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        elif len(str(value)) <= _LONGEST_PARAM:
            flat[prefix + key] = str(value)
    return flat


def _find_experiment(client: MlflowClient, name: str, artifacts: str | None) -> str:
    experiment = client.get_experiment_by_name(name)
    if not experiment:
        return str(client.create_experiment(name, artifacts, tags=_EXPERIMENT_TAGS))
    for tag, value in _EXPERIMENT_TAGS.items():
        if experiment.tags.get(tag) != value:
            client.set_experiment_tag(experiment.experiment_id, tag, value)
    return str(experiment.experiment_id)


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
    end = int(1000 * run.ended)
    tags = {
        **{name_metric(name): value for name, value in run.tags.items()},
        **source,
        DIGEST: run.digest,
        MLFLOW_SOURCE_NAME: f"train@{run.name}",
        MLFLOW_RUN_NOTE: run.note[:_LONGEST_TAG],
        MLFLOW_LOGGED_ARTIFACTS: json.dumps([{"path": name, "type": "table"} for name in run.tables]),
    }
    logged = client.create_run(experiment_id, end - int(1000 * (run.seconds or 0)), tags, run.name)
    run_id = logged.info.run_id
    fit = {} if run.seconds is None else {"fit_seconds": run.seconds}
    by_name = sorted((run.metrics | run.rank | fit).items())
    scores = [Metric(name, value, end, 0) for name, value in by_name]
    folds = [Metric("fold_accuracy", value, end, fold) for fold, value in run.fold_accuracies.items()]
    params = [Param(name_metric(name), value) for name, value in run.params.items()]
    client.log_batch(run_id, scores + folds, params)
    if run.dataset:
        client.log_inputs(run_id, [DatasetInput(run.dataset, [InputTag(MLFLOW_DATASET_CONTEXT, "training")])])
    with TemporaryDirectory() as folder:
        for name, path in run.artifacts.items():
            (Path(folder) / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, Path(folder) / name)
        for name, text in run.texts.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        for name, table in run.tables.items():
            table.to_json(Path(folder) / name, orient="split", index=False)
        client.log_artifacts(run_id, folder)
    client.set_terminated(run_id, end_time=end)
    return logged


def _update_rank(client: MlflowClient, logged: entities.Run, run: Run) -> None:
    changed = {name: value for name, value in run.rank.items() if logged.data.metrics.get(name) != value}
    if changed:
        now = int(1000 * time.time())
        client.log_batch(logged.info.run_id, [Metric(name, value, now, 0) for name, value in changed.items()])


def _describe_source() -> dict[str, str]:
    """Return who logs, the git commit of the files, and the DVC experiment that made them if there is one."""
    experiment = {"dvc.experiment": os.environ["DVC_EXP_NAME"]} if os.environ.get("DVC_EXP_NAME") else {}
    with contextlib.suppress(OSError, KeyError):  # a container may have no name for its user
        experiment[MLFLOW_USER] = getpass.getuser()
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return experiment
    return experiment | {MLFLOW_GIT_COMMIT: commit, "git.changed_files": str(len(changed.splitlines()))}


if __name__ == "__main__":
    with report_errors():
        for link in list_links():
            print(escape_terminal(link))
