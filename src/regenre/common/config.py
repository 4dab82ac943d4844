"""Settings: how they are composed, checked and turned into objects.

Settings          the settings of a stage
Grid              what `params.yaml` asks for
run_stage         start a stage from the command line; settings that it does not read are refused
answer_shell      what a shell needs to complete the words of a stage's command
refuse_unread     refuse settings on the command line that this run has no use for
read_grid         params.yaml, checked against conf/
read_leaf         a YAML file -> a strict dataclass
read_leaves       leaves of splits and of classifiers; the members of a vote are filled in
read_feature_set  a feature set: a leaf of conf/features, or a family alone
list_families     the families of several
read_deformations leaves of conf/deformation
compose_settings  the settings outside a stage
build_leaves      leaves of a group -> their objects
build             a node with `_target_` -> the object; a wrong setting is one line
make_compute      where the work is done
match_names       names of a group that match patterns
fill_words        words of conf/ -> what they stand for
render_yaml       settings -> YAML
get_choice        which leaf of a group this run uses
"""

import gc
import io
import os
import re
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import field
from fnmatch import filter as filter_names
from fnmatch import fnmatch
from functools import lru_cache, wraps
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

import hydra
import yaml
from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.core.utils import configure_log
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from regenre.common import paths
from regenre.common.compute import Compute, Local, end_workers
from regenre.common.errors import UserError, end_process, join_lines, report_errors
from regenre.common.kinds import (
    Count,
    CountOrZero,
    Names,
    NamesOrNone,
    Positive,
    Seed,
    Shares,
    explain_invalid,
    strict_dataclass,
)
from regenre.common.paths import CellName
from regenre.common.settings import AudioSettings, Augmentation, FrameSettings, SearchSettings, SequenceSettings

T = TypeVar("T")
GROUPS = {"splits": "split", "features": "features", "classifiers": "classifier"}
_CHOSEN = (*GROUPS.values(), "dataset", "pooling", "compute")  # groups of which a run uses one leaf
_TRUSTED = ("regenre", "sklearn", "hmmlearn")
_COMMON = ("dataset", "hydra*")
_VARIABLE = re.compile(r"<([A-Z_]+), (.*)>")
_FOREIGN = ("config_path", "config_name", "config_dir", "experimental_rerun")  # options that lead away from conf/


@strict_dataclass
class PieceSettings:
    """The pieces that `segment_kfold` deals."""

    length_s: Positive


@strict_dataclass
class StudySettings:
    """The stage `study`."""

    cell: str | None
    shares: Shares
    n_repeats: Count
    n_permutations: Count
    n_explained: CountOrZero
    projection: Literal["pca", "tsne"]


@strict_dataclass
class StressSettings:
    """The stage `stress`: cells beside the one that is studied, and patterns of names in conf/deformation."""

    cells: NamesOrNone
    deformations: NamesOrNone


@strict_dataclass
class ReportSettings:
    """The stage `report`: whether its page plays sounds."""

    audio: bool


@strict_dataclass
class GallerySettings:
    """The stage `gallery`."""

    clip_id: str | None


@strict_dataclass
class Settings:
    """The settings of a stage: conf/config.yaml, checked; groups hold their leaves as they are."""

    source: str
    seed: Seed
    trusted: Names
    audio: AudioSettings
    frames: FrameSettings
    sequences: SequenceSettings
    pieces: PieceSettings
    search: SearchSettings
    study: StudySettings
    stress: StressSettings
    report: ReportSettings
    gallery: GallerySettings
    dataset: dict[str, Any]
    features: dict[str, Any]
    pooling: dict[str, Any]
    split: dict[str, Any]
    classifier: dict[str, Any]
    compute: dict[str, Any]
    family: dict[str, Any] = field(default_factory=dict)
    """Empty for a stage that reads no family."""


@strict_dataclass
class FeaturesLeaf:
    """A leaf of conf/features.

    Parameters
    ----------
    families : whose values it has
    columns : patterns of the columns that it takes from them
    augment : copies of the training clips that are fitted on too; None for none
    """

    families: Names
    columns: Names = field(default_factory=lambda: ["*"])
    augment: Augmentation | None = None


