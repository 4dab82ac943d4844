"""Put the results into words: a summary, one page, and a card for each model.

Reads: reports/*.csv, study.json, data/cells/<dataset>/, data/index/<dataset>.previews.parquet, conf/published.yaml,
params.yaml. Writes: reports/summary.md, index.html, cards/<cell>.md and figures/confusion/<cell>.svg.
"""

import json

from regenre.common import config, files, paths, records, tables
from regenre.common.config import Settings
from regenre.common.errors import escape_terminal
from regenre.common.paths import CellName
from regenre.evaluation import grid
from regenre.evaluation.grid import TestedCell
from regenre.quality.preview import read_previews
from regenre.reporting import model_card, page, summary

READS = ("seed", "report.*")


def main(settings: Settings) -> None:
    """Write the texts and print the summary."""
    name, reports, seed = config.get_choice("dataset"), paths.locate_reports(), settings.seed
    cells = {cell: TestedCell.read(paths.locate_cells(name) / str(cell)) for cell in config.read_grid().cells}
    by_table = {table: tables.read_report(reports / f"{table}.csv", columns) for table, columns in page.TABLES.items()}
    best = CellName.read_row(grid.select_best(by_table["summary"]).to_dict())
    honest = {cell: tested for cell, tested in cells.items() if cell.split == best.split}
    best_cell = records.convert_to_plain(cells[best].cell)
    configuration = {"grid": config.read_yaml(paths.locate_params()), "best cell": best_cell}
    study = records.read_record(reports / "study.json", grid.Study, "run `dvc repro`")
    clip_ids = page.choose_clips(by_table, cells[best].predictions, settings.report.audio)
    content = page.Reports(
        **by_table,
        study=study,
        studied=cells[grid.find_cell(cells, study.cell, "study.json")].predictions,
        expected=grid.estimate_best({cell: tested.hits for cell, tested in honest.items()}, seed),
        predictions={cell: tested.predictions for cell, tested in honest.items()},
        previews=read_previews(paths.locate_previews(name), clip_ids),
        sounds=settings.report.audio,
        published=config.read_leaf(paths.locate_conf() / "published.yaml", page.Published),
        configuration=json.dumps(configuration, indent=1, sort_keys=True),
    )
    files.write_text(reports / "index.html", page.render_page(content))
    excluded, texts = tables.read_report(reports / "excluded.csv"), grid.find_texts(cells.values())
    text = summary.render_summary(content.summary, content.leak, content.stress, excluded, content.expected, texts)
    files.write_text(reports / "summary.md", text)
    for cell, tested in cells.items():
        card, figure = reports / f"cards/{cell}.md", reports / f"figures/confusion/{cell}.svg"
        scores = grid.read_scores(content.summary, content.per_genre, cell)
        model_card.write_views(tested, scores, grid.select_cell(content.stress, cell), card, figure)
    print(text)
    print(escape_terminal(f"report {name}: {paths.shorten(reports / 'index.html')}"))


if __name__ == "__main__":
    config.run_stage(main, READS)
