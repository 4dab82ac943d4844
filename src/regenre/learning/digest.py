"""The digest of everything that decides a cell: its plan, the arrays of its tasks, code, and libraries.

Nothing is listed by hand. The code is the module that runs tasks, the modules of all objects that the tasks hold, and
every module of regenre that these import. So an edit of the vectoriser of texts touches the cells that have texts, an
edit of a classifier its own cells, and an edit of a page none.

    digest_inputs      the digest of a cell
    find_code          modules -> the modules of regenre that they import, with digests
    find_own_sources   modules of a package of the user's -> all sources of that package, with digests
    find_libraries     the libraries that these import, and those that they need, with versions
    list_requirements  what a model needs elsewhere
"""

import ast
import json
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import md5
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from sklearn.base import BaseEstimator

from regenre.common import files, records
from regenre.learning import tasks
from regenre.learning.cells import CellPlan
from regenre.learning.estimator import Learner
from regenre.learning.tasks import Task

_PACKAGE = "regenre"


def digest_inputs(plan: CellPlan, cell_tasks: Sequence[Task]) -> str:
    """Return the MD5 of everything that decides a cell."""
    code, libraries = _find_sources(list(cell_tasks))
    parts = {
        "plan": records.convert_to_plain(plan),
        "arrays": [_digest_arrays(task) for task in cell_tasks],
        "code": code,
        "libraries": libraries,
    }
    return md5(json.dumps(parts, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def find_code(modules: Collection[str]) -> dict[str, str]:
    """Return the modules and all modules of regenre that they import, each with the MD5 of its source.

    Imports under `if TYPE_CHECKING` are left out, since they never run.
    """
    code: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in code:
            source, imports = _read_module(name)
            code[name] = source
            waiting += [module for module in imports if module.partition(".")[0] == _PACKAGE]
    return code


def find_own_sources(modules: Collection[str]) -> dict[str, str]:
    """Return every source of the packages of modules that lie outside of the installed libraries, each with its MD5."""
    packages = {module.partition(".")[0] for module in modules} - {_PACKAGE} - sys.stdlib_module_names
    return {name: md5_of_source for package in packages for name, md5_of_source in _digest_package(package).items()}


@cache
def _digest_package(package: str) -> dict[str, str]:
    """Return the sources of a package, or nothing for an installed library."""
    spec = find_spec(package)
    if spec is None:
        return {}
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    origins = folders or ([Path(spec.origin)] if spec.origin else [])
    if any({"site-packages", "dist-packages"}.intersection(origin.parts) for origin in origins):
        return {}
    sources = [(path.relative_to(folder), path) for folder in folders for path in folder.rglob("*.py")]
    sources = sources or [(Path(origin.name), origin) for origin in origins]
    return {f"{package}:{name.as_posix()}": files.compute_md5(path) for name, path in sources}


def find_libraries(modules: Collection[str]) -> dict[str, str]:
    """Return the libraries that modules import or are part of, and those that these need, with their versions."""
    names = set()
    for module in modules:
        top = module.partition(".")[0]
        names |= {name.partition(".")[0] for name in _read_module(module)[1]} if top == _PACKAGE else {top}
    libraries = set(filter(None, map(_find_library, names - {_PACKAGE} - sys.stdlib_module_names)))
    needed = {name for library in libraries for name in _list_needed(library)}
    return {library: _read_version(library) for library in sorted(libraries | needed)}


@cache
def _list_needed(library: str) -> frozenset[str]:
    """Return the installed libraries that a library needs in any case."""
    texts = [Requirement(text) for text in requires(library) or ()]
    names = {text.name for text in texts if text.marker is None or text.marker.evaluate({"extra": ""})}
    return frozenset(filter(None, map(_find_name, names)))


@cache
def _read_version(library: str) -> str:
    return version(library)


@cache
def _find_name(library: str) -> str | None:
    """Return an installed library's own name, however it is spelled here."""
    try:
        return str(distribution(library).metadata["Name"])
    except PackageNotFoundError:
        return None


@cache
def _find_library(package: str) -> str | None:
    """Return the library that installs a package."""
    return min((str(library.metadata["Name"]) for library in _map_distributions().get(package, ())), default=None)


@cache
def _map_distributions() -> dict[str, list[Distribution]]:
    """Map packages to what installs them.

    `packages_distributions` of importlib.metadata takes half a second, for it looks whether each file is there.
    """
    packages = defaultdict(list)
    for library in distributions():
        lines = [line for file in ("RECORD", "top_level.txt") for line in (library.read_text(file) or "").splitlines()]
        for package in {line.partition("/")[0].partition(".")[0] for line in lines}:
            packages[package].append(library)
    return packages


@cache
def _read_module(name: str) -> tuple[str, frozenset[str]]:
    """Return the MD5 of a module's source and the names of the modules that it imports."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} has no source")
    path = Path(spec.origin)
    return files.compute_md5(path), frozenset(_list_imports(ast.parse(path.read_bytes())))


def _list_imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield from (_resolve(child.module, alias.name) for alias in child.names)
        else:
            yield from _list_imports(child)


def _resolve(module: str, name: str) -> str:
    """Return the module that `from module import name` reads: a submodule if there is one of that name."""
    if module.partition(".")[0] == _PACKAGE and find_spec(module).submodule_search_locations:  # type: ignore[union-attr]
        return f"{module}.{name}" if find_spec(f"{module}.{name}") else module
    return module


def _list_types(value: Any) -> Iterator[type]:
    """List the types of an object and of all that it holds."""
    if is_dataclass(value) and not isinstance(value, type):
        yield type(value)
        for field in fields(value):
            yield from _list_types(getattr(value, field.name))
    elif isinstance(value, BaseEstimator):
        yield type(value)
        yield from _list_types(value.get_params(deep=False))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _list_types(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _list_types(item)


def _digest_arrays(task: Task) -> str:
    folds = [task.fold, *task.inner]
    positions = [part for fold in folds for part in (fold.train, fold.valid, fold.test)]
    return task.values.md5 + tasks.digest_arrays([task.genre, task.group, *positions])


def list_requirements(learner: Learner) -> dict[str, str]:
    """Return `regenre` and the libraries that fit a learner, with versions; regenre itself names what else it needs."""
    _, libraries = _find_sources(learner)
    return {_PACKAGE: version(_PACKAGE)} | libraries


def _find_sources(objects: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Return the code and the libraries that run tasks with these objects."""
    modules = {tasks.__name__, *(kind.__module__ for kind in _list_types(objects))}
    code = find_code({name for name in modules if name.partition(".")[0] == _PACKAGE})
    return code | find_own_sources(modules), find_libraries({*code, *modules})
