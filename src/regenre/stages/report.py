"""Put the results on one page.

Reads: reports/*.csv, study.json, data/cells/<dataset>/, data/index/<dataset>.previews.parquet, conf/published.yaml,
params.yaml. Writes: reports/index.html.
"""

import json

from regenre import config, files, paths, records, tables
from regenre.config import Settings
from regenre.errors import escape_terminal
from regenre.evaluation import grid
from regenre.evaluation.comparison import Hits
from regenre.learning.cells import Cell
from regenre.paths import CellName
from regenre.quality.preview import read_previews
from regenre.reporting import page

READS = ("seed",)


def main(settings: Settings) -> None:
    """Write the page."""
    name, reports, cells = config.get_choice("dataset"), paths.locate_reports(), config.read_grid().cells
    by_table = {table: tables.read_report(reports / f"{table}.csv", columns) for table, columns in page.TABLES.items()}
    best = CellName.read_row(grid.select_best(by_table["summary"]).to_dict())
    folder = paths.locate_cells(name)
    predictions = {
        cell: tables.read_predictions(folder / str(cell) / "predictions.csv")
        for cell in cells
        if cell.split == best.split
    }
    best_cell = records.convert_to_plain(Cell.read(folder / str(best)))
    configuration = {"grid": config.read_yaml(paths.locate_params()), "best cell": best_cell}
    content = page.Reports(
        **by_table,
        study=records.read_record(reports / "study.json", grid.Study, "run `dvc repro`"),
        expected=grid.estimate_chosen({cell: Hits.count(rows) for cell, rows in predictions.items()}, settings.seed),
        predictions=predictions,
        previews=read_previews(paths.locate_previews(name), page.choose_clips(by_table["audit"], by_table["suspects"])),
        published=config.read_leaf(paths.locate_conf() / "published.yaml", page.Published),
        configuration=json.dumps(configuration, indent=1, sort_keys=True),
    )
    files.write_text(reports / "index.html", page.render_page(content))
    print(escape_terminal(f"report {name}: {paths.shorten(reports / 'index.html')}"))


if __name__ == "__main__":
    config.run_stage(main, READS)
