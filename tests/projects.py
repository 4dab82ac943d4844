"""A small project in a folder of its own, for tests of the pipeline and of commands."""

import hashlib
import os
import re
import shutil
import subprocess
from copy import copy
from pathlib import Path

from helpers import ROOT
from omegaconf import OmegaConf

FILES = (
    ".regenre", ".dvcignore", "conf", "src", ".dvc/config", "data/external/README.md", "data/source/README.md",
    "data/texts/README.md", "dvc.yaml", "params.yaml",
)  # fmt: skip


class Project:
    """A copy of the project that a test may edit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = {"REGENRE_JOBS": "1"}  # on a tiny corpus, starting workers costs more than they save
        self.programs: Path | None = None  # `warm.start`

    @classmethod
    def make(cls, folder: Path) -> "Project":
        """Copy the sources and settings; choose a tiny corpus and grid; no git."""
        for name in FILES:
            source, target = ROOT / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        (folder / ".dvc/config.local").write_text("[core]\n    no_scm = true\n")
        project = cls(folder)
        project.shrink()
        return project

    def shrink(self) -> None:
        """Choose a tiny corpus and grid."""
        self.edit(
            "params.yaml", splits=["grouped_kfold"], features=["mfcc", "spectral_shape"], classifiers=["knn", "dummy"]
        )
        self.edit("conf/dataset/synthetic.yaml", n_artists=3, n_clips=1, duration_s=2.0)
        self.edit("conf/split/grouped_kfold.yaml", n_folds=2)
        self.edit("conf/config.yaml", study={"shares": [0.7], "n_repeats": 1, "n_permutations": 2, "n_explained": 2})

    @property
    def env(self) -> dict[str, str]:
        env = {**os.environ, "PYTHONPATH": str(self.folder / "src")}
        for name in ("MLFLOW_TRACKING_URI", "REGENRE_ROOT"):
            env.pop(name, None)
        env |= self.variables
        if self.programs:
            env["PATH"] = f"{self.programs}{os.pathsep}{env['PATH']}"
        return env

    def copy_to(self, folder: Path) -> "Project":
        """Copy the project with all its results; cheaper than to undo a test's changes."""
        shutil.copytree(self.folder, folder, symlinks=True)
        other = copy(self)
        other.folder, other.variables = folder, dict(self.variables)
        return other

    def edit(self, name: str, **changes: object) -> None:
        """Change settings of a YAML file."""
        path = self.folder / name
        OmegaConf.save(OmegaConf.merge(OmegaConf.load(path), changes), path)

    def edit_source(self, name: str, old: str, new: str) -> None:
        """Replace text in a source file, which must have it."""
        path = self.folder / "src/regenre" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def run(self, *command: str, ok: bool = True) -> str:
        """Run a command in the project; return what it printed."""
        process = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True)
        assert (process.returncode == 0) == ok, process.stdout + process.stderr
        return process.stdout + process.stderr

    def run_stage(self, stage: str, *overrides: str, ok: bool = True) -> str:
        return self.run("python", "-m", f"regenre.stages.{stage}", *overrides, ok=ok)

    def repro(self, *arguments: str) -> set[str]:
        """Run `dvc repro`; return the stages that ran and the cells that were fitted."""
        output = self.run("dvc", "repro", *arguments)
        stages = re.findall(r"Running stage '([^']+)'", output)
        return {*stages, *re.findall(r"^(\S+): accuracy ", output, re.MULTILINE)}

    def digest_files(self) -> dict[str, str]:
        """Return the digests of everything that the pipeline wrote, but when it did."""
        paths = [
            path
            for top in ("data", "reports", "dvc.lock")
            for path in sorted([self.folder / top, *(self.folder / top).rglob("*")])
            if path.is_file() and path.parent != self.folder / "data/fits"
        ]
        return {str(path.relative_to(self.folder)): hashlib.md5(path.read_bytes()).hexdigest() for path in paths}