@strict_dataclass
class Grid:
    """The grid of `params.yaml`: one cell for each split x feature set x classifier."""

    dataset: str
    splits: Names
    features: Names
    classifiers: Names
    seed: Seed
    source: str

    @property
    def cells(self) -> list[CellName]:
        """The name of every cell."""
        return [CellName(*parts) for parts in product(self.splits, self.features, self.classifiers)]


def run_stage(main: Callable[[Settings], Any], reads: Sequence[str], sweeps: Sequence[str] = ()) -> None:
    """Start a stage from the command line.

    Parameters
    ----------
    main : takes the settings
    reads : patterns of the settings that the stage reads besides dataset; `classifier.*` is the choice of a
        classifier and everything below it, `features` the choice alone
    sweeps : patterns of the settings whose every value has files of its own, so that --multirun loses none
    """
    gc.freeze()  # what was imported stays: the collector need not walk through it again and again
    gc.enable()
    name = Path(sys.argv[0]).stem.removeprefix("regenre-")

    with report_errors(), _explain_composition(name):
        if "-sc" in sys.argv or "--shell-completion" in sys.argv:
            answer_shell(name)
            return
        arguments = _read_arguments(name)
        conf = paths.locate_conf()
        _register_settings(conf, with_families=any(pattern.startswith("family") for pattern in reads))
        multirun = arguments.multirun or "hydra.mode=MULTIRUN" in arguments.overrides
        overrides = _check_overrides(name, arguments.overrides, reads, sweeps, multirun)
        if arguments.help:
            print(main.__globals__["__doc__"], f"Settings that it reads: {_list_settings(reads)}.\n", sep="\n")
        grid, keys = read_grid(), {override.key_or_group for override in overrides}
        own = {key: getattr(grid, key) for key in ("dataset", "seed", "source") if key not in keys}
        # params.yaml decides what the command line does not; so no value of it has to pass a shell
        added = [f"{key}={own[key]}" for key in ("dataset", "seed") if key in own and not arguments.hydra_help]
        if "compute" not in keys and (backend := os.environ.get("REGENRE_COMPUTE")):
            check_names("REGENRE_COMPUTE", "compute", [backend])
            added.append(f"compute={backend}")
        options = [word for word in sys.argv[1:] if word not in arguments.overrides]
        sys.argv[1:] = [*arguments.overrides, *added, *options]  # Hydra reads no override after an option

        @wraps(main)
        def run(cfg: DictConfig) -> Any:
            with report_errors(), _explain_composition(name):
                if "source" in own:  # not as an override: a path may hold what Hydra's grammar refuses
                    cfg.source = _escape(own["source"])
                return main(_check_settings(cfg, HydraConfig.get().runtime.choices))

        paths.enter_root()  # relative paths in conf/ are below it
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing a page
        try:
            if options or any(key.startswith("hydra") for key in keys) or not _run_plainly(run, name, sys.argv[1:]):
                _run_by_hydra(run, name, conf)
        finally:
            end_workers()
            end_process()


def _run_plainly(run: Callable[[DictConfig], Any], name: str, overrides: list[str]) -> bool:
    """Do what `hydra.main` does without options, with one composition; it composes once more to learn its mode.

    Return False, and do nothing, if conf/config.yaml asks for more of Hydra.
    """
    with _compose(name, overrides) as cfg:
        own = cfg.hydra
        asked = (own.mode, own.output_subdir, own.job.chdir, own.run.dir, own.job.env_set, own.callbacks, own.verbose)
        if asked != (None, None, False, ".", {}, {}, False):
            return False
        HydraConfig.instance().set_config(cfg)
        configure_log(own.job_logging)
        del cfg["hydra"]
        run(cfg)
    return True


