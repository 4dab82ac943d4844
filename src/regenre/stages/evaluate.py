"""Score every cell of the grid, and compare the cells.

Reads: data/cells/<dataset>/, data/index/<dataset>.parquet, params.yaml. Writes: reports/summary.csv, per_genre.csv,
comparisons.csv, leak.csv, suspects.csv, excluded.csv and figures/; for DVC best.json, metrics.json and plots/; for
`study` and `stress` data/chosen/<dataset>.<stage>.json.
"""

from regenre.common import config, paths, records, tables
from regenre.common.config import Settings
from regenre.evaluation import grid
from regenre.evaluation.grid import TestedCell
from regenre.reporting import dvc_views, plots
from regenre.reporting.escaping import escape_sheet

READS = ("seed", "study.cell", "stress.cells")
TABLES = ("summary", "per_genre", "comparisons", "leak", "suspects", "excluded")


def main(settings: Settings) -> None:
    """Write the reports and print the summary."""
    name, reports = config.get_choice("dataset"), paths.locate_reports()
    folder = paths.locate_cells(name)
    cells = {cell: TestedCell.read(folder / str(cell)) for cell in config.read_grid().cells}
    evaluation = grid.evaluate(name, cells, tables.read_clips(paths.locate_index(name)), settings.seed)
    dvc_views.write_views(reports, evaluation, {cell: tested.predictions for cell, tested in cells.items()})
    chosen = grid.choose_cells(evaluation, cells, folder, settings.study.cell, settings.stress.cells)
    for stage, record in zip(("study", "stress"), chosen, strict=True):
        records.write_record(paths.locate_choice(name, stage), record)
    for table in TABLES:
        tables.write_csv(reports / f"{table}.csv", escape_sheet(getattr(evaluation, table)))
    figures = {
        "accuracy": plots.draw_heat_map(evaluation.summary),
        "per_genre_f1": plots.draw_genre_f1(*grid.select_genres_of_best(evaluation.summary, evaluation.per_genre)),
        "leak": plots.draw_leak(evaluation.summary),
    }
    for figure_name, figure in figures.items():
        plots.save_figure(reports / f"figures/{figure_name}.png", figure)
    print(f"evaluate {name}: {len(cells)} cells; {chosen[0].cell} is studied")


if __name__ == "__main__":
    config.run_stage(main, READS)
