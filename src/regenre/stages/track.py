"""Log every cell of the grid, and those trained by hand, to MLflow.

Reads: data/cells/<dataset>/, data/sweeps/<dataset>/, reports/, params.yaml. Writes: runs in the store
(MLFLOW_TRACKING_URI, or mlflow.db), none twice, and above them a run with the reports.
"""

from pathlib import Path

import hydra
import pandas as pd
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
            _cell(grid / cell, figures / f"{cell}.png", cfg.seed, kind="grid")
            for cell in (config.cell_name(*parts) for parts in config.grid().cells)
        ]
        same = {cells.read(grid / cell.name)["inputs"] for cell in found}
        for folder in sorted(path.parent for path in config.sweep_folder(name).glob("*/cell.json")):
            if cells.read(folder)["inputs"] in same:
                continue
            predictions = tables.read_predictions(folder / "predictions.csv")
            counts, genres = metrics.confusion(predictions), tables.genres_of(predictions)
            plots.save(folder / "confusion.png", plots.confusion(counts, genres, folder.name))
            found.append(_cell(folder, folder / "confusion.png", cfg.seed, kind="sweep"))
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
    )


def _cell(folder: Path, figure: Path, seed: int, kind: str) -> tracking.Cell:
    content, predictions = cells.read(folder), tables.read_predictions(folder / "predictions.csv")
    genres = metrics.score_genres(predictions, seed).to_dict("records")
    per_genre = {
        f"{score}.{row['genre']}": float(row[score])
        for row in genres
        for score in ("precision", "recall", "f1")
        if pd.notna(row[score])
    }
    chosen = {str(entry["fold"]): str(entry["chosen"]) for entry in content["search"] if entry["chosen"]}
    settings = {
        "family": content["config"].pop("families"),
        **content["config"],
        **({"chosen": chosen} if chosen else {}),
    }
    return tracking.Cell(
        name=folder.name,
        params=content["names"] | tracking.flattened(settings),
        metrics={**metrics.score(predictions, seed), **per_genre},
        tags=content["names"] | {"kind": kind} | {f"data.{key}.md5": md5 for key, md5 in content["md5"].items()},
        artifacts={folder / "predictions.csv": "", folder / "cell.json": "", figure: "figures"},
    )


if __name__ == "__main__":
    config.run(main)
