"""DVC sees only what dvc.yaml names: each stage has to name the code that it runs, as rooms where it can."""

import ast
import importlib

import grimp
import pytest
from helpers import ROOT
from omegaconf import OmegaConf

STAGES = OmegaConf.to_container(OmegaConf.load(ROOT / "dvc.yaml"))["stages"]
GRAPH = grimp.build_graph("regenre", exclude_type_checking_imports=True)
PACKAGES = {module for module in GRAPH.modules if (ROOT / "src" / module.replace(".", "/")).is_dir()}
BUILT = {  # rooms whose classes a stage builds from conf/, which no import shows
    "download": ["datasets"],
    "index": ["datasets"],
    "extract": ["deformation", "features.families", "features.pooling", "tabular"],
    "gallery": ["features.families"],
    "train": ["learning.classifiers"],
    "stress": ["deformation", "features.families", "features.pooling", "learning.classifiers"],
    "study": ["learning.classifiers"],
}


def list_modules(name: str) -> set[str]:
    return ({name} | set(GRAPH.find_descendants(name))) - PACKAGES


def list_needed(stage: str) -> set[str]:
    """Return every module that a stage runs."""
    start = {f"regenre.stages.{stage}"}.union(*(list_modules(f"regenre.{name}") for name in BUILT.get(stage, [])))
    return start.union(*(GRAPH.find_upstream_modules(module) for module in start)) - PACKAGES


def list_dependencies(stage: str) -> dict[str, set[str]]:
    """Return the modules behind each source that dvc.yaml names."""
    names = [dep for dep in STAGES[stage]["deps"] if dep.startswith("src/") and "/templates/" not in dep]
    return {name: list_modules(name.removeprefix("src/").removesuffix(".py").replace("/", ".")) for name in names}


def test_the_lock_has_the_stages_of_the_pipeline_and_no_others() -> None:
    """DVC keeps what a stage of another name left there, and reads and writes all of it for each stage."""
    assert set(OmegaConf.load(ROOT / "dvc.lock")["stages"]) == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_all_code_that_it_runs(stage: str) -> None:
    missing = list_needed(stage) - set().union(*list_dependencies(stage).values())
    assert not missing, f"dvc.yaml: {stage}: deps lack {sorted(missing)}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_no_code_that_it_does_not_run(stage: str) -> None:
    """A file has to be run; of a room, more than half."""
    needed = list_needed(stage)
    for name, modules in list_dependencies(stage).items():
        assert len(modules & needed) > len(modules) / 2, f"dvc.yaml: {stage}: {name} is not run"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_a_short_script_that_reads_the_settings_that_it_names(stage: str) -> None:
    source = (ROOT / f"src/regenre/stages/{stage}.py").read_text()
    assert len(source.splitlines()) <= 60
    used = {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "settings"
    }
    if "config.make_compute(" in source:
        used.add("compute")
    reads = {pattern.partition(".")[0] for pattern in importlib.import_module(f"regenre.stages.{stage}").READS}
    assert used <= reads | {"dataset"}
    assert reads & {"seed", "compute"} <= used | ({"seed"} if stage == "download" else set())  # leaves interpolate it


def test_packages_hold_no_code_of_their_own() -> None:
    """Importing a module runs the `__init__` of its packages, which dvc.yaml does not name.

    That of `regenre.stages` catches signals, which changes no result.
    """
    for package in PACKAGES - {"regenre", "regenre.stages"}:
        path = ROOT / "src" / package.replace(".", "/") / "__init__.py"
        assert [type(node) for node in ast.parse(path.read_text()).body] == [ast.Expr], package


def test_every_stage_has_a_module_of_its_name() -> None:
    modules = {path.stem for path in (ROOT / "src/regenre/stages").glob("[a-z]*.py")}
    assert modules == set(STAGES)
