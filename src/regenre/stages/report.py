"""Put the results on one page.

Reads: reports/*.csv, study.json, data/cells/<dataset>/, data/index/<dataset>.parquet, data/raw/<dataset>/ (the clips
that the page shows), conf/published.yaml, params.yaml. Writes: reports/index.html.
"""

import json

import numpy as np
import pandas as pd

from regenre import audio, config, files, paths, records, tables
from regenre.config import Settings
from regenre.errors import escape_terminal
from regenre.evaluation import grid
from regenre.evaluation.comparison import Hits
from regenre.learning.cells import Cell
from regenre.paths import CellName
from regenre.reporting import page

READS = ("audio.sr", "seed")


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
        sounds=_read_sounds(name, page.choose_sounds(by_table["audit"], by_table["suspects"]), settings.audio.sr),
        published=config.read_leaf(paths.locate_conf() / "published.yaml", page.Published),
        configuration=json.dumps(configuration, indent=1, sort_keys=True),
    )
    files.write_text(reports / "index.html", page.render_page(content))
    print(escape_terminal(f"report {name}: {paths.shorten(reports / 'index.html')}"))


def _read_sounds(name: str, clip_ids: list[str], sr: int) -> dict[str, tuple[np.ndarray, int]]:
    clips = tables.select_usable(tables.read_clips(paths.locate_index(name))).set_index("clip_id")
    files_of_clips: pd.Series = clips.loc[[clip for clip in clip_ids if clip in clips.index], "path"]
    raw = paths.locate_raw(name)
    return {str(clip): (audio.load(raw / path, sr), sr) for clip, path in files_of_clips.items() if path}


if __name__ == "__main__":
    config.run_stage(main, READS)