def _run_by_hydra(run: Callable[[DictConfig], Any], name: str, conf: Path) -> None:
    """Let Hydra run the stage; what it does not take of its own settings is a line, too."""
    begun = False

    @wraps(run)
    def begin(cfg: DictConfig) -> Any:
        nonlocal begun
        begun = True
        return run(cfg)

    try:
        hydra.main(version_base="1.3", config_path=str(conf), config_name="config")(begin)()
    except (ValueError, TypeError, AttributeError, RuntimeError) as error:
        if begun:
            raise
        raise UserError(
            f"{name}: settings that Hydra takes expected, but {_explain(error)}; correct hydra.* on the command line"
            " or in conf/config.yaml"
        ) from error


@contextmanager
def _compose(name: str, overrides: list[str]) -> Iterator[DictConfig]:
    """Yield the configuration with Hydra's own part; leaves can be read as long as it is open."""
    with hydra.initialize_config_dir(str(paths.locate_conf()), name, version_base="1.3"):
        cfg = hydra.compose("config", overrides, return_hydra_config=True)
        OmegaConf.set_struct(cfg, False)
        yield cfg


def answer_shell(stage: str) -> None:
    """Answer `-sc`: print the script that installs completion in a shell, or the words that complete a line.

    Raises
    ------
    UserError
        Neither is asked for, or the shell is unknown.
    """
    conf = None
    with suppress(UserError):  # a shell installs completion when it starts, outside of every project
        conf = paths.locate_conf()
        _register_settings(conf)
        paths.enter_root()
    os.environ["HYDRA_FULL_ERROR"] = "1"
    names = {"config_path": str(conf), "config_name": "config"} if conf else {"config_path": None}
    answer = hydra.main(version_base="1.3", **names)(lambda _: None)
    if any(word.startswith("query=") for word in sys.argv):
        with suppress(Exception, SystemExit), redirect_stderr(io.StringIO()):  # do not write into a half-typed line
            answer()
        return
    try:
        answer()
    except ValueError as error:
        raise UserError(f"{stage}: -sc install=SHELL expected, SHELL bash, zsh or fish") from error


def _read_arguments(stage: str) -> Namespace:
    """Read the command line as Hydra does, with options anywhere; refuse options that would change nothing."""
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise UserError(f"{stage}: {message}; see `python -m regenre.stages.{stage} --help`")

    parser.error = refuse  # type: ignore[method-assign]
    arguments = parser.parse_intermixed_args()
    for option in _FOREIGN:
        if getattr(arguments, option) is not None:
            conf, flag = paths.locate_conf(), f"--{option.replace('_', '-')}"
            raise UserError(f"{stage}: {flag} is not supported: all settings come from {conf}; add yours there")
    if (arguments.resolve or arguments.package) and not (arguments.cfg or arguments.help):
        raise UserError(f"{stage}: --resolve and --package change nothing without --cfg; add --cfg job")
    modes = [mode for mode in ("run", "multirun", "cfg", "info") if getattr(arguments, mode)]
    if len(modes) > 1:
        raise UserError(f"{stage}: one option expected, --{' and --'.join(modes)} found; leave out all but one")
    return arguments


@contextmanager
def _explain_composition(stage: str) -> Iterator[None]:
    """Raise `UserError` for what Hydra, OmegaConf or the YAML parser refuse."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{mark.name}, line {mark.line + 1}: " if mark else ""
        raise UserError(f"{stage}: {place}YAML expected, but {error.problem}; mend it") from error
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        raise UserError(f"{stage}: {_explain(error)}; see `python -m regenre.stages.{stage} --help`") from error


def _register_settings(conf: Path, with_families: bool = True) -> None:
    """Tell Hydra that every leaf of conf/family is a family, and that each family is a feature set.

    Composing the families takes a third of a second: stages that read none do without.
    """
    store = ConfigStore.instance()
    families = _list_leaves(conf, "family")
    store.store(
        name="families", node={"defaults": [{f"family@family.{name}": name} for name in families if with_families]}
    )
    for name in families:
        if not (conf / "features" / f"{name}.yaml").is_file():
            store.store(group="features", name=name, node={"families": [name]})


def _escape(text: str) -> str:
    """Return a text that OmegaConf takes as it stands: a folder may be called `${oc.env:HOME}`."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def _check_settings(cfg: DictConfig, choices: Mapping[str, str]) -> Settings:
    try:
        settings = resolve_node(cfg)
        return Settings(**{str(key): fill_words(value, settings) for key, value in settings.items()})
    except ValidationError as error:
        group = str(error.errors()[0]["loc"][0])
        is_leaf = group in choices
        where = f"conf/{group}/{choices[group]}.yaml" if is_leaf else "conf/config.yaml, or the command line"
        raise UserError(f"{where}: {explain_invalid(error)}; mend it") from error


