"""What DVC's users do with git: clone, push, pull, queue experiments, compare them."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from helpers import ROOT
from projects import Project

pytestmark = pytest.mark.slow

CLIP = "data/raw/synthetic/drone_organ/drone_organ.00000.wav"


@pytest.fixture(scope="module")
def shared_project(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished project in git, whose results were pushed to a remote folder."""
    folder = tmp_path_factory.mktemp("sharing")
    project = finished.copy_to(folder / "project")
    (project.folder / ".dvc/config.local").unlink()
    shutil.copy(ROOT / ".dvc/.gitignore", project.folder / ".dvc/.gitignore")
    (project.folder / ".gitignore").write_text((ROOT / ".gitignore").read_text() + "/output\n")
    project.run("dvc", "remote", "add", "--default", "shared", str(folder / "remote"))
    project.run("git", "init", "--quiet", "--initial-branch", "main")
    for key, value in (("user.name", "A"), ("user.email", "a@example.org")):
        project.run("git", "config", key, value)
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--message", "Results")
    assert "Data and pipelines are up to date." in project.run("dvc", "status")
    project.run("dvc", "push")
    return project


def clone(project: Project, folder: Path) -> Project:
    project.run("git", "clone", "--quiet", str(project.folder), str(folder))
    other = Project(folder)
    for key, value in (("user.name", "B"), ("user.email", "b@example.org")):
        other.run("git", "config", key, value)
    return other


def count_runs(project: Project) -> int:
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as store:
        query = "select count(*) from params where key = 'classifier'"
        return int(store.execute(query).fetchone()[0])


def test_a_clone_that_pulls_classifies_at_once_and_logs_its_runs(shared_project: Project, tmp_path: Path) -> None:
    other = clone(shared_project, tmp_path / "clone")
    other.run("dvc", "pull")
    output = other.run("regenre", "classify", str(shared_project.folder / CLIP))
    assert f"{CLIP}: " in output
    changed = re.findall(r"^(\w+):$", other.run("dvc", "status"), flags=re.MULTILINE)
    assert changed == ["track"]  # its MLflow has no run yet
    assert other.repro() == {"track"}
    assert count_runs(other) == 4
    assert "Data and pipelines are up to date." in other.run("dvc", "status")
    assert other.run("git", "status", "--porcelain") == ""
    other.edit("conf/family/mfcc.yaml", n_mfcc=13)
    output = other.run("dvc", "repro", "train", ok=False)
    assert "a clip expected, none found on this machine; run `dvc repro --force --single-item download`" in output


def test_a_clone_without_a_remote_computes_everything_and_logs_its_runs(
    shared_project: Project, tmp_path: Path
) -> None:
    other = clone(shared_project, tmp_path / "clone")
    stages = {name for name in other.repro() if "-" not in name}
    assert {"download", "index", "extract", "train", "evaluate", "track"} <= stages
    assert count_runs(other) == 4
    assert other.run("git", "status", "--porcelain") == ""


def test_queued_experiments_need_no_audio_and_show_what_they_changed(shared_project: Project, tmp_path: Path) -> None:
    project = shared_project.copy_to(tmp_path / "project")
    for n in (1, 9):
        change = f"conf/classifier/knn.yaml:search.n_neighbors=[{n}]"
        project.run("dvc", "exp", "run", "--queue", "--name", f"knn-{n}", "--set-param", change)
    output = project.run("dvc", "exp", "run", "--run-all")
    assert not re.search("Running stage '(download|index|extract)'", output)
    assert count_runs(project) == 4 + 2 * 2  # both are logged to the project's own store
    difference = project.run("dvc", "params", "diff", "knn-1", "knn-9")
    assert re.search(r"reports/settings.yaml +classifier.knn.search.n_neighbors +\[1\] +\[9\]", difference)
    command = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("$ dvc exp show"))
    table = project.run("sh", "-c", f"{command.removeprefix('$ ')} --no-pager")
    assert max(map(len, table.splitlines())) <= 100
    assert re.search(r"knn-9\] +0\.\d+ .*\[9\]", table)
