"""Log every cell of the grid, and those trained by hand, to MLflow.

Reads: data/cells/<dataset>/, data/sweeps/<dataset>/, reports/, params.yaml. Writes: runs in the store
(MLFLOW_TRACKING_URI, or mlflow.db), none twice, and above them a run with the reports.
"""

import hydra
from omegaconf import DictConfig

from regenre import cells, config, metrics, plots, report, tables, tracking
from regenre.errors import reported


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Log what the store does not have yet."""
    with reported():
        name = config.chosen("dataset")
        figures, grid = config.REPORTS / "figures" / "confusion", config.cell_folder(name)
        found = [
            tracking.shown(grid / cell, figures / f"{cell}.png", cfg.seed, kind="grid")
            for cell in (config.cell_name(*parts) for parts in config.grid().cells)
        ]
        same = {cells.read(grid / cell.name)["inputs"] for cell in found}
        for folder in sorted(path.parent for path in config.sweep_folder(name).glob("*/cell.json")):
            if cells.read(folder)["inputs"] in same:
                continue
            predictions = tables.read_predictions(folder / "predictions.csv")
            counts, genres = metrics.confusion(predictions), tables.genres_of(predictions)
            plots.save(folder / "confusion.png", plots.confusion(counts, genres, folder.name))
            found.append(tracking.shown(folder, folder / "confusion.png", cfg.seed, kind="sweep"))
        n_logged, uri = tracking.track(name, found, _overview(name))
        print(f"track {name}: {n_logged} runs logged, {len(found) - n_logged} already there, in {uri}; see `make ui`")


def _overview(name: str) -> tracking.Cell:
    """What all cells together say: the reports' tables, figures and page."""
    top = report.best(tables.read_report(config.REPORTS / "summary.csv"))
    files = {path: "" for pattern in ("*.csv", "*.md", "*.json", "*.html") for path in config.REPORTS.glob(pattern)}
    figures = dict.fromkeys((config.REPORTS / "figures").glob("*.png"), "figures")
    return tracking.Cell(
        name=f"overview of {name}",
        params=tracking.flattened({"grid": vars(config.grid())}),
        metrics={score: float(top[score]) for score in metrics.SCORES} | {"n_clips": float(top["n_clips"])},
        tags={"dataset": name, "kind": "overview", "best": config.cell_name(*top[list(report.PARTS)])},
        artifacts=files | figures,
        note=(config.REPORTS / "summary.md").read_text(encoding="utf-8"),
    )


if __name__ == "__main__":
    config.run(main)
