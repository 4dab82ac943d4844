"""Where things lie and how they are set: the only place that knows conf/'s path and the schema.

HYDRA     arguments of every stage's `@hydra.main`; `run` starts it
Grid      what `params.yaml` asks for, checked against conf/
build     a node with `_target_` -> the object, a wrong setting being one line
leaves    named leaves of a group, composed; `members` of a vote put in
compute   where the work is done
by_hand   whether this run was given choices of its own on the command line
chosen    which leaf of a group this run composes, e.g. chosen("dataset") == "synthetic"
composed  the settings, for those who are no stage
ROOT      the project: here, or where the installed sources lie, so that a model can be used from anywhere
raw, cell_folder, ...  the paths of the pipeline's files
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from regenre.compute import Compute, Local
from regenre.errors import UserError, reported

_SOURCES = Path(__file__).parents[2]  # of an editable installation
ROOT = Path() if Path("conf/config.yaml").is_file() or not (_SOURCES / "conf/config.yaml").is_file() else _SOURCES
CONF = (ROOT / "conf").absolute()
PARAMS = ROOT / "params.yaml"
REPORTS = ROOT / "reports"
HYDRA: dict[str, Any] = {"version_base": "1.3", "config_path": str(CONF), "config_name": "config"}
_GROUP_OF = {"splits": "split", "features": "features", "classifiers": "classifier"}


@dataclass(frozen=True)
class Grid:
    """The grid of `params.yaml`: a cell for each split x feature set x classifier."""

    dataset: str
    splits: list[str]
    features: list[str]
    classifiers: list[str]
    seed: int

    @property
    def cells(self) -> list[tuple[str, str, str]]:
        """(split, features, classifier) of every cell."""
        return list(product(self.splits, self.features, self.classifiers))


def run(main: Callable[[], None]) -> None:
    """Start a stage from the command line; a name that conf/ does not have is one line, not Hydra's page."""
    with reported():
        if not Path("conf/config.yaml").is_file():
            raise UserError(f"{Path('conf').absolute()} is not there; run from the project's root")
        for override in sys.argv[1:]:
            group, _, names = override.partition("=")
            if (CONF / group).is_dir() and names:
                check_names("command line", group, names.split(","))
    main()


def grid() -> Grid:
    """Read `params.yaml`.

    Raises
    ------
    UserError
        A key is missing, a list is empty, or a name has no leaf in conf/.
    """
    if not PARAMS.is_file():
        raise UserError("params.yaml is not here; run from the project's root")
    params: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(PARAMS))  # type: ignore[assignment]
    lost = [field.name for field in fields(Grid) if params.get(field.name) in (None, [])]
    if lost:
        raise UserError(f"params.yaml: {lost[0]} is missing or empty; see the file's comments")
    found = Grid(**{field.name: params[field.name] for field in fields(Grid)})
    check_names("params.yaml: dataset", "dataset", [found.dataset])
    for key, group in _GROUP_OF.items():
        check_names(f"params.yaml: {key}", group, getattr(found, key))
    return found


def composed() -> dict[str, Any]:
    """The configuration, for those who are no stage.

    Raises
    ------
    UserError
        No project is here.
    """
    if not CONF.is_dir():
        raise UserError(f"{CONF} is not there; run from the project's root")
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        made: dict[str, Any] = plain(hydra.compose("config"))
    return made


def chosen(group: str) -> str:
    """The leaf of a group that this run was composed with."""
    return str(HydraConfig.get().runtime.choices[group])


def leaves(group: str, names: Sequence[str], seed: int) -> dict[str, dict[str, Any]]:
    """The leaves of these names as plain dictionaries, resolved."""
    if not names:
        return {}
    wanted = [f"+{group}@leaves.{name}={name}" for name in names]
    found = plain(hydra.compose("config", [*wanted, f"seed={seed}"]).leaves)
    return {name: with_members(found[name], seed) for name in names}


def with_members(leaf: dict[str, Any], seed: int) -> dict[str, Any]:
    """A classifier's leaf with the leaves of its members in the place of their names."""
    if not leaf.get("members"):
        return leaf
    check_names("conf/classifier: members", "classifier", leaf["members"])
    return leaf | {"members": leaves("classifier", leaf["members"], seed)}


def compute(cfg: DictConfig) -> Compute:
    """Where the work is done; one process a run where a launcher has runs side by side already."""
    hydra_cfg = HydraConfig.get()
    side_by_side = hydra_cfg.mode == RunMode.MULTIRUN and "basic" not in hydra_cfg.launcher._target_.lower()
    found: Compute = Local(n_jobs=1) if side_by_side else build(cfg.compute)
    return found


def by_hand() -> bool:
    """Whether the command line chooses more than what dvc.yaml says: a cell of one's own."""
    keys = {override.lstrip("+~").partition("=")[0].partition(".")[0] for override in HydraConfig.get().overrides.task}
    return bool(keys - {"dataset", "seed", "compute"})


def build(node: Any) -> Any:
    """Instantiate a node; plain containers go in."""
    try:
        return hydra.utils.instantiate(node, _convert_="all")
    except (InstantiationException, OmegaConfBaseException, TypeError) as error:
        cause = error.__cause__ or error
        raise UserError(
            f"conf: {node.get('_target_')} cannot be made from its settings: {str(cause).splitlines()[0]}"
        ) from error


def plain(node: Any) -> Any:
    """A node as dictionaries and lists, interpolations resolved."""
    return OmegaConf.to_container(node, resolve=True)


def feature_set(features: str) -> tuple[list[str], list[str]]:
    """The families of a feature set, and the patterns of the columns that it takes from them."""
    leaf: dict[str, list[str]] = plain(OmegaConf.load(CONF / "features" / f"{features}.yaml"))
    return leaf["families"], leaf.get("columns", ["*"])


def raw(dataset: str) -> Path:
    """Folder of a dataset's clips."""
    return ROOT / "data/raw" / dataset


def index(dataset: str) -> Path:
    """The clip table."""
    return ROOT / "data/index" / f"{dataset}.parquet"


def features(dataset: str) -> Path:
    """Folder of the pooled tables: `<family>.parquet`, and `<feature set>.json` that lists what a set reads."""
    return ROOT / "data/features" / dataset


def cell_name(split: str, features: str, classifier: str) -> str:
    """How a cell is called in files, in DVC and in MLflow."""
    return f"{split}-{features}-{classifier}"


def cell_folder(dataset: str) -> Path:
    """The cells of the grid, a folder each."""
    return ROOT / "data/cells" / dataset


def sweep_folder(dataset: str) -> Path:
    """The cells that were trained by hand."""
    return ROOT / "data/sweeps" / dataset


def own_cell_name() -> str:
    """The cell that this run was given on the command line, with its overrides."""
    cell = cell_name(chosen("split"), chosen("features"), chosen("classifier"))
    overrides = HydraConfig.get().job.override_dirname
    return f"{cell},{overrides}" if overrides else cell


def check_names(where: str, group: str, names: list[str]) -> None:
    """Raise `UserError` for a name that is no leaf of the group, with those that are."""
    offered = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    unknown = [name for name in names if name not in offered]
    if unknown:
        raise UserError(f"{where}: {unknown[0]!r} is not in conf/{group}/; choose from {', '.join(offered)}")
