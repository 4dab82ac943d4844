"""Fit and test the cells of the grid, side by side; a cell whose inputs did not change is left as it is.

Reads: data/index/<dataset>.parquet, data/features/<dataset>/, params.yaml. Writes: data/cells/<dataset>/<cell>/:
predictions.csv, model.skops, card.md, cell.json. Choices on the command line make one cell of your own instead, in
data/sweeps/<dataset>/.
"""

import time
from pathlib import Path

import hydra
from joblib import Parallel, delayed, effective_n_jobs
from omegaconf import DictConfig
from tqdm import tqdm

from regenre import card, cells, config, metrics, planning, report, training
from regenre.errors import reported


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Write the cells that are not there yet, and remove those that the grid has no longer."""
    with reported():
        plan, folder = _plan(cfg)
        removed = [] if config.by_hand() else cells.remove_others(folder, [cell.name for cell in plan])
        stale = [cell for cell in plan if not cells.is_current(folder / cell.name, cell.inputs)]
        started, fits_s = time.monotonic(), 0.0
        with config.compute(cfg).parallel():
            n_workers = effective_n_jobs(None)
            tasks = (delayed(training.work)(task) for cell in stale for task in cell.tasks)
            results = Parallel(return_as="generator")(tasks) if stale else iter(())
            for cell in tqdm(stale, desc="train", unit=" cells", disable=None):
                own = [next(results) for _ in cell.tasks]
                predictions = training.predictions(cell.clips, cell.dealt.folds, own[: len(cell.dealt.folds)])
                predictions = predictions.round(6)  # as they are stored
                content, scores = cell.content(own), metrics.score(predictions, cfg.seed)
                told = card.card(content, predictions, scores, cfg.seed)
                cells.write(folder / cell.name, content, predictions, own[-1].model, told)
                fits_s += (spent := sum(result.seconds for result in own))
                doubts = len({said for result in own for said in result.warnings})
                accuracy = report.interval(scores, "accuracy")
                tqdm.write(
                    f"{cell.name}: accuracy {accuracy}, {len(predictions)} clips, {spent:.1f} s"
                    + (f", {doubts} warnings in its cell.json" if doubts else "")
                )
        print(
            f"train {config.chosen('dataset')}: {len(stale)} cells fitted, {len(plan) - len(stale)} unchanged,"
            f" {len(removed)} removed; {fits_s:.1f} s of fits in {time.monotonic() - started:.1f} s"
            f" on {n_workers} workers"
        )


def _plan(cfg: DictConfig) -> tuple[list[planning.Cell], Path]:
    dataset, grid = config.chosen("dataset"), config.grid()
    plan = planning.Planner(
        dataset, config.index(dataset), config.features(dataset), cfg.seed, config.plain(cfg.search), config.build
    )
    if config.by_hand():
        leaf = config.with_members(config.plain(cfg.classifier), cfg.seed)
        names = {group: config.chosen(group) for group in ("split", "features", "classifier")}
        cell = plan.cell(config.own_cell_name(), names, config.plain(cfg.split), leaf)
        return [cell], config.sweep_folder(dataset)
    splits = config.leaves("split", grid.splits, cfg.seed)
    classifiers = config.leaves("classifier", grid.classifiers, cfg.seed)
    return [
        plan.cell(
            config.cell_name(split, features, classifier),
            {"split": split, "features": features, "classifier": classifier},
            splits[split],
            classifiers[classifier],
        )
        for split, features, classifier in grid.cells
    ], config.cell_folder(dataset)


if __name__ == "__main__":
    config.run(main)
