"""Settings: how they are composed, checked and turned into objects.

Settings          the schema of conf/config.yaml
Grid              what `params.yaml` asks for
run_stage         start a stage from the command line; settings that it does not read are refused
read_grid         params.yaml, checked against conf/
read_leaves       named leaves of a group; the members of a vote are filled in
read_feature_set  the families of a feature set
compose_config    the settings outside a stage
build             a node with `_target_` -> the object; a wrong setting is one line
make_compute      where the work is done
get_choice        which leaf of a group this run uses
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatch
from functools import lru_cache, wraps
from itertools import product
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from regenre import paths
from regenre.compute import Compute, Local
from regenre.errors import UserError, join_lines, report_errors
from regenre.paths import CellName

GROUPS = {"splits": "split", "features": "features", "classifiers": "classifier"}
_TRUSTED = ("regenre", "sklearn", "hmmlearn")
_COMMON = ("dataset", "seed", "compute.*", "hydra*")
_WITH_VALUE = ("-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir")


@dataclass
class AudioSettings:
    """How clips are read."""

    sr: int
    min_duration_s: float


@dataclass
class FrameSettings:
    """The shared transform."""

    n_fft: int
    hop_length: int


@dataclass
class SequenceSettings:
    """The frames that sequence classifiers read."""

    n_averaged: int


@dataclass
class PieceSettings:
    """The pieces that `segment_kfold` deals."""

    length_s: float


@dataclass
class SearchSettings:
    """The choice of hyper-parameters."""

    metric: str
    n_folds: int


@dataclass
class StudySettings:
    """The stage `study`."""

    cell: str | None
    shares: list[float]
    n_repeats: int
    n_permutations: int


@dataclass
class GallerySettings:
    """The stage `gallery`."""

    clip_id: str | None


@dataclass
class Settings:
    """The schema of conf/config.yaml; groups hold their leaves as they are."""

    seed: int
    trusted: list[str]
    audio: AudioSettings
    frames: FrameSettings
    sequences: SequenceSettings
    pieces: PieceSettings
    search: SearchSettings
    study: StudySettings
    gallery: GallerySettings
    dataset: dict[str, Any]
    features: dict[str, Any]
    family: dict[str, Any]
    pooling: dict[str, Any]
    split: dict[str, Any]
    classifier: dict[str, Any]
    compute: dict[str, Any]


@dataclass(frozen=True)
class Grid:
    """The grid of `params.yaml`: one cell for each split x feature set x classifier."""

    dataset: str
    splits: list[str]
    features: list[str]
    classifiers: list[str]
    seed: int

    @property
    def cells(self) -> list[CellName]:
        """The name of every cell."""
        return [CellName(*parts) for parts in product(self.splits, self.features, self.classifiers)]


def run_stage(main: Callable[[DictConfig], Any], reads: Sequence[str]) -> None:
    """Start a stage from the command line.

    Parameters
    ----------
    main : takes the composed settings
    reads : patterns of the settings that the stage reads besides dataset, seed and compute; `classifier.*` is the
        choice of a classifier and everything below it, `features` the choice alone
    """

    @wraps(main)
    def run(cfg: DictConfig) -> Any:
        with report_errors():
            return main(cfg)

    with report_errors():
        conf = paths.locate_conf()
        _register_settings(conf, with_families=any(pattern.startswith("family") for pattern in reads))
        name = Path(sys.argv[0]).stem
        overrides = _check_overrides(name, sys.argv[1:], [*_COMMON, *reads])
        sys.argv[1:] = [*sys.argv[1:], *_read_grid_overrides(overrides)]
        os.chdir(paths.find_root())  # relative paths in conf/ are below the project's root
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing a page
        try:
            hydra.main(version_base="1.3", config_path=str(conf), config_name="config")(run)()
        except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
            raise UserError(f"{name}: {_explain(error)}; see `python -m regenre.stages.{name} --help`") from error


def _register_settings(conf: Path, with_families: bool = True) -> None:
    """Tell Hydra the schema, that every leaf of conf/family is a family, and that each family is a feature set.

    Composing the families takes a third of a second: stages that read none do without.
    """
    store = ConfigStore.instance()
    store.store(name="settings", node=Settings)
    families = _list_leaves(conf, "family")
    store.store(
        name="families", node={"defaults": [{f"family@family.{name}": name} for name in families if with_families]}
    )
    for name in families:
        if not (conf / "features" / f"{name}.yaml").is_file():
            store.store(group="features", name=name, node={"families": [name]})


def _check_overrides(stage: str, arguments: Sequence[str], reads: Sequence[str]) -> list[Override]:
    """Refuse settings on the command line that the stage does not read, and names that conf/ does not have."""
    takes_value = [False, *(argument in _WITH_VALUE for argument in arguments)]
    words = [word for word, skip in zip(arguments, takes_value, strict=False) if not skip and not word.startswith("-")]
    try:
        overrides = OverridesParser.create().parse_overrides(words)
    except HydraException as error:
        raise UserError(f"{stage}: SETTING=VALUE expected, but {_explain(error)}") from error
    for override in overrides:
        key = override.key_or_group
        if not any(fnmatch(key, pattern) or key == pattern.removesuffix(".*") for pattern in reads):
            settings = ", ".join(pattern.removesuffix(".*") for pattern in reads if pattern != "hydra*")
            raise UserError(
                f"{stage}: {override.input_line} changes nothing here, for this stage reads {settings};"
                " set it in conf/ or params.yaml and run `dvc repro`"
            )
        if override.is_delete() and "." not in key:
            raise UserError(f"{stage}: {override.input_line} removes a setting that this stage needs; leave it out")
        if key in GROUPS.values() or key in ("dataset", "pooling"):
            check_names(f"{stage}: {key}", key, _list_choices(override))
    return overrides


def _read_grid_overrides(overrides: Sequence[Override]) -> list[str]:
    """Return dataset and seed of params.yaml as overrides, unless the command line has its own.

    So no value of params.yaml has to pass a shell.
    """
    grid, keys = read_grid(), {override.key_or_group for override in overrides}
    return [f"{key}={value}" for key, value in (("dataset", grid.dataset), ("seed", grid.seed)) if key not in keys]


def _list_choices(override: Override) -> list[str]:
    if override.is_sweep_override():
        return [str(value) for value in override.sweep_string_iterator()]
    value = override.value()
    return [value] if isinstance(value, str) else []


def _explain(error: BaseException) -> str:
    """Return what Hydra or OmegaConf says, with its cause, as one line."""
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    lines = [str(cause).strip().splitlines() for cause in causes]
    text = ": ".join(dict.fromkeys(join_lines(line[0]).rstrip(".") for line in lines if line))
    return re.sub(
        r"Could not override '(\S+)'.* is not in struct", r"\1 is no setting; to add it, put + before it", text
    )


def read_grid() -> Grid:
    """Read `params.yaml`.

    Raises
    ------
    UserError
        A key is missing, a list is empty, or a name has no leaf in conf/.
    """
    path = paths.locate_params()
    if not path.is_file():
        raise UserError(f"{path} is missing; a project has one beside its conf/")
    params = read_yaml(path)
    empty = [field.name for field in fields(Grid) if params.get(field.name) in (None, [])]
    if empty:
        raise UserError(f"params.yaml: {empty[0]} is missing or empty; see the file's comments")
    grid = Grid(**{field.name: params[field.name] for field in fields(Grid)})
    if not isinstance(grid.seed, int):
        raise UserError(f"params.yaml: seed: a whole number expected, {grid.seed!r} found")
    check_names("params.yaml: dataset", "dataset", [grid.dataset])
    for key, group in GROUPS.items():
        check_list(f"params.yaml: {key}", getattr(grid, key))
        check_names(f"params.yaml: {key}", group, getattr(grid, key))
    return grid


def compose_config() -> dict[str, Any]:
    """Return the settings, outside a stage."""
    conf = paths.locate_conf()
    _register_settings(conf)
    with hydra.initialize_config_dir(str(conf), version_base="1.3"):
        settings: dict[str, Any] = to_plain(hydra.compose("config"))
    return settings


def get_choice(group: str) -> str:
    """Return the leaf of a group that this run was composed with."""
    return str(HydraConfig.get().runtime.choices[group])


def read_leaves(group: str, names: Sequence[str], seed: int) -> dict[str, dict[str, Any]]:
    """Return the leaves of these names as plain dictionaries, with interpolations resolved."""
    if not names:
        return {}
    overrides = [f"+{group}@leaves.{name}={name}" for name in names]
    leaves = to_plain(hydra.compose(None, [*overrides, f"+seed={seed}"]).leaves)
    return {name: add_members(leaves[name], seed) for name in names}


def add_members(leaf: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return a classifier's leaf with the leaves of its members instead of their names."""
    if not leaf.get("members"):
        return leaf
    check_names("conf/classifier: members", "classifier", leaf["members"])
    return leaf | {"members": read_leaves("classifier", leaf["members"], seed)}


