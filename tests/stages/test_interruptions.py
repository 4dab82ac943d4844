"""A stage that is killed at work leaves nothing that changes the result of the next run."""

import os
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from helpers import heed_signals, wait_until
from projects import Project

from regenre.common.files import compute_md5

pytestmark = pytest.mark.slow

DONE = "data/raw/synthetic", "data/features/synthetic", "data/cells/synthetic", "mlflow.db"  # what the stages write


def is_downloading(folder: Path, process: psutil.Process) -> bool:
    """The first clips lie in the temporary folder."""
    return any(path.parts[-3] != "synthetic" for path in (folder / "data/raw").glob("*/*/*.wav"))


def is_extracting(folder: Path, process: psutil.Process) -> bool:
    """A worker has begun to compute."""
    return any(
        child.cpu_times().user > 1.0 and "loky" in " ".join(child.cmdline())
        for child in process.children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE
    )


def is_training(folder: Path, process: psutil.Process) -> bool:
    """The first cell is written."""
    return any((folder / "data/cells/synthetic").glob("*/cell.json"))


def is_tracking(folder: Path, process: psutil.Process) -> bool:
    """The first run is logged."""
    try:
        with closing(sqlite3.connect(f"file:{folder}/mlflow.db?mode=ro", uri=True)) as store:
            return bool(store.execute("select count(*) from runs").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet, or without tables
        return False


STAGES = {
    "download": (is_downloading, ["data/raw/synthetic"]),
    "extract": (is_extracting, ["data/features/synthetic"]),
    "train": (is_training, ["data/cells/synthetic"]),
    "track": (is_tracking, ["mlflow.db", "mlruns"]),
}
KILLS = [
    ("download", signal.SIGKILL, "1"), ("extract", signal.SIGKILL, "2"), ("train", signal.SIGKILL, "1"),
    ("track", signal.SIGKILL, "1"), ("train", signal.SIGINT, "2"), ("extract", signal.SIGTERM, "2"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "kill", "n_jobs"), KILLS, ids=lambda value: getattr(value, "name", value))
def test_an_interrupted_stage_leaves_nothing_that_changes_the_result(
    project: Project, stage: str, kill: signal.Signals, n_jobs: str
) -> None:
    before = project.digest_files()
    is_at_work, outputs = STAGES[stage]
    if stage == "download":  # as in a first run: else DVC takes the manifest from its cache, and no clip is missed
        md5 = compute_md5(project.folder / "data/raw/synthetic.json")
        (project.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).unlink()
    for name in outputs:
        path = project.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    running = subprocess.Popen(
        heed_signals("dvc", "repro", "--force", "--single-item", stage),
        cwd=project.folder,
        env=project.env | {"REGENRE_JOBS": n_jobs, "PATH": os.environ["PATH"]},  # a real process
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    process = psutil.Process(running.pid)
    wait_until(lambda: running.poll() is not None or is_at_work(project.folder, process), step_s=0.005)
    os.killpg(running.pid, kill)
    output, _ = running.communicate()
    assert running.returncode != 0, output  # it was at work, not done
    assert "Traceback" not in output
    project.repro()
    assert project.digest_files() == before
