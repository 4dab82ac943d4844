"""Score every cell of the grid.

Reads: data/cells/<dataset>/, data/index/<dataset>.parquet, params.yaml. Writes: reports/summary.csv,
summary.md, per_genre.csv, excluded.csv, metrics/<cell>.json, confusion/<cell>.csv (for `dvc plots`) and figures/.
"""

import hydra
import pandas as pd
from omegaconf import DictConfig

from regenre import cells, config, metrics, plots, report, tables
from regenre.errors import reported

SHOWN = ("accuracy", "accuracy_low", "accuracy_high", "macro_f1", "n_clips")  # in `dvc metrics show`


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Write the reports and print the summary."""
    with reported():
        name, grid = config.chosen("dataset"), config.grid()
        rows, genres, left_out = [], [], {}
        for split, features, classifier in grid.cells:
            cell = config.cell_name(split, features, classifier)
            folder = config.cell_folder(name) / cell
            predictions = tables.read_predictions(folder / "predictions.csv")
            key = {"dataset": name, "split": split, "features": features, "classifier": classifier}
            scores = metrics.score(predictions, cfg.seed)
            rows.append({**key, **scores})
            genres.append(report.per_genre(key, predictions))
            left_out[split] = cells.read(folder)["excluded"]
            shown = {score: round(scores[score], 6) for score in SHOWN}
            tables.write_json(config.REPORTS / "metrics" / f"{cell}.json", shown)
            figure = plots.confusion(metrics.confusion(predictions), tables.genres_of(predictions), cell)
            plots.save(config.REPORTS / "figures" / "confusion" / f"{cell}.png", figure)
            tables.write_csv(config.REPORTS / "confusion" / f"{cell}.csv", predictions[["actual", "predicted"]])
        summary, per_genre = pd.DataFrame(rows), pd.concat(genres)
        excluded = report.excluded(tables.read_clips(config.index(name)), left_out)
        tables.write_csv(config.REPORTS / "summary.csv", summary)
        tables.write_csv(config.REPORTS / "per_genre.csv", per_genre)
        tables.write_csv(config.REPORTS / "excluded.csv", excluded)
        tables.write_text(config.REPORTS / "summary.md", report.markdown(summary, excluded))
        top = report.best(summary)
        same = per_genre[(per_genre["features"] == top["features"]) & (per_genre["classifier"] == top["classifier"])]
        title = f"{name}: F1 by genre, {top['features']} with {top['classifier']}"
        plots.save(config.REPORTS / "figures" / "accuracy.png", plots.heat_map(summary))
        plots.save(config.REPORTS / "figures" / "per_genre_f1.png", plots.per_genre_f1(same, title))
        print(report.markdown(summary, excluded))


if __name__ == "__main__":
    config.run(main)