def _check_overrides(
    stage: str, words: Sequence[str], reads: Sequence[str], sweeps: Sequence[str] = (), multirun: bool = False
) -> list[Override]:
    """Refuse settings on the command line that the stage does not read, and names that conf/ does not have."""
    overrides = [_parse_override(stage, word) for word in words]
    for override in overrides:
        key, line = override.key_or_group, override.input_line
        if key.startswith("family."):
            check_names(f"{stage}: family", "family", [key.split(".")[1]])
        if not _is_among(key, [*_COMMON, *reads]):
            if key.startswith("family.") and key.count(".") > 1 and not override.is_delete():
                raise UserError(f"{stage}: {line}: {_explain_family(override)}")
            raise UserError(
                f"{stage}: {line} changes nothing here, for this stage reads {_list_settings(reads)};"
                " set it in conf/ or params.yaml and run `dvc repro`"
            )
        if override.is_delete() and key.count(".") <= key.startswith("family."):
            raise UserError(f"{stage}: {line} removes a setting that this stage needs; leave it out")
        if override.is_sweep_override() and not _is_among(key, ["hydra*", *sweeps]):
            raise UserError(f"{stage}: {line}: one value expected: each run would replace the files of the one before")
        if override.is_sweep_override() and not multirun:
            raise UserError(f"{stage}: {line} has several values, a run each; add --multirun")
        if key == "family":
            raise UserError(f"{stage}: a setting of a family expected, e.g. family.mfcc.n_mfcc=13, {line} found")
        if key in _CHOSEN:
            check_names(f"{stage}: {key}", key, _list_choices(stage, override))
        elif isinstance(override.value(), Glob):
            raise UserError(f"{stage}: {line}: values expected ({key}=VALUE,VALUE), for glob() chooses among names")
    return overrides


def _explain_family(override: Override) -> str:
    """Return how to change a family for all stages: each reads what the ones before it wrote."""
    _, family, setting = override.key_or_group.split(".", 2)
    word = shlex.quote(f"conf/family/{family}.yaml:{setting}={str(override.input_line).partition('=')[2]}")
    queue = ("--queue ", " && dvc queue start") if override.is_sweep_override() else ("", "")
    return (
        f"features are computed by `extract`; run `dvc exp run {queue[0]}-S {word}{queue[1]}`, or let `regenre sweep`"
        " choose the value"
    )


def _is_among(key: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(key, pattern) or key == pattern.removesuffix(".*") for pattern in patterns)


def _list_settings(reads: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(pattern.removesuffix(".*") for pattern in ("dataset", *reads)))


def refuse_unread(keys: Iterable[str], reason: str) -> None:
    """Raise `UserError` if the command line has one of these settings or one below it; the reason is why not."""
    stage = HydraConfig.get().job.name
    for override in HydraConfig.get().overrides.task:
        if _is_among(override.lstrip("+~").partition("=")[0], [f"{key}.*" for key in keys]):
            raise UserError(f"{stage}: {override} changes nothing here: {reason}; leave it out")


def _parse_override(stage: str, word: str) -> Override:
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException as error:
        raise UserError(f"{stage}: SETTING=VALUE expected, {word!r} found; check its quotes and brackets") from error


def _list_choices(stage: str, override: Override) -> list[str]:
    """Return the names of the leaves that an override chooses."""
    value = override.value()
    if isinstance(value, Glob):  # which matches nothing: no name, and no run
        return value.filter(_list_names(override.key_or_group)) or value.include
    if override.is_sweep_override():
        return [str(value) for value in override.sweep_string_iterator()]
    if not isinstance(value, str | int):
        key = override.key_or_group
        raise UserError(
            f"{stage}: {key}: the name of one leaf expected, {override.input_line} found; for several, a run each:"
            f" --multirun {key}=NAME,NAME"
        )
    return [str(value)]