def make_compute(cfg: DictConfig) -> Compute:
    """Return where the work is done: one process per run if a launcher runs several side by side."""
    hydra_cfg = HydraConfig.get()
    side_by_side = hydra_cfg.mode == RunMode.MULTIRUN and "basic" not in hydra_cfg.launcher._target_.lower()
    compute: Compute = Local(n_jobs=1) if side_by_side else build(cfg.compute)
    return compute


def is_by_hand() -> bool:
    """Return whether the command line chooses more than dvc.yaml does: then the run makes a cell of its own."""
    keys = {override.lstrip("+~").partition("=")[0].partition(".")[0] for override in HydraConfig.get().overrides.task}
    return bool(keys - {"dataset", "seed", "compute"})


def name_cell() -> CellName:
    """Return the name of the cell that this run chose on the command line."""
    split, features, classifier = (get_choice(group) for group in CellName.COLUMNS)
    return CellName(split, features, classifier, HydraConfig.get().job.override_dirname)


def build(node: Any, packages: Sequence[str] | None = None) -> Any:
    """Return the object that a node describes; it receives plain containers.

    Parameters
    ----------
    packages : modules and packages that a `_target_` may be in; None for `trusted` of conf/config.yaml

    Raises
    ------
    UserError
        A setting has a wrong name or value, or a `_target_` is not in these packages.
    """
    packages = read_trusted() if packages is None else packages
    for target in _list_targets(node):
        if not any(target.startswith(f"{package}.") for package in packages):
            raise UserError(
                f"_target_: {target}: something in {', '.join(packages)} expected; if you trust its author, add its"
                " package to `trusted` in conf/config.yaml"
            )
    try:
        return hydra.utils.instantiate(node, _convert_="all")
    except (InstantiationException, OmegaConfBaseException, TypeError) as error:
        cause = error.__cause__ or error
        raise UserError(
            f"conf: {node.get('_target_')} cannot be built from its settings: {str(cause).splitlines()[0]}"
        ) from error


