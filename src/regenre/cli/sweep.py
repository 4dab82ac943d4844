"""`regenre sweep`: settings of a classifier and of families, chosen by Optuna inside each fold."""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from joblib import Parallel, delayed
from tqdm import tqdm

from regenre.common import config, paths, records, tables
from regenre.common.compute import Compute
from regenre.common.config import Settings
from regenre.common.errors import UserError, escape_terminal
from regenre.common.paths import CellName
from regenre.evaluation import metrics
from regenre.features import feature_files
from regenre.learning import cells, tasks
from regenre.learning.cells import Cell
from regenre.learning.digest import digest_inputs
from regenre.learning.estimator import Learner
from regenre.learning.plan import PlannedCell, Planner
from regenre.learning.splits import Split
from regenre.learning.sweep import (
    Sweep,
    SweepRecord,
    Variant,
    change_leaf,
    digest_sweep,
    list_variants,
    select_variant,
    sweep_fold,
)


def run(arguments: argparse.Namespace) -> None:
    """Sweep, write the cell, and print its honest score, and beside it what a choice by the tested clips claims."""
    config.check_names("sweep", "sweep", [arguments.name])
    paths.enter_root()  # relative paths in conf/ are below it
    where = f"conf/sweep/{arguments.name}.yaml"
    sweep = config.read_leaf(Path(where).absolute(), Sweep)
    name = CellName(sweep.split, sweep.features, sweep.classifier, f"sweep={arguments.name}")
    for group, leaf in name.columns.items():
        config.check_names(f"{where}: {group}", group, [leaf])
    families = config.read_feature_set(sweep.features).families
    for family, setting in (setting.split(".")[1:3] for setting in sweep.space if setting.startswith("family.")):
        if family not in families:
            raise UserError(
                f"{where}: space: family.{family}.{setting}: a family of {sweep.features} expected"
                f" ({', '.join(families)}), {family} found"
            )
    with config.open_settings() as settings:
        compute: Compute = config.build(settings.compute, "conf/compute", Compute)
        with compute.use():
            _sweep(sweep, name, settings)


def _sweep(sweep: Sweep, name: CellName, settings: Settings) -> None:
    start, grid = time.time(), config.read_grid()
    splits, classifiers = config.read_leaves([sweep.split], [sweep.classifier], grid.seed)
    split, learners = splits[sweep.split], _Learners(sweep.classifier, classifiers[sweep.classifier])
    learners.make(sweep.first)  # refuse a wrong setting before the features are computed
    search = settings.search
    planner = Planner(grid.dataset, paths.locate_index(grid.dataset), Path(), grid.seed, search, config.build)
    planned: dict[Variant, PlannedCell] = {}
    for variant in tqdm(list_variants(sweep), desc="features", unit=" variants", disable=None):
        with TemporaryDirectory() as folder:
            features = _find_features(Path(folder), grid.dataset, name, variant, settings, learners.leaf, split)
            planned[variant] = planner.read_from(features).plan_cell(name, split, learners.leaf)
    first = next(iter(planned.values()))
    calls = (
        delayed(sweep_fold)(sweep, {key: cell.tasks[number] for key, cell in planned.items()}, learners.make, grid.seed)
        for number in range(len(first.tasks))
    )
    fold_sweeps = list(tqdm(Parallel(return_as="generator")(calls), total=len(first.tasks), desc="sweep", disable=None))
    own_tasks, results = [fold.task for fold in fold_sweeps], [fold.result for fold in fold_sweeps]
    chosen = results[-1].chosen
    plan = replace(planned[select_variant(chosen)].plan, classifier=learners.change(chosen))
    inputs = digest_sweep(digest_inputs(plan, own_tasks), results)
    cell, predictions, model = tasks.assemble_cell(plan, inputs, first.clips, own_tasks, results)
    folds = first.deal.folds
    claims = tasks.join_predictions(first.clips, folds, [fold.luckiest for fold in fold_sweeps[: len(folds)]])
    honest, inflated = (metrics.score(each, grid.seed).cell for each in (predictions, claims))
    target = paths.locate_sweeps(grid.dataset) / str(name)
    cell.write(target, predictions, model)
    records.write_record(target / "sweep.json", SweepRecord(sweep, honest["accuracy"], inflated["accuracy"]))
    cells.Fit(time.time(), round(time.time() - start, 3)).write(inputs)
    _print_answer(cell, honest, inflated, sweep.n_trials)


@dataclass(frozen=True)
class _Learners:
    """Makes the learner of a choice from a leaf of conf/classifier, whose own `search:` the sweep replaces."""

    name: str
    leaf: dict[str, Any]

    def change(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        """Return the leaf of a choice."""
        prefix = "classifier."
        changes = {name.removeprefix(prefix): value for name, value in choice.items() if name.startswith(prefix)}
        leaf = {name: value for name, value in self.leaf.items() if name != "search"}
        return change_leaf(leaf, changes, f"conf/classifier/{self.name}.yaml")

    def make(self, choice: Mapping[str, Any]) -> Learner:
        """Build the learner of a choice."""
        learner: Learner = config.build(self.change(choice), f"conf/classifier/{self.name}.yaml", Learner)
        return learner


def _find_features(
    folder: Path,
    dataset: str,
    name: CellName,
    variant: Variant,
    settings: Settings,
    classifier: Mapping[str, Any],
    split: Mapping[str, Any],
) -> Path:
    """Return the folder of a variant's features, with frames and pieces if the classifier and the split read them.

    It is that of `extract` if the variant changes no family. Else they are computed, into the folder that is passed.
    """
    families = dict(settings.family)
    for setting, value in variant:
        _, family, own = setting.split(".", 2)
        families[family] = change_leaf(families[family], {own: value}, f"conf/family/{family}.yaml")
    clips = tables.select_usable(tables.read_clips(paths.locate_index(dataset)))
    leaf = config.read_feature_set(name.features)
    splitter = config.build(split, f"conf/split/{name.split}.yaml", Split)
    n_averaged = settings.sequences.n_averaged if classifier.get("reads") == "frames" else 0
    piece_s = settings.pieces.length_s if splitter.pieces else 0.0
    changed, extracted = replace(settings, family=families), paths.locate_features(dataset)
    if feature_files.is_extracted(extracted, name.features, leaf, n_averaged, piece_s, changed):
        return extracted
    raw, sets = paths.locate_raw(dataset), {name.features: leaf}
    feature_files.extract_sets(folder, clips, raw, sets, n_averaged, piece_s, changed)
    return folder


def _print_answer(cell: Cell, honest: Mapping[str, Any], inflated: Mapping[str, Any], n_trials: int) -> None:
    for search in cell.searches:
        chosen = ", ".join(f"{setting} {_format(value)}" for setting, value in search.chosen.items())
        whose = "model" if search.fold is None else f"fold {search.fold}"
        print(escape_terminal(f"{whose}: {chosen}; {search.score:.3f} on its inner folds"))
    interval = "{accuracy:.3f} ({accuracy_low:.3f} to {accuracy_high:.3f}), {n_clips} clips".format(**honest)
    print(escape_terminal(f"{cell.plan.name}: accuracy {interval}, none of which chose anything"))
    print(
        f"inflated: accuracy {inflated['accuracy']:.3f}, if the tested clips chose the best of {n_trials} in each fold"
    )


def _format(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
