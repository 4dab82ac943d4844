"""The wheel in an environment of its own, away from the sources: sdist, wheel, `regenre init`, `dvc repro`."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import soundfile
from helpers import ROOT, SR, sine
from projects import Project

from regenre.common import paths

pytestmark = pytest.mark.slow


FIND_PACKAGE = "import regenre; from pathlib import Path; print(Path(regenre.__file__).parents[1])"


def run(*command: str | Path, cwd: Path) -> None:
    process = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """An empty folder and an environment that has the wheel; the libraries are those of this environment."""
    folder = tmp_path_factory.mktemp("package")
    modules = ("src/**/*.py", "src/**/templates/**/*.*", "src/**/py.typed")
    sources = ("pyproject.toml", "setup.py", "README.md", "LICENSE", *modules)
    for path in (path for pattern in (*sources, *paths.TEMPLATE) for path in ROOT.glob(pattern)):
        target = folder / "sources" / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    uv = (sys.executable, "-m", "uv", "--offline", "--quiet")
    run(*uv, "venv", "--python", sys.executable, "env", cwd=folder)
    run(*uv, "build", "--no-build-isolation", "--python", sys.executable, "--out-dir", "dist", "sources", cwd=folder)
    shutil.rmtree(folder / "sources")
    run(*uv, "pip", "install", "--python", "env", "--no-deps", *(folder / "dist").glob("*.whl"), cwd=folder)
    libraries = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "env")}))
    (libraries / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    (folder / "empty").mkdir()
    project = Project(folder / "empty")
    project.variables |= {"PYTHONPATH": "", "PATH": f"{folder / 'env/bin'}:{os.environ['PATH']}"}
    soundfile.write(project.folder / "a.wav", sine(440, 2.0), SR)
    return project


def test_without_a_project_the_settings_of_the_package_are_used(away: Project) -> None:
    assert away.run("regenre", "show", "a.wav", "--families", "mfcc") == "a.png\n"
    printed = away.run("python", "-c", "import regenre; print(regenre.__file__, len(regenre.extract('a.wav')))")
    assert "/env/" in printed
    assert printed.endswith(" 40\n")
    assert "make one with `regenre init FOLDER`" in away.run("regenre", "learn", ".", ok=False)


def test_a_project_of_the_package_runs_to_its_last_stage(away: Project, programs: Path) -> None:
    away.run("regenre", "init", "p")
    project = Project(away.folder / "p")
    project.programs = programs
    project.variables["PYTHONPATH"] = away.run("python", "-c", FIND_PACKAGE).strip()
    project.shrink()
    project.edit("params.yaml", features=["mfcc"], classifiers=["knn"])
    repro = ("python", "-m", "dvc", "repro")
    assert "track synthetic: 1 runs logged" in project.run(*repro, "track")
    cell = "data/cells/synthetic/grouped_kfold-mfcc-knn"
    assert "a.wav: " in away.run("regenre", "classify", "a.wav", "--model", f"p/{cell}")
    assert re.findall("Running stage '(.*)'", project.run(*repro, "index")) == ["mark"]
    with Path(project.variables["PYTHONPATH"], "regenre/audio.py").open("a") as file:
        file.write("# an upgrade\n")
    assert re.findall("Running stage '(.*)'", project.run(*repro, "index")) == ["mark", "compose", "download", "index"]
