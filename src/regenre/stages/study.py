"""Study one cell: would more data help, what does each family contribute, why these answers, and where do clips lie?

Reads: data/chosen/<dataset>.study.json (which cell), data/cells/<dataset>/, data/features/<dataset>/,
data/index/<dataset>.parquet. Writes: reports/learning_curve.csv, importance.csv, explanations.csv, map.csv, study.json
(which cell, and the answers) and figures.
"""

from regenre.common import config, paths, records, tables
from regenre.common.config import Settings
from regenre.evaluation import diagnostics, grid, projection
from regenre.evaluation.explanation import choose_mistakes, explain_tested
from regenre.learning.plan import Planner
from regenre.reporting import plots
from regenre.reporting.escaping import escape_sheet

READS = ("search.*", "study.*", "seed", "compute.*")


def main(settings: Settings) -> None:
    """Write the tables and the answers."""
    name, reports = config.get_choice("dataset"), paths.locate_reports()
    chosen = records.read_record(paths.locate_choice(name, "study"), grid.StudyChoice, "run `dvc repro`")
    cell_name = grid.find_cell(config.read_grid().cells, settings.study.cell or chosen.cell, "study.cell")
    index, features, search = paths.locate_index(name), paths.locate_features(name), settings.search
    splits, classifiers = config.read_leaves([cell_name.split], [cell_name.classifier], settings.seed)
    cell = Planner(name, index, features, settings.seed, search, config.build).plan_cell(
        cell_name, splits[cell_name.split], classifiers[cell_name.classifier]
    )
    whole = tables.read_predictions(paths.locate_cells(name) / cell.name / "predictions.csv")
    with config.make_compute(settings).use():
        curve = diagnostics.measure_learning_curve(
            cell, whole, settings.study.shares, settings.study.n_repeats, settings.search.n_folds, settings.seed
        )
        importance = diagnostics.measure_importance(cell, settings.study.n_permutations, settings.seed)
        explanations = explain_tested(cell, choose_mistakes(whole, settings.study.n_explained))
    tables.write_csv(reports / "learning_curve.csv", curve.points)
    tables.write_csv(reports / "importance.csv", escape_sheet(importance))
    tables.write_csv(reports / "explanations.csv", escape_sheet(explanations))
    clip_ids = tables.read_clips(index)["clip_id"]
    chart = projection.map_clips(cell, clip_ids, settings.study.projection, settings.seed)
    tables.write_csv(reports / "map.csv", escape_sheet(chart.points))
    records.write_record(reports / "study.json", grid.Study(cell.name, curve.answer, chart.axes))
    figure = plots.draw_learning_curve(curve.points, f"{name}: {cell.name}")
    plots.save_figure(reports / "figures" / "learning_curve.png", figure)
    print(f"study {name}: {cell.name}. {curve.answer}")


if __name__ == "__main__":
    config.run_stage(main, READS)
