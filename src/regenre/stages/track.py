"""Log every cell of the grid, and those trained from the command line, to MLflow.

Reads: data/cells/<dataset>/, data/sweeps/<dataset>/, data/fits/, reports/, params.yaml. Writes: runs in the store
(MLFLOW_TRACKING_URI, or mlflow.db), each once, and a run with the reports; in each cell of data/sweeps/
confusion.svg and card.md; data/tracked/<dataset>.json, which names the store and is not in git: a clone logs too.
"""

from regenre.common import config, files, paths
from regenre.common.config import Settings
from regenre.common.errors import escape_terminal
from regenre.evaluation import metrics
from regenre.evaluation.grid import TestedCell
from regenre.learning.cells import RECORD
from regenre.reporting import model_card, tracking
from regenre.reporting.tracking import Tables, describe_cell, describe_overview

READS = ("seed",)


def main(settings: Settings) -> None:
    """Log what the store does not have yet."""
    name, reports, grid = config.get_choice("dataset"), paths.locate_reports(), config.read_grid()
    tables, runs, logged = Tables.read(reports), [], set()
    for cell_name in map(str, grid.cells):
        folder = paths.locate_cells(name) / cell_name
        tested = TestedCell.read(folder)
        figure, card = reports / f"figures/confusion/{cell_name}.svg", reports / f"cards/{cell_name}.md"
        runs.append(describe_cell(tested, folder, tables, figure, card, settings.seed, "grid"))
        logged.add(tested.cell.inputs)
    for folder in sorted(path.parent for path in paths.locate_sweeps(name).glob(f"*/{RECORD}")):
        tested = TestedCell.read(folder)
        if tested.cell.inputs not in logged:
            figure, card = folder / "confusion.svg", folder / "card.md"
            scores = metrics.score(tested.predictions, settings.seed)
            model_card.write_views(tested, scores, tables.stress.iloc[:0], card, figure)
            runs.append(describe_cell(tested, folder, tables, figure, card, settings.seed, "sweep"))
    n_logged, uri, link = tracking.log_runs(name, runs, describe_overview(name, vars(grid), reports))
    files.write_json(paths.locate_marker(name), {"cells": len(grid.cells), "store": tracking.describe_store()})
    line = f"track {name}: {n_logged} runs logged, {len(runs) - n_logged} already there, in {uri}"
    how = "see" if link.startswith(uri) else f"`mlflow ui --backend-store-uri {uri}` shows them at"
    print(escape_terminal(f"{line}; {how} {link}"))


if __name__ == "__main__":
    config.run_stage(main, READS)
