"""The console scripts of the stages, and how a shell completes their words."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers import ROOT

pytestmark = pytest.mark.slow

SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
STAGES = sorted(path.stem for path in (ROOT / "src/regenre/stages").glob("[a-z]*.py"))


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the scripts, as an installer writes them."""
    folder = tmp_path_factory.mktemp("bin")
    for name, target in SCRIPTS.items():
        module, _, function = target.partition(":")
        path = folder / name
        path.write_text(f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n")
        path.chmod(0o755)
    return folder


def run(scripts: Path, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in a folder, with the scripts on its PATH."""
    env = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}
    env.pop("REGENRE_ROOT", None)
    return subprocess.run(["bash", "--norc", "-c", command], cwd=folder, env=env, capture_output=True, text=True)


def complete(scripts: Path, line: str, folder: Path) -> list[str]:
    """Return the words that bash offers at the end of a line."""
    command = f"""eval "$({line.split()[0]} -sc install=bash)"
COMP_LINE='{line}' COMP_POINT={len(line)} COMP_CWORD={len(line.split(" ")) - 1}
hydra_bash_completion
printf '%s\\n' "${{COMPREPLY[@]}}" """
    process = run(scripts, command, folder)
    assert process.stderr == ""
    return process.stdout.split()


def test_every_stage_has_a_script() -> None:
    assert {name: target for name, target in SCRIPTS.items() if name != "regenre"} == {
        f"regenre-{stage}": "regenre.stages:run" for stage in STAGES
    }


def test_bash_completes_the_settings_of_a_stage_in_any_folder_of_a_project(scripts: Path) -> None:
    names = [f"classifier={path.stem}" for path in sorted((ROOT / "conf/classifier").glob("*.yaml"))]
    assert complete(scripts, "regenre-train classifier=", ROOT / "conf/family") == names
    line = "regenre-train classifier=svm_rbf classifier.search."
    assert complete(scripts, line, ROOT) == ["classifier.search.C.", "classifier.search.gamma."]
    assert complete(scripts, "regenre-extract features=g", ROOT) == ["features=gfcc", "features=gfcc_spectral"]


@pytest.mark.parametrize("word", ["classifier=", "--cfg", "'"])
def test_completion_is_installed_and_silent_outside_of_a_project(scripts: Path, tmp_path: Path, word: str) -> None:
    command = f"""REGENRE_ROOT={tmp_path} regenre-train -sc install=bash
COMP_LINE="regenre-train {word}" REGENRE_ROOT={tmp_path} regenre-train -sc query=bash"""
    process = run(scripts, command, tmp_path)
    assert process.stdout.strip().endswith("-F hydra_bash_completion regenre-train")
    assert process.stderr == ""


@pytest.mark.parametrize("words", ["-sc", "-sc install=tcsh", "-sc query=csh"])
def test_a_wrong_use_of_completion_is_one_line_or_silent(scripts: Path, words: str) -> None:
    process = run(scripts, f"regenre-train {words}", ROOT)
    expected = "" if "query" in words else "regenre: train: -sc install=SHELL expected, SHELL bash, zsh or fish\n"
    assert (process.stderr, process.stdout) == (expected, "")


def test_a_script_is_its_stage(scripts: Path) -> None:
    process = run(scripts, "regenre-train --help", ROOT)
    assert process.stdout.startswith("Fit and test the cells of the grid, side by side;")
    assert "Settings that it reads: dataset, split, features, classifier, search, seed, compute." in process.stdout
    assert "By hand: " in process.stdout
    process = run(scripts, "regenre-train classifier=nope", ROOT)
    assert process.stderr.startswith("regenre: train: classifier: 'nope' is not in conf/classifier/; choose from cnn")
    assert (process.returncode, process.stderr.count("\n")) == (1, 1)


def test_completion_imports_no_heavy_library(scripts: Path) -> None:
    command = "COMP_LINE='regenre-train classifier=' PYTHONPROFILEIMPORTTIME=1 regenre-train -sc query=bash"
    process = run(scripts, command, ROOT)
    assert "classifier=knn" in process.stdout
    imported = {line.rpartition("|")[2].strip() for line in process.stderr.splitlines()}
    assert "regenre.common.config" in imported
    assert not imported & {"librosa", "sklearn", "mlflow", "pandas", "dvc"}


@pytest.fixture(scope="module")
def completion(scripts: Path) -> str:
    """Return what `eval "$(regenre --print-completion bash)"` evaluates."""
    return run(scripts, "regenre --print-completion bash", ROOT).stdout


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("regenre c", {"classify", "clean", "compare", "convert"}),
        ("regenre convert --bits ", {"8", "16", "24", "32"}),
        ("regenre classify --m", {"--model"}),
        ("regenre classify --model da", {"data"}),
        ("regenre show READ", {"README.md"}),
        ("regenre show --families gf", {"gfcc"}),
        ("regenre compare dat", {"data"}),
        ("regenre sweep ", {"svm_mfcc"}),
        ("regenre learn --recipe sp", {"speech_music_birds"}),
        ("regenre learn d", {"data", "docs"}),
        ("regenre learn gtzan", {"gtzan", "gtzan_mini"}),
    ],
)
def test_bash_completes_commands_their_choices_and_files(
    scripts: Path, completion: str, line: str, words: set[str]
) -> None:
    command = f"""{completion}
COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({line} {'""' if line.endswith(" ") else ""})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
$(complete -p regenre | sed 's/.*-F \\([^ ]*\\) .*/\\1/') regenre "${{COMP_WORDS[COMP_CWORD]}}"
printf '%s\\n' "${{COMPREPLY[@]}}" """
    process = run(scripts, command, ROOT)
    assert set(process.stdout.split()) == words
