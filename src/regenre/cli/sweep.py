"""`regenre sweep`: settings of a classifier and of families, chosen by Optuna inside each fold."""

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import md5
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from tqdm import tqdm

from regenre import config, files, paths, records, tables
from regenre.compute import Compute
from regenre.config import Settings
from regenre.errors import escape_terminal
from regenre.evaluation import metrics
from regenre.features import feature_files
from regenre.learning import cells, tasks
from regenre.learning.cells import Cell
from regenre.learning.digest import digest_inputs
from regenre.learning.estimator import Learner
from regenre.learning.plan import PlannedCell, Planner
from regenre.learning.splits import Split
from regenre.learning.sweep import Sweep, Variant, change_leaf, list_variants, select_variant, sweep_fold
from regenre.paths import CellName


def run(arguments: argparse.Namespace) -> None:
    """Sweep, write the cell, and print its honest score."""
    config.check_names("sweep", "sweep", [arguments.name])
    sweep = config.read_leaf(paths.locate_conf() / f"sweep/{arguments.name}.yaml", Sweep)
    for group, name in zip(CellName.COLUMNS, (sweep.split, sweep.features, sweep.classifier), strict=True):
        config.check_names(f"conf/sweep/{arguments.name}.yaml: {group}", group, [name])
    with config.open_settings() as settings:
        compute: Compute = config.build(settings.compute, "conf/compute", Compute)
        with compute.use():
            _sweep(sweep, arguments.name, settings)


def _sweep(sweep: Sweep, name: str, settings: Settings) -> None:
    start, grid = time.time(), config.read_grid()
    split = config.read_leaves("split", [sweep.split], grid.seed)[sweep.split]
    learners = _Learners(
        sweep.classifier, config.read_leaves("classifier", [sweep.classifier], grid.seed)[sweep.classifier]
    )
    pieces = bool(getattr(config.build(split, f"conf/split/{sweep.split}.yaml", Split), "pieces", False))
    cell_name = CellName(sweep.split, sweep.features, sweep.classifier, f"sweep={name}")
    planned: dict[Variant, PlannedCell] = {}
    for variant in tqdm(list_variants(sweep), desc="features", unit=" variants", disable=None):
        features = _write_features(grid.dataset, sweep.features, variant, settings, learners.reads, pieces)
        planner = Planner(
            grid.dataset, paths.locate_index(grid.dataset), features, grid.seed, settings.search, config.build
        )
        planned[variant] = planner.plan_cell(cell_name, split, learners.leaf)
    first = next(iter(planned.values()))
    calls = (
        delayed(sweep_fold)(sweep, {key: cell.tasks[number] for key, cell in planned.items()}, learners.make, grid.seed)
        for number in range(len(first.tasks))
    )
    fits = list(tqdm(Parallel(return_as="generator")(calls), total=len(first.tasks), desc="sweep", disable=None))
    own_tasks, results = [task for task, _ in fits], [result for _, result in fits]
    plan = planned[select_variant(results[-1].chosen)].plan
    plan = replace(plan, classifier=learners.change(results[-1].chosen))
    inputs = digest_inputs(plan, own_tasks)
    cell, predictions, model = tasks.assemble_cell(plan, inputs, first.clips, own_tasks, results)
    cell.write(paths.locate_sweeps(grid.dataset) / str(plan.name), predictions, model)
    cells.Fit(time.time(), round(time.time() - start, 3)).write(inputs)
    _print_answer(cell, metrics.score(predictions, grid.seed).cell, str(plan.name))


@dataclass(frozen=True)
class _Learners:
    """Makes the learner of a choice from a leaf of conf/classifier, whose own `search:` the sweep replaces."""

    name: str
    leaf: dict[str, Any]

    @property
    def reads(self) -> str:
        """What the classifier reads."""
        return str(self.leaf.get("reads", "rows"))

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


def _write_features(
    dataset: str, features: str, variant: Variant, settings: Settings, reads: str, pieces: bool
) -> Path:
    """Return the folder of a variant's features; a finished one is used again."""
    families = dict(settings.family)
    for name, value in variant:
        family, _, setting = name.removeprefix("family.").partition(".")
        config.check_names(f"space: {name}", "family", [family])
        families[family] = change_leaf(families[family], {setting: value}, f"conf/family/{family}.yaml")
    changed = replace(settings, family=families)
    index = paths.locate_index(dataset)
    decides = [files.compute_md5(index), features, reads, pieces, records.convert_to_plain(changed)]
    digest = md5(json.dumps(decides, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    folder = paths.locate_sweeps(dataset).parent / f".features/{digest}"
    if not (folder / f"{features}.json").is_file():
        clips = tables.select_usable(tables.read_clips(index))
        sets = {features: config.read_feature_set(features)}
        n_averaged = settings.sequences.n_averaged if reads == "frames" else 0
        piece_s = settings.pieces.length_s if pieces else 0.0
        feature_files.extract_sets(folder, clips, paths.locate_raw(dataset), sets, n_averaged, piece_s, changed)
    return folder


def _print_answer(cell: Cell, scores: Mapping[str, Any], name: str) -> None:
    for search in cell.searches:
        chosen = ", ".join(f"{setting} {_format(value)}" for setting, value in search.chosen.items())
        whose = "model" if search.fold is None else f"fold {search.fold}"
        print(escape_terminal(f"{whose}: {chosen}; {search.score:.3f} on its inner folds"))
    interval = "{accuracy:.3f} ({accuracy_low:.3f} to {accuracy_high:.3f}), {n_clips} clips".format(**scores)
    print(escape_terminal(f"{name}: accuracy {interval}, none of which chose anything"))


def _format(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
