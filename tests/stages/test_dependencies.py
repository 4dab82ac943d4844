"""DVC sees only what dvc.yaml names: each stage has to name every module that it runs."""

import grimp
import pytest
from conftest import ROOT
from omegaconf import OmegaConf

STAGES = OmegaConf.to_container(OmegaConf.load(ROOT / "dvc.yaml"))["stages"]
GRAPH = grimp.build_graph("regenre")


def path_of(module: str) -> str:
    path = ROOT / "src" / module.replace(".", "/")
    return str((path if path.is_dir() else path.with_suffix(".py")).relative_to(ROOT))


def modules_below(dependency: str) -> set[str]:
    name = dependency.removeprefix("src/").removesuffix(".py").replace("/", ".")
    return {name} | set(GRAPH.find_descendants(name))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_every_module_that_it_runs_and_no_other(stage: str) -> None:
    named = {dep for dep in STAGES[stage]["deps"] if dep.startswith("src/") and not dep.endswith(".html")}
    start = set().union(*(modules_below(dep) for dep in named if not dep.endswith(".py")))
    start.add(f"regenre.stages.{stage}")
    needed = start.union(*(GRAPH.find_upstream_modules(module) for module in start)) - {"regenre", "regenre.stages"}
    covered = set().union(*(modules_below(dep) for dep in named))
    assert needed <= covered, f"dvc.yaml: {stage}: deps lack {sorted(path_of(module) for module in needed - covered)}"
    assert covered <= needed | start, f"dvc.yaml: {stage}: deps not run: {sorted(covered - needed)}"


def test_every_stage_has_a_module_of_its_name() -> None:
    modules = {path.stem for path in (ROOT / "src/regenre/stages").glob("[a-z]*.py")}
    assert modules == set(STAGES)