def _explain(error: BaseException) -> str:
    """Return what Hydra or OmegaConf says, with its cause, as one line."""
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    lines = [str(cause).strip().splitlines() for cause in causes]
    text = ": ".join(dict.fromkeys(join_lines(line[0]).rstrip(".") for line in lines if line))
    return re.sub(r"Could not override '(\S+)'.* is not in struct", lambda match: _explain_absent(match[1]), text)


def _explain_absent(key: str) -> str:
    """Return why a setting cannot be changed; another leaf of its group may have it."""
    group = key.partition(".")[0]
    if group not in _CHOSEN:
        return f"{key} is no setting"
    remedy = "; to add it, put + before it; a parameter of the classifier is +classifier.estimator.NAME=VALUE"
    return f"{key} is not set in the chosen leaf of conf/{group}/{remedy if group == 'classifier' else ''}"


def read_grid() -> Grid:
    """Read `params.yaml`.

    Raises
    ------
    UserError
        A key is missing or unknown, a list is empty, or a name has no leaf in conf/.
    """
    path = paths.locate_params()
    if not path.is_file():
        raise UserError(f"{path} is missing; a project has one beside its conf/")
    grid = read_leaf(path, Grid)
    check_names(f"{paths.shorten(path)}: dataset", "dataset", [grid.dataset])
    for key, group in GROUPS.items():
        check_names(f"{paths.shorten(path)}: {key}", group, getattr(grid, key))
    return grid


def compose_settings() -> Settings:
    """Return the settings, outside a stage."""
    with open_settings() as settings:
        return settings


@contextmanager
def open_settings() -> Iterator[Settings]:
    """Yield the settings, outside a stage; leaves can be read as long as they are open."""
    _register_settings(paths.locate_conf())
    with _compose("settings", []) as cfg:
        yield _check_settings(cfg, cfg.pop("hydra").runtime.choices)


def get_choice(group: str) -> str:
    """Return the leaf of a group that this run was composed with."""
    return str(HydraConfig.get().runtime.choices[group])


Leaves = dict[str, dict[str, Any]]
"""Name -> settings as plain dictionaries, with interpolations resolved."""


def read_leaves(splits: Sequence[str], classifiers: Sequence[str], seed: int) -> tuple[Leaves, Leaves]:
    """Return the leaves of these splits and of these classifiers, composed at once."""
    names = {"split": splits, "classifier": classifiers}
    overrides = [f"+{group}@leaves.{group}.{name}={name}" for group in names for name in names[group]]
    leaves = resolve_node(hydra.compose(None, [f"+seed={seed}", *overrides]).get("leaves", {}))
    for group in leaves:
        for name, leaf in leaves[group].items():
            if not isinstance(leaf, dict):
                raise UserError(
                    f"conf/{group}/{name}.yaml: settings (key: value) expected, a {type(leaf).__name__} found; mend it"
                )
    of_splits, of_classifiers = (fill_words(leaves.get(group, {}), {"seed": seed}) for group in names)
    return of_splits, {name: add_members(leaf, seed) for name, leaf in of_classifiers.items()}


def add_members(leaf: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return a classifier's leaf with the leaves of its members instead of their names."""
    if not leaf.get("members"):
        return leaf
    check_names("conf/classifier: members", "classifier", leaf["members"])
    return leaf | {"members": read_leaves([], leaf["members"], seed)[1]}


def make_compute(settings: Settings) -> Compute:
    """Return where the work is done: one process per run if a launcher runs several side by side."""
    hydra_cfg = HydraConfig.get()
    side_by_side = hydra_cfg.mode == RunMode.MULTIRUN and "basic" not in hydra_cfg.launcher._target_.lower()
    compute: Compute = (
        Local(n_jobs=1)
        if side_by_side
        else build(settings.compute, f"conf/compute/{get_choice('compute')}.yaml", Compute)
    )
    return compute


def is_by_hand() -> bool:
    """Return whether the command line chooses more than dvc.yaml does: then the run makes a cell of its own."""
    keys = {override.lstrip("+~").partition("=")[0].partition(".")[0] for override in HydraConfig.get().overrides.task}
    return bool(keys - {"dataset", "seed", "compute"})


def is_sweep() -> bool:
    """Return whether a sweeper runs this stage with one choice of several."""
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)


