"""Fit and test the cells of the grid, side by side; leave a cell as it is if its inputs did not change.

Reads: data/index/<dataset>.parquet, data/features/<dataset>/, params.yaml. Writes: data/cells/<dataset>/<cell>/, and in
data/fits/ when a cell was fitted. Choices on the command line make one cell instead, in data/sweeps/<dataset>/.
"""

import time
from pathlib import Path

from tqdm import tqdm

from regenre.common import config, paths
from regenre.common.compute import start_workers
from regenre.common.config import Settings
from regenre.evaluation import metrics
from regenre.learning import cells, grid, tasks
from regenre.learning.plan import PlannedCell, Planner

SWEEPS = ("dataset", "split.*", "features", "classifier.*", "search.*")  # a cell of its own for each value
READS = (*SWEEPS, "seed", "compute.*")


def main(settings: Settings) -> float | None:
    """Write the cells that are missing or out of date, and remove the others; return a score for Hydra's sweepers."""
    start, fits_s = time.monotonic(), 0.0
    with config.make_compute(settings).use():
        with start_workers(tasks.__name__) as n_workers:
            plan, folder = _plan_cells(settings)
            removed = [] if config.is_by_hand() else cells.remove_others(folder, [cell.name for cell in plan])
            stale = [cell for cell in plan if not cells.is_current(folder / cell.name, cell.plan, cell.inputs)]
        for fitted in grid.fit_cells(stale, folder):
            cells.Fit(time.time(), round(fitted.seconds, 3)).write(fitted.cell.inputs)
            scores, fits_s = metrics.score(fitted.predictions, settings.seed).cell, fits_s + fitted.seconds
            n_warnings = len({message for search in fitted.cell.searches for message in search.warnings})
            warnings = f", warnings in its cell.json: {n_warnings}" if n_warnings else ""
            accuracy = "{accuracy:.3f} ({accuracy_low:.3f} to {accuracy_high:.3f}), {n_clips} clips".format(**scores)
            tqdm.write(f"{fitted.cell.plan.name}: accuracy {accuracy}, {fitted.seconds:.1f} s{warnings}")
    print(
        f"train {config.get_choice('dataset')}: {len(stale)} cells fitted, {len(plan) - len(stale)} unchanged,"
        f" {len(removed)} removed; {fits_s:.1f} s of fits in {time.monotonic() - start:.1f} s on {n_workers} workers"
    )
    return grid.score_inner(plan[0], folder) if config.is_sweep() else None


def _plan_cells(settings: Settings) -> tuple[list[PlannedCell], Path]:
    name, seed = config.get_choice("dataset"), settings.seed
    planner = Planner(name, paths.locate_index(name), paths.locate_features(name), seed, settings.search, config.build)
    if config.is_by_hand():
        classifier = config.add_members(settings.classifier, seed)
        cell = planner.plan_cell(config.name_cell(), settings.split, classifier)
        return [cell], paths.locate_sweeps(name)
    names = config.read_grid()
    splits, classifiers = config.read_leaves(names.splits, names.classifiers, seed)
    plan = [planner.plan_cell(cell, splits[cell.split], classifiers[cell.classifier]) for cell in names.cells]
    return plan, paths.locate_cells(name)


if __name__ == "__main__":
    config.run_stage(main, READS, sweeps=SWEEPS)