def read_trusted() -> list[str]:
    """Return the packages that a `_target_` of conf/ and a model may name: `trusted` of conf/config.yaml.

    Outside a project these are regenre, sklearn and hmmlearn.
    """
    try:
        path = paths.locate_conf() / "config.yaml"
    except UserError:
        return list(_TRUSTED)
    return _read_trusted(path, path.stat().st_mtime_ns) if path.is_file() else list(_TRUSTED)


@lru_cache(maxsize=4)
def _read_trusted(path: Path, _stamp: int) -> list[str]:
    """Read the list once as long as the file stays the same: every object that is built asks for it."""
    packages = read_yaml(path, resolve=False).get("trusted", list(_TRUSTED))  # Hydra alone resolves this file
    if not isinstance(packages, list) or not all(isinstance(name, str) and name for name in packages):
        raise UserError(f"{path}: trusted: a list of packages expected, {packages!r} found")
    return packages


def _list_targets(node: Any) -> Iterator[str]:
    """Yield every `_target_` in a node, at any depth."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "_target_":
                yield str(value)
            else:
                yield from _list_targets(value)
    elif isinstance(node, (list, tuple, ListConfig)):
        for value in node:
            yield from _list_targets(value)


def to_plain(node: Any) -> Any:
    """Return a node as dictionaries and lists, with interpolations resolved."""
    return OmegaConf.to_container(node, resolve=True)


def read_feature_set(features: str) -> tuple[list[str], list[str]]:
    """Return the families of a feature set, and the patterns of the columns that it takes from them.

    A feature set is a leaf of conf/features, or a family alone.
    """
    path = paths.locate_conf() / "features" / f"{features}.yaml"
    if not path.is_file():
        check_names("feature set", "features", [features])
        return [features], ["*"]
    leaf = read_yaml(path)
    families: Any = leaf.get("families")
    columns: Any = leaf.get("columns", ["*"])
    check_list(f"{path}: families", families)
    check_list(f"{path}: columns", columns)
    check_names(f"{path.name}: families", "family", families)
    return families, columns


def read_yaml(path: Path, resolve: bool = True) -> dict[str, Any]:
    """Return the content of a YAML file of settings.

    Parameters
    ----------
    resolve : whether to resolve interpolations

    Raises
    ------
    UserError
        The file is not YAML, or is no mapping.
    """
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=resolve)
    except (yaml.YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
        raise UserError(f"{path}: YAML expected, but it cannot be read ({join_lines(str(error))}); mend it") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: settings (key: value) expected, {type(content).__name__} found")
    return {str(key): value for key, value in content.items()}


def check_list(where: str, names: Any) -> None:
    """Raise `UserError` for what is not a list of names, or is empty."""
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UserError(f"{where}: a list of names expected, {names!r} found")


def check_names(where: str, group: str, names: Sequence[str]) -> None:
    """Raise `UserError` for a name that the group does not have, and list those that it has."""
    conf = paths.locate_conf()
    names_in_group = _list_leaves(conf, group)
    if group == "features":
        names_in_group = sorted({*names_in_group, *_list_leaves(conf, "family")})
    for name in names:
        if name not in names_in_group:
            raise UserError(f"{where}: {name!r} is not in conf/{group}/; choose from {', '.join(names_in_group)}")


def _list_leaves(conf: Path, group: str) -> list[str]:
    return sorted(path.stem for path in (conf / group).glob("*.yaml"))