def name_cell() -> CellName:
    """Return the name of the cell that this run chose on the command line."""
    split, features, classifier = (get_choice(group) for group in CellName.COLUMNS)
    return CellName(split, features, classifier, HydraConfig.get().job.override_dirname)


def build(node: Any, where: str, *kinds: type[Any], packages: Sequence[str] | None = None) -> Any:
    """Return the object that a node describes; it receives plain containers.

    Parameters
    ----------
    where : the node's file, for errors
    kinds : classes or protocols, one of which the object has
    packages : modules and packages that a `_target_` may be in; None for `trusted` of conf/config.yaml

    Raises
    ------
    UserError
        A setting has a wrong name or value, or a `_target_` is missing, is not in these packages or of another kind.
    """
    where = _name_place(where)
    packages = read_trusted() if packages is None else packages
    expected = " or ".join(kind.__name__ for kind in kinds)
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        raise UserError(f"{where}: `_target_: <class>` expected, a {expected}; none found")
    for target in _list_targets(node):
        if not _is_in(target, packages):
            raise UserError(
                f"{where}: _target_: {target}: something in {', '.join(packages)} expected; if you trust its author,"
                " add its package to `trusted` in conf/config.yaml"
            )
        if not _is_class(target, packages):
            raise UserError(f"{where}: _target_: a class of {', '.join(packages)} expected, {target} found; change it")
    try:
        instance = hydra.utils.instantiate(_escape_twice(node), _convert_="all")
    except (InstantiationException, OmegaConfBaseException, TypeError, ValueError) as error:
        cause = error.__cause__ or error
        lines = [line for line in str(cause).splitlines() if not line.startswith("full_key")]
        reason = explain_invalid(cause) if isinstance(cause, ValidationError) else join_lines(" ".join(lines[:2]))
        raise UserError(f"{where}: {node['_target_']} cannot be built from its settings: {reason}") from error
    if not isinstance(instance, kinds):
        raise UserError(f"{where}: _target_: a {expected} expected, {node['_target_']} found")
    return instance


def _name_place(where: str) -> str:
    """Return a node's file; and the command line too, if it changes a setting of that leaf."""
    if not HydraConfig.initialized():
        return where
    leaf = Path(where)
    prefix = f"family.{leaf.stem}." if leaf.parent.name == "family" else f"{leaf.parent.name}."
    is_changed = any(override.lstrip("+~").startswith(prefix) for override in HydraConfig.get().overrides.task)
    return f"{where}, or the command line" if is_changed else where


def _is_in(name: str, packages: Sequence[str]) -> bool:
    return any(name.startswith(f"{package}.") for package in packages)


def _is_class(target: str, packages: Sequence[str]) -> bool:
    """Return whether a name in the packages is of a class of theirs, not of what a module of theirs imports.

    A name that nothing has passes: building it says so.
    """
    module, _, name = target.rpartition(".")
    try:
        target_class = getattr(import_module(module), name, None)
    except ImportError:
        return False
    return target_class is None or (isinstance(target_class, type) and _is_in(f"{target_class.__module__}.", packages))


def _escape_twice(node: Any) -> Any:
    """Return a node whose texts `instantiate` leaves as they stand, for it resolves interpolations twice.

    The node's own interpolations are resolved already. A `${` that is still there is plain text, such as part of a
    folder's name.
    """
    if isinstance(node, str):
        return _escape(_escape(node))
    if isinstance(node, dict):
        return {key: _escape_twice(value) for key, value in node.items()}
    return [_escape_twice(value) for value in node] if isinstance(node, (list, tuple)) else node


