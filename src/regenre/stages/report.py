"""Put the results on one page.

Reads: reports/*.csv, study.json, data/cells/<dataset>/, data/index/<dataset>.parquet, data/raw/<dataset>/ (the clips
that the page shows), conf/published.yaml, params.yaml. Writes: reports/index.html.
"""

import json

import hydra
import numpy as np
import pandas as pd
from omegaconf import DictConfig, OmegaConf

from regenre import audio, cells, comparison, config, page, report, tables
from regenre.errors import reported

TABLES = ("summary", "per_genre", "leak", "audit", "suspects", "importance", "learning_curve")


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Write the page."""
    with reported():
        name, grid = config.chosen("dataset"), config.grid()
        read = {table: tables.read_report(config.REPORTS / f"{table}.csv") for table in TABLES}
        honest = comparison.most_honest(grid.splits)
        shown = [parts for parts in grid.cells if parts[0] == honest]
        folders = {config.cell_name(*parts): config.cell_folder(name) / config.cell_name(*parts) for parts in shown}
        predictions = {cell: tables.read_predictions(path / "predictions.csv") for cell, path in folders.items()}
        top = report.best(read["summary"])
        best = cells.read(folders[config.cell_name(*top[list(report.PARTS)])])
        hits = {parts: comparison.Hits.of(predictions[config.cell_name(*parts)], []) for parts in shown}
        settings = {"grid": config.plain(OmegaConf.load(config.PARAMS)), "best cell": best}
        made = page.Reports(
            **read,
            study=json.loads((config.REPORTS / "study.json").read_text(encoding="utf-8")),
            expected=report.after_choosing(hits, cfg.seed),
            predictions=predictions,
            sounds=_sounds(name, page.shown(read["audit"], read["suspects"]), cfg.audio.sr),
            published=config.plain(OmegaConf.load(config.CONF / "published.yaml")),
            configuration=json.dumps(settings, indent=1, sort_keys=True),
        )
        tables.write_text(config.REPORTS / "index.html", page.render(made))
        print(f"report {name}: {config.REPORTS / 'index.html'}")


def _sounds(name: str, clip_ids: list[str], sr: int) -> dict[str, tuple[np.ndarray, int]]:
    clips = tables.usable(tables.read_clips(config.index(name))).set_index("clip_id")
    paths: pd.Series = clips.loc[[clip for clip in clip_ids if clip in clips.index], "path"]
    return {str(clip): (audio.load(config.raw(name) / path, sr), sr) for clip, path in paths.items() if path}


if __name__ == "__main__":
    config.run(main)
