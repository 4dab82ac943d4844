"""A new project: a folder of its own with a grid, settings and the pipeline, for an installed regenre.

Its files are those at the top of the repository. Only dvc.yaml differs: a project has no sources, so its stages depend
on its file `.regenre`, which names the installed package by version and MD5. The stage `mark`, which this module is,
writes that file in every `dvc repro`; after an upgrade the other stages run again.
"""

import argparse
import os
import re
import shutil
import subprocess
from hashlib import md5
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from regenre.common import files, paths
from regenre.common.errors import UserError

_PACKAGE = Path(__file__).parents[1]
_CODE = (".py", ".html", ".css", ".js", ".svg")
_DVC = "[core]\n    analytics = false\n    check_update = false\n"
_STAGES = f"""stages:

  # the installed package, by version and MD5: always looked at, and what follows runs if it has changed
  mark:
    cmd: python -m regenre.cli.init
    always_changed: true
    outs:
      - {paths.MARKER}:
          cache: false
          persist: true
"""


def run(arguments: argparse.Namespace) -> None:
    """Make a project, and print what to do with it."""
    make_project(arguments.folder)
    print(f"{arguments.folder}: a project; now, in it: dvc repro, or regenre learn FOLDER")


def make_project(folder: Path) -> None:
    """Make a project, all or nothing, in a new or an empty folder.

    It is in the git repository around it, else in one of its own; without git, DVC works alone.

    Raises
    ------
    UserError
        The folder is not empty, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: a new or an empty folder expected, but something is there already; choose another")
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as name:  # on the same disk, so that files are renamed
        new = Path(name)
        _copy_template(new)
        (new / ".dvc/config").write_text(_DVC if _has_git(new) else f"{_DVC}    no_scm = true\n")
        mark(new)
        for path in sorted(new.iterdir(), key=lambda path: path.name == paths.MARKER):  # a project once it is whole
            os.replace(path, folder / path.name)


def _copy_template(folder: Path) -> None:
    template = paths.locate_template()
    for source in (path for pattern in paths.TEMPLATE for path in template.glob(pattern)):
        target = folder / source.relative_to(template)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    pipeline = folder / "dvc.yaml"
    pipeline.write_text(_derive_pipeline(pipeline.read_text(encoding="utf-8")), encoding="utf-8")


def _derive_pipeline(text: str) -> str:
    """Return the repository's dvc.yaml with the package as a dependency of each stage instead of its sources."""
    text = re.sub(r"^ *- src/.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^( *)deps:\n", rf"\g<0>\1  - {paths.MARKER} # the installed package\n", text, flags=re.MULTILINE)
    return text.replace("stages:\n", _STAGES, 1)


def _has_git(folder: Path) -> bool:
    """Return whether the folder is in a git repository; make one if there is git."""
    commands = (["git", "rev-parse", "--git-dir"], ["git", "init"])
    return bool(shutil.which("git")) and any(
        subprocess.run(command, cwd=folder, capture_output=True).returncode == 0 for command in commands
    )


def mark(folder: Path) -> None:
    """Write the file that makes a folder a project and names the installed package."""
    code = (path for path in sorted(_PACKAGE.rglob("*")) if path.suffix in _CODE)
    digest = md5("".join(map(files.compute_md5, code)).encode(), usedforsecurity=False).hexdigest()
    files.write_text(
        folder / paths.MARKER,
        f"This file marks the root of a regenre project, which regenre {version('regenre')} runs (MD5 {digest}).\n",
    )


if __name__ == "__main__":
    mark(paths.find_root())
