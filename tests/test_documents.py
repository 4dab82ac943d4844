"""Every command of the documents is run, and what DVC's users do with git: clone, push, pull, queue, compare."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import soundfile
from helpers import ROOT, noise, sine, wait_until
from projects import Project

pytestmark = pytest.mark.slow

CLIP = "data/raw/synthetic/drone_organ/drone_organ.00000.wav"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/**/README.md")])
PROGRAMS = "dvc|regenre|regenre-[a-z]+|mlflow|python|make|pip|git clone|dask|pytest|ruff|curl|rm|for|export|eval|docker"
COMMAND = re.compile(rf"(?:[A-Z_]+=\S+ )*(?:{PROGRAMS}) .*")
ELSEWHERE = {  # how a command begins -> the test that runs it
    "pip install": "test_package.py",
    "regenre init": "test_package.py",
    "rm -r data/cells": "stages/test_pipeline.py",
    "REGENRE_COMPUTE=dask": "stages/test_pipeline.py",
    "dask worker": "conftest.py",
    "eval ": "stages/test_console_scripts.py",
    "regenre learn": "cli/test_project.py",
    "regenre register": "cli/test_project.py",
    "regenre sweep": "cli/test_sweep.py",
    "regenre pretrained": "cli/test_commands.py",
    "regenre tag": "cli/test_commands.py",
    "MLFLOW_TRACKING_URI=": "cli/test_project.py",
    "mlflow ": "reporting/test_tracking.py",
    "curl ": "cli/test_project.py",
    "python benchmarks/": "test_benchmarks.py",
    "dvc exp run -S dataset=": "cli/test_project.py",
    "dvc repro gallery": "stages/test_gallery.py",
    "dvc repro --force --single-item": "stages/test_pipeline.py",
    "regenre-train ": "stages/test_train.py",
    "python -m regenre.stages.t": "stages/test_train.py",
    "dvc config --local core.no_scm": "projects.py",
    "git clone": "test_documents.py",
    "git commit": "test_documents.py",
    "dvc remote add": "test_documents.py",
    "for ": "test_documents.py",
    "REGENRE_JOBS=1 dvc queue": "test_documents.py",
    "dvc queue status": "test_documents.py",
    "dvc exp show": "test_documents.py",
    "dvc params diff": "test_documents.py",
    "docker ": "test_container.py",
    "export PATH": "conftest.py",
    "ruff ": "../Makefile",
    "pytest ": "../Makefile",
}


def list_commands(text: str) -> list[str]:
    """Return the commands in a document's console blocks, and those in its sentences and tables."""
    blocks = re.findall(r"^```(console|bash)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    lines = [
        re.split(r" {2,}#", line.removeprefix("$ "))[0].strip()
        for kind, block in blocks
        for line in block.replace("\\\n", "").splitlines()
        if kind == "bash" or line.startswith("$ ")
    ]
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [*lines, *(span for span in re.findall(r"`([^`\n]+)`", text) if COMMAND.fullmatch(span))]


COMMANDS = list(dict.fromkeys(command for path in DOCUMENTS for command in list_commands(path.read_text())))
HERE = [command for command in COMMANDS if not command.startswith(tuple(ELSEWHERE))]


def find_command(start: str) -> str:
    """Return the command that begins so; the longest one, since sentences name a command without its arguments."""
    return max((command for command in COMMANDS if command.startswith(start)), key=len)


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
    shutil.copytree(project.folder / "src", folder / "src", dirs_exist_ok=True)  # what numba compiled, with its times
    other = Project(folder)
    other.programs = project.programs
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
    project.run("bash", "-c", find_command("for "))
    project.run("bash", "-c", f"{find_command('REGENRE_JOBS=1 dvc queue start')} >/dev/null 2>&1")  # its workers go on
    wait_until(lambda: not re.search("Queued|Running", project.run("dvc", "queue", "status")), step_s=1)
    output = project.run("dvc", "queue", "logs", "knn-9")
    assert not re.search("Running stage '(download|index|extract)'", output)
    assert count_runs(project) == 4 + 2 * 2  # both are logged to the project's own store
    difference = project.run("bash", "-c", find_command("dvc params diff"))
    assert re.search(r"reports/settings.yaml +classifier.knn.search.n_neighbors +\[1\] +\[9\]", difference)
    table = project.run("bash", "-c", f"{find_command('dvc exp show')} --no-pager")
    assert max(map(len, table.splitlines())) <= 100
    assert re.search(r"knn-9\] +0\.\d+ .*\[9\]", table)


def test_commands_that_are_run_elsewhere_are_in_a_document_and_their_test_exists() -> None:
    for start, name in ELSEWHERE.items():
        assert any(command.startswith(start) for command in COMMANDS), start
        assert (ROOT / "tests" / name).is_file(), name


def test_every_other_command_runs(shared_project: Project, tmp_path: Path) -> None:
    project = shared_project.copy_to(tmp_path / "project")
    project.variables["HOME"] = str(tmp_path)
    (tmp_path / "music").mkdir()
    for name, y in {"song.mp3": sine(440, 3.0), "concert.flac": noise(4.0), "interview.wav": noise(3.0)}.items():
        soundfile.write(project.folder / name, y, 22_050)
        shutil.copy(project.folder / name, tmp_path / "music")
    for command in HERE:
        if command.startswith("make"):  # what a target runs is run by itself; here, that there is such a target
            command = command.replace("make", f"make --dry-run --directory {ROOT}", 1)
        output = project.run("bash", "-c", command)
        assert "Traceback" not in output, command
