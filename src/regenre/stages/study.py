"""Look closely at one cell: would more data help, and what is each family worth?

Reads: data/cells/<dataset>/, data/features/<dataset>/, data/index/<dataset>.parquet, params.yaml. Writes:
reports/learning_curve.csv, importance.csv, study.json (which cell, and the answer) and figures.
"""

import hydra
from omegaconf import DictConfig

from regenre import comparison, config, planning, plots, study, tables
from regenre.errors import UserError, reported


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Write both tables and the answer."""
    with reported():
        name = config.chosen("dataset")
        parts = _chosen(cfg, name)
        split, features, classifier = parts
        search = config.plain(cfg.search)
        plan = planning.Planner(name, config.index(name), config.features(name), cfg.seed, search, config.build)
        cell = plan.cell(
            config.cell_name(*parts),
            {"split": split, "features": features, "classifier": classifier},
            config.leaves("split", [split], cfg.seed)[split],
            config.leaves("classifier", [classifier], cfg.seed)[classifier],
        )
        whole = tables.read_predictions(config.cell_folder(name) / cell.name / "predictions.csv")
        asked = cfg.study
        with config.compute(cfg).parallel():
            curve = study.learning_curve(cell, whole, asked.shares, asked.n_repeats, cfg.search.n_folds, cfg.seed)
            worth = study.importance(cell, asked.n_permutations, cfg.seed)
        tables.write_csv(config.REPORTS / "learning_curve.csv", curve.points)
        tables.write_csv(config.REPORTS / "importance.csv", worth)
        tables.write_json(config.REPORTS / "study.json", {"cell": cell.name, "more_data": curve.answer})
        figure = plots.learning_curve(curve.points, f"{name}: {cell.name}")
        plots.save(config.REPORTS / "figures" / "learning_curve.png", figure)
        print(f"study {name}: {cell.name}. {curve.answer}")


def _chosen(cfg: DictConfig, name: str) -> tuple[str, str, str]:
    grid = {config.cell_name(*parts): parts for parts in config.grid().cells}
    if cfg.study.cell is not None:
        if cfg.study.cell not in grid:
            raise UserError(f"study.cell: {cfg.study.cell!r} is not in the grid; choose from {', '.join(grid)}")
        return grid[cfg.study.cell]
    honest = comparison.most_honest([parts[0] for parts in grid.values()])
    scores = {}
    for cell, parts in grid.items():
        if parts[0] == honest:
            predictions = tables.read_predictions(config.cell_folder(name) / cell / "predictions.csv")
            scores[parts] = comparison.Hits.of(predictions, []).accuracy
    return max(scores, key=scores.__getitem__)


if __name__ == "__main__":
    config.run(main)
