"""Score every cell of the grid, and compare the cells.

Reads: data/cells/<dataset>/, data/index/<dataset>.parquet, params.yaml. Writes: reports/summary.csv, summary.md,
per_genre.csv, comparisons.csv, leak.csv, suspects.csv, excluded.csv, metrics/<cell>.json, cards/<cell>.md,
confusion/<cell>.csv (for `dvc plots`) and figures/.
"""

from regenre import config, files, paths, tables
from regenre.config import Settings
from regenre.evaluation import grid
from regenre.evaluation.grid import TestedCell
from regenre.paths import CellName
from regenre.reporting import model_card, plots, summary
from regenre.reporting.escaping import escape_sheet

READS = ("seed",)
METRICS = ("accuracy", "accuracy_low", "accuracy_high", "macro_f1", "matthews", "log_loss", "n_clips")  # `dvc metrics`
TABLES = ("summary", "per_genre", "comparisons", "leak", "suspects", "excluded")


def main(settings: Settings) -> None:
    """Write the reports and print the summary."""
    name, reports = config.get_choice("dataset"), paths.locate_reports()
    folder = paths.locate_cells(name)
    cells = {cell: TestedCell.read(folder / str(cell)) for cell in config.read_grid().cells}
    evaluation = grid.evaluate(name, cells, tables.read_clips(paths.locate_index(name)), settings.seed)
    for row in evaluation.summary.to_dict("records"):
        cell = CellName.read_row(row)
        predictions = cells[cell].predictions
        files.write_json(reports / f"metrics/{cell}.json", {score: round(row[score], 6) for score in METRICS})
        model_card.write_views(
            cells[cell], reports / f"cards/{cell}.md", reports / f"figures/confusion/{cell}.png", settings.seed
        )
        tables.write_csv(reports / f"confusion/{cell}.csv", predictions[["actual", "predicted"]])
    for table in TABLES:
        tables.write_csv(reports / f"{table}.csv", escape_sheet(getattr(evaluation, table)))
    text = summary.render_summary(evaluation)
    files.write_text(reports / "summary.md", text)
    figures = {
        "accuracy": plots.draw_heat_map(evaluation.summary),
        "per_genre_f1": plots.draw_genre_f1(*grid.select_genres_of_best(evaluation.summary, evaluation.per_genre)),
        "leak": plots.draw_leak(evaluation.summary),
    }
    for figure_name, figure in figures.items():
        plots.save_figure(reports / f"figures/{figure_name}.png", figure)
    print(text)


if __name__ == "__main__":
    config.run_stage(main, READS)
