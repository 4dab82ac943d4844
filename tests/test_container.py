"""The image: what its Dockerfile copies, who runs it, and whether make knows its commands; no engine is needed."""

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from helpers import ROOT
from pathspec import GitIgnoreSpec

STEPS = [
    line.split(maxsplit=1)
    for line in (ROOT / "Dockerfile").read_text().splitlines()
    if line and not line.startswith("#")
]
VENV = next(re.search(r"VENV=(\S+)", text)[1] for step, text in STEPS if step == "ENV")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `COPY . .` copies of a checkout."""
    folder = tmp_path_factory.mktemp("image") / "project"
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = [line.removeprefix("!") for line in lines if line.startswith("!")]
    ignored = GitIgnoreSpec.from_lines(f"/{line}" for line in lines if not line.startswith("!"))
    for path in (path for path in ROOT.rglob("*") if path.is_file()):
        name = str(path.relative_to(ROOT))
        if name in kept or not ignored.match_file(name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
    return folder


def test_the_base_image_has_a_python_that_regenre_accepts() -> None:
    version = re.search(r"^FROM python:3\.(\d+)-slim$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1]
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert int(version) >= int(required.removeprefix(">=3."))


def test_nothing_of_the_project_runs_as_root() -> None:
    names = [step for step, _ in STEPS]
    user = dict(STEPS)["USER"]
    assert f"useradd --create-home --shell /bin/bash {user}" in [text for step, text in STEPS if step == "RUN"]
    as_root = [text for step, text in STEPS[: names.index("USER")] if step == "RUN"]
    assert all(text.startswith(("apt-get ", "useradd ")) for text in as_root)
    assert f"--chown={user} . ." in dict(STEPS)["COPY"]
    assert all(Path(place).is_relative_to(f"/home/{user}") for place in (VENV, dict(STEPS)["WORKDIR"]))


def test_the_image_has_what_git_tracks_and_nothing_that_was_made(context: Path) -> None:
    tracked = list_files()
    copied = {str(path.relative_to(context)) for path in context.rglob("*") if path.is_file()}
    assert {name for name in tracked if (ROOT / name).is_file()} <= copied
    assert not copied & set(list_files("--others", "--ignored", "--exclude-standard"))


def test_its_make_installs_what_is_locked_outside_the_project(context: Path) -> None:
    command = next(text for step, text in STEPS if step == "RUN" and text.startswith("make "))
    printed = run_dry(command.replace("$VENV", VENV), context)
    assert f"-m venv {VENV}\n" in printed
    assert "--require-hashes -r requirements.lock\n" in printed
    assert "--no-deps --no-build-isolation --editable .\n" in printed


@pytest.mark.parametrize(
    ("target", "locks"), [("repro", ["requirements.lock"]), ("test", ["requirements.lock", "requirements-dev.lock"])]
)
def test_a_target_installs_what_it_needs(context: Path, target: str, locks: list[str]) -> None:
    assert re.findall(r"--require-hashes -r (\S+)", run_dry(f"make {target}", context)) == locks


def test_the_core_is_locked_as_a_part_of_all_and_names_no_registry() -> None:
    core, every = (read_lock(name) for name in ("requirements.lock", "requirements-dev.lock"))
    assert core.items() < every.items()
    assert {"mlflow", "setuptools"} <= core.keys()  # setuptools installs the project itself
    assert not {"jax", "onnxruntime", "pytest"} & core.keys()
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert "//" not in (ROOT / name).read_text()


def read_lock(name: str) -> dict[str, list[str]]:
    """Return the version and the hashes of each package."""
    blocks = re.split(r"^(?=\w)", (ROOT / name).read_text(), flags=re.MULTILINE)[1:]
    return {block.partition("==")[0]: re.findall(r"==\S+|sha256:\w+", block) for block in blocks}


def test_its_command_runs_the_pipeline(context: Path) -> None:
    assert "\ndvc repro\n" in run_dry(shlex.join(json.loads(dict(STEPS)["CMD"])), context)


def test_the_development_container_is_the_same_image() -> None:
    settings = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert (ROOT / ".devcontainer" / settings["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert settings["remoteUser"] == dict(STEPS)["USER"]
    assert settings["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"] == f"{VENV}/bin/python"
    assert f"RUN {settings['postCreateCommand']}\n" in (ROOT / "Dockerfile").read_text()


def run_dry(command: str, folder: Path) -> str:
    """Return the commands that make would run, with the image's environment."""
    program, *arguments = shlex.split(command)
    process = subprocess.run(
        [program, "--dry-run", f"VENV={VENV}", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return process.stdout


def list_files(*options: str) -> list[str]:
    """Return the files that git tracks, or others."""
    command = ("git", "ls-files", *options)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
