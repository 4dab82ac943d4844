"""Study one cell: would more data help, and how much does each family contribute?

Reads: data/cells/<dataset>/, data/features/<dataset>/, data/index/<dataset>.parquet, params.yaml. Writes:
reports/learning_curve.csv, importance.csv, study.json (which cell, and the answer) and figures.
"""

from omegaconf import DictConfig

from regenre import config, files, paths, tables
from regenre.errors import UserError
from regenre.evaluation import diagnostics, grid
from regenre.learning.plan import Planner
from regenre.paths import CellName
from regenre.reporting import plots

READS = ("search.*", "study.*")


def main(cfg: DictConfig) -> None:
    """Write both tables and the answer."""
    name, reports = config.get_choice("dataset"), paths.locate_reports()
    cell_name = _choose_cell(name, cfg.study.cell)
    index, features, search = paths.locate_index(name), paths.locate_features(name), config.to_plain(cfg.search)
    cell = Planner(name, index, features, cfg.seed, search, config.build).plan_cell(
        cell_name,
        config.read_leaves("split", [cell_name.split], cfg.seed)[cell_name.split],
        config.read_leaves("classifier", [cell_name.classifier], cfg.seed)[cell_name.classifier],
    )
    whole = tables.read_predictions(paths.locate_cells(name) / cell.name / "predictions.csv")
    with config.make_compute(cfg).use():
        curve = diagnostics.measure_learning_curve(
            cell, whole, cfg.study.shares, cfg.study.n_repeats, cfg.search.n_folds, cfg.seed
        )
        importance = diagnostics.measure_importance(cell, cfg.study.n_permutations, cfg.seed)
    tables.write_csv(reports / "learning_curve.csv", curve.points)
    tables.write_csv(reports / "importance.csv", importance)
    files.write_json(reports / "study.json", {"cell": cell.name, "more_data": curve.answer})
    figure = plots.draw_learning_curve(curve.points, f"{name}: {cell.name}")
    plots.save_figure(reports / "figures" / "learning_curve.png", figure)
    print(f"study {name}: {cell.name}. {curve.answer}")


def _choose_cell(dataset: str, text: str | None) -> CellName:
    cells = {str(cell): cell for cell in config.read_grid().cells}
    if text is not None and text not in cells:
        raise UserError(f"study.cell: a cell of the grid expected ({', '.join(cells)}), {text!r} found; choose one")
    if text is not None:
        return cells[text]
    folder = paths.locate_cells(dataset)
    return grid.find_best(
        {cell: tables.read_predictions(folder / name / "predictions.csv") for name, cell in cells.items()}
    )


if __name__ == "__main__":
    config.run_stage(main, READS)
