"""The project's root, the files of the pipeline below it, and the names of cells.

The root is the folder that `REGENRE_ROOT` names; else the nearest folder, from the working directory upward, that
holds the file `.regenre`; else the folder of the sources, if regenre is installed from a checkout (`pip install -e`).
A `conf/` in the working directory means nothing. Outside a project the settings are those that come with regenre.

    is_beside        whether a file is the text or the transcript of a clip
    find_root        the project's root
    enter_root       make it the working directory
    find_home        the root, also for a copy in which DVC runs a queued experiment
    locate_*         files and folders below it
    locate_template  where the files of a new project are
    shorten          a path as people want to read it
    CellName         a cell's name, as parts and as text
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import platformdirs

from regenre.common.errors import UserError

MARKER = ".regenre"
_WORKSPACES = ".dvc/tmp/exps"  # where DVC runs queued experiments, in copies of the project without its clips
VARIABLE = "REGENRE_ROOT"
TEMPLATE = (
    "conf/**/*.yaml", "data/README.md", "data/*/README.md", "dvc.yaml", "params.yaml",
    ".gitignore", ".dvcignore", ".dvc/.gitignore",
)  # fmt: skip
"""Patterns of a new project's files; setup.py puts these files into the package."""
TEXT, TRANSCRIPT = BESIDE = (".txt", ".transcript.json")
"""What a clip's name ends with in place of its suffix, for what may lie beside it; see `is_beside`."""
_SOURCES = Path(__file__).parents[3]  # the checkout of an editable installation
_SHIPPED = Path(__file__).parents[1] / "project"  # in a wheel


@dataclass(frozen=True, order=True)
class CellName:
    """The name of a cell: a point of the grid.

    Parameters
    ----------
    split, features, classifier : names in conf/
    changes : settings that were changed on the command line, e.g. `classifier.search.C=[1.5]`; "" in the grid
    """

    COLUMNS: ClassVar[list[str]] = ["split", "features", "classifier"]

    split: str
    features: str
    classifier: str
    changes: str = ""

    def __str__(self) -> str:
        """Return the text that names files, DVC plots and MLflow runs."""
        text = f"{self.split}-{self.features}-{self.classifier}"
        return f"{text},{self.changes}" if self.changes else text

    @classmethod
    def read_row(cls, row: Mapping[Any, Any]) -> Self:
        """Return the name in the columns `COLUMNS` of a table's row."""
        return cls(*(str(row[column]) for column in cls.COLUMNS))

    @property
    def columns(self) -> dict[str, str]:
        """The name as the columns of a table."""
        return {column: getattr(self, column) for column in self.COLUMNS}


def is_beside(name: str) -> bool:
    """Return whether a file is the text or the transcript of a clip, by its name."""
    return name.lower().endswith(BESIDE)


def find_root() -> Path:
    """Return the project's root, an absolute path.

    Raises
    ------
    UserError
        There is no project here, or none at `REGENRE_ROOT`.
    """
    root = _search_root()
    if root is None:
        raise UserError(
            f"{Path.cwd()}: a project's folder (with the file {MARKER}) expected here or above, none found;"
            f" make one with `regenre init FOLDER`, run from one or set {VARIABLE}"
        )
    return root


def _search_root() -> Path | None:
    if os.environ.get(VARIABLE):
        root = Path(os.environ[VARIABLE]).expanduser().absolute()
        if not (root / MARKER).is_file():
            raise UserError(f"{VARIABLE}={root}: a project's folder (with the file {MARKER}) expected, none found")
        return root
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents, _SOURCES) if (folder / MARKER).is_file()), None)


def locate_template() -> Path:
    """Return the folder with the files of a new project: in the package, or the checkout that is installed."""
    return _SHIPPED if _SHIPPED.is_dir() else _SOURCES


def enter_root() -> None:
    """Make the project's root the working directory; a relative `REGENRE_ROOT` still names it."""
    root = find_root()
    os.chdir(root)
    if os.environ.get(VARIABLE):
        os.environ[VARIABLE] = str(root)


def locate_conf() -> Path:
    """Return the folder of the settings: the project's, or outside a project those that come with regenre.

    Raises
    ------
    UserError
        The project has no such folder.
    """
    root = _search_root()
    if root and not (root / "conf").is_dir():
        raise UserError(
            f"{root}: a folder conf/ with the project's settings expected, none found; restore it, or make a new"
            " project with `regenre init FOLDER`"
        )
    return (root or locate_template()) / "conf"


def locate_params() -> Path:
    """Return the path of params.yaml."""
    return find_root() / "params.yaml"


def locate_reports() -> Path:
    """Return the folder of the reports."""
    return find_root() / "reports"


def find_home() -> Path:
    """Return the root of the project; for a copy in which DVC runs a queued experiment, that of the project itself."""
    root = find_root()
    workspaces = [parent for parent in root.parents if parent.as_posix().endswith(_WORKSPACES)]
    return workspaces[-1].parents[_WORKSPACES.count("/")] if workspaces else root


def locate_raw(dataset: str) -> Path:
    """Return the folder of a dataset's clips; a queued experiment without its own reads those of the project."""
    own = find_root() / "data/raw" / dataset
    return own if own.is_dir() else find_home() / "data/raw" / dataset


def locate_manifest(dataset: str) -> Path:
    """Return the path of the manifest: the list of the files in the folder of the clips."""
    return find_root() / "data/raw" / f"{dataset}.json"


def locate_index(dataset: str) -> Path:
    """Return the path of the clip table."""
    return find_root() / "data/index" / f"{dataset}.parquet"


def locate_previews(dataset: str) -> Path:
    """Return the path of the previews: a small picture of each clip."""
    return find_root() / "data/index" / f"{dataset}.previews.parquet"


def locate_features(dataset: str) -> Path:
    """Return the folder of the features: `<family>.parquet`, and `<feature set>.json` that lists what a set reads."""
    return find_root() / "data/features" / dataset


def locate_cells(dataset: str) -> Path:
    """Return the folder of the grid's cells, one folder each."""
    return find_root() / "data/cells" / dataset


def locate_choice(dataset: str, stage: str) -> Path:
    """Return the path of the record of what `study` or `stress` looks at closely."""
    return find_root() / "data/chosen" / f"{dataset}.{stage}.json"


def locate_marker(dataset: str) -> Path:
    """Return the path of the marker that names the MLflow store which has the runs."""
    return find_root() / "data/tracked" / f"{dataset}.json"


def locate_sweeps(dataset: str) -> Path:
    """Return the folder of the cells that were trained from the command line."""
    return find_root() / "data/sweeps" / dataset


def locate_fit(inputs: str) -> Path:
    """Return the path of the record of when a cell was fitted; `inputs` is the digest that decides the cell."""
    return find_root() / "data/fits" / f"{inputs}.json"


def locate_network(path: str) -> Path:
    """Return the absolute path of a network.

    A relative one is below the root (`find_home`); outside a project it is below the user's cache, which is
    `~/.cache/regenre` on Linux.
    """
    base = find_home() if _search_root() else platformdirs.user_cache_path("regenre")
    return base / Path(path).expanduser()


def shorten(path: Path) -> str:
    """Return a path relative to the working directory if it lies below it, else absolute."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