def read_trusted() -> list[str]:
    """Return the packages that a `_target_` of conf/ and a model may name: `trusted` of conf/config.yaml."""
    path = paths.locate_conf() / "config.yaml"
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


def resolve_node(node: Any) -> Any:
    """Return a node as dictionaries and lists, with interpolations resolved."""
    return OmegaConf.to_container(node, resolve=True)


def fill_words(node: Any, values: Mapping[str, Any]) -> Any:
    """Return a node with the words of conf/ filled in: `<seed>`, `<source>`, and `<NAME, default>` for a variable.

    They stand for interpolations of OmegaConf, with which `dvc exp run -S` could not change the file that has them.
    """
    if isinstance(node, dict):
        return {key: fill_words(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [fill_words(value, values) for value in node]
    if isinstance(node, str) and (variable := _VARIABLE.fullmatch(node)):
        return os.environ.get(variable[1], variable[2])
    return values.get(node[1:-1], node) if node in ("<seed>", "<source>") else node


def read_feature_set(features: str) -> FeaturesLeaf:
    """Read a feature set: a leaf of conf/features, or a family alone."""
    path = paths.locate_conf() / "features" / f"{features}.yaml"
    if not path.is_file():
        check_names("feature set", "features", [features])
        return FeaturesLeaf([features])
    leaf = read_leaf(path, FeaturesLeaf)
    check_names(f"{path}: families", "family", leaf.families)
    return leaf


def list_families(sets: Mapping[str, FeaturesLeaf]) -> list[str]:
    """Return every family of some feature sets (`read_feature_set`), sorted."""
    return sorted({family for leaf in sets.values() for family in leaf.families})


def read_deformations(where: str, patterns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the leaves of conf/deformation whose names match any of the patterns; `where` names the setting."""
    folder = paths.locate_conf() / "deformation"
    return {name: read_yaml(folder / f"{name}.yaml") for name in match_names(where, "deformation", patterns)}


def build_leaves(group: str, leaves: Mapping[str, dict[str, Any]], *kinds: type[Any]) -> dict[str, Any]:
    """Build the leaves of a group, each as `build` does."""
    return {name: build(leaf, f"conf/{group}/{name}.yaml", *kinds) for name, leaf in leaves.items()}


def read_leaf(path: Path, kind: type[T]) -> T:
    """Read a YAML file of settings as a strict dataclass.

    Raises
    ------
    UserError
        The file is not YAML, or a setting is missing, unknown or of another kind.
    """
    try:
        return kind(**read_yaml(path, resolve=False))
    except ValidationError as error:
        raise UserError(f"{paths.shorten(path)}: {explain_invalid(error)}; mend it") from error


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


def render_yaml(content: Mapping[str, Any]) -> str:
    """Return settings as YAML, sorted."""
    return yaml.safe_dump(dict(content), sort_keys=True, allow_unicode=True, width=120)


def check_names(where: str, group: str, names: Sequence[str]) -> None:
    """Raise `UserError` for a name that the group does not have, and list those that it has."""
    names_in_group = _list_names(group)
    for name in names:
        if name not in names_in_group:
            choices = (
                f"choose from {', '.join(names_in_group)}"
                if names_in_group
                else f"{paths.locate_conf() / group} has no leaf"
            )
            raise UserError(f"{where}: {name!r} is not in conf/{group}/; {choices}")


def match_names(where: str, group: str, patterns: Sequence[str]) -> list[str]:
    """Return the names of a group that match any of the patterns, sorted; each pattern has to match one."""
    names_in_group = _list_names(group)
    for pattern in patterns:
        if not filter_names(names_in_group, pattern):
            check_names(where, group, [pattern])
    return sorted({name for pattern in patterns for name in filter_names(names_in_group, pattern)})


def _list_names(group: str) -> list[str]:
    """Return the names that a group has; each family is a feature set."""
    groups = (group, "family") if group == "features" else (group,)
    return sorted({name for part in groups for name in _list_leaves(paths.locate_conf(), part)})


def _list_leaves(conf: Path, group: str) -> list[str]:
    return sorted(path.stem for path in (conf / group).glob("*.yaml"))
