"""Log every cell of the grid, and those trained from the command line, to MLflow.

Reads: data/cells/<dataset>/, data/sweeps/<dataset>/, reports/, params.yaml. Writes: runs in the store
(MLFLOW_TRACKING_URI, or mlflow.db), each once, and a parent run with the reports; in each cell of data/sweeps/
confusion.png and card.md.
"""

from pathlib import Path

from omegaconf import DictConfig

from regenre import config, files, paths, tables
from regenre.evaluation import metrics
from regenre.evaluation.grid import TestedCell
from regenre.learning.cells import RECORD, Cell
from regenre.reporting import model_card, plots, tracking
from regenre.reporting.tracking import describe_cell, describe_overview


def main(cfg: DictConfig) -> None:
    """Log what the store does not have yet."""
    name, folder, reports = (
        config.get_choice("dataset"),
        paths.locate_cells(config.get_choice("dataset")),
        paths.locate_reports(),
    )
    grid = config.read_grid()
    names = list(map(str, grid.cells))
    runs = [
        describe_cell(
            folder / cell, reports / f"figures/confusion/{cell}.png", reports / f"cards/{cell}.md", cfg.seed, "grid"
        )
        for cell in names
    ]
    logged = {Cell.read(folder / cell).inputs for cell in names}
    for sweep in sorted(path.parent for path in paths.locate_sweeps(name).glob(f"*/{RECORD}")):
        cell = Cell.read(sweep)
        if cell.inputs not in logged:
            _write_views(sweep, cell, cfg.seed)
            runs.append(describe_cell(sweep, sweep / "confusion.png", sweep / "card.md", cfg.seed, "sweep"))
    n_logged, uri = tracking.log_runs(name, runs, describe_overview(name, vars(grid), reports))
    print(f"track {name}: {n_logged} runs logged, {len(runs) - n_logged} already there, in {uri}; see `make ui`")


def _write_views(folder: Path, cell: Cell, seed: int) -> None:
    predictions = tables.read_predictions(folder / "predictions.csv")
    counts, genres = metrics.count_confusions(predictions), tables.list_genres(predictions)
    plots.save_figure(folder / "confusion.png", plots.draw_confusion(counts, genres, folder.name))
    files.write_text(folder / "card.md", model_card.render_card(TestedCell(cell, predictions), seed))


if __name__ == "__main__":
    config.run_stage(main, reads=())
