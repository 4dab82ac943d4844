"""Score every cell of the grid, and hold the cells against each other.

Reads: data/cells/<dataset>/, data/index/<dataset>.parquet, params.yaml. Writes: reports/summary.csv, summary.md,
per_genre.csv, comparisons.csv, leak.csv, suspects.csv, excluded.csv, metrics/<cell>.json, confusion/<cell>.csv (for
`dvc plots`) and figures/.
"""

import hydra
import pandas as pd
from omegaconf import DictConfig

from regenre import audit, cells, comparison, config, metrics, plots, report, tables
from regenre.errors import reported

SHOWN = (
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "macro_f1",
    "matthews",
    "log_loss",
    "n_clips",
)  # `dvc metrics show`


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Write the reports and print the summary."""
    with reported():
        name, grid = config.chosen("dataset"), config.grid()
        rows, genres, left_out, found, texts = [], [], {}, {}, None
        for parts in grid.cells:
            cell = config.cell_name(*parts)
            folder = config.cell_folder(name) / cell
            predictions, content = tables.read_predictions(folder / "predictions.csv"), cells.read(folder)
            key = {"dataset": name, **dict(zip(report.PARTS, parts, strict=True))}
            scores = metrics.score(predictions, cfg.seed)
            rows.append({**key, **scores})
            genres.append(metrics.score_genres(predictions, cfg.seed).assign(**key))
            left_out[parts[0]] = content["excluded"]
            texts = texts or content.get("texts")
            n_train = [fold["train"] + fold["valid"] for fold in content["folds"]]
            found[parts] = predictions, comparison.Hits.of(predictions, n_train)
            shown = {score: round(scores[score], 6) for score in SHOWN}
            tables.write_json(config.REPORTS / "metrics" / f"{cell}.json", shown)
            figure = plots.confusion(metrics.confusion(predictions), tables.genres_of(predictions), cell)
            plots.save(config.REPORTS / "figures" / "confusion" / f"{cell}.png", figure)
            tables.write_csv(config.REPORTS / "confusion" / f"{cell}.csv", predictions[["actual", "predicted"]])
        summary = pd.DataFrame(rows)
        hits = {parts: hit for parts, (_, hit) in found.items()}
        compared, leaks = report.comparisons(hits, cfg.seed), report.leaks(hits, cfg.seed)
        summary = summary.merge(compared[[*report.PARTS, "indistinguishable"]], on=list(report.PARTS))
        per_genre = pd.concat(genres)[["dataset", *report.PARTS, *genres[0].columns.drop(["dataset", *report.PARTS])]]
        told = [predictions for (split, *_), (predictions, _) in found.items() if split == "stratified_kfold"]
        clips = tables.read_clips(config.index(name))
        whole = [made for made, _ in found.values() if set(made["clip_id"]) <= set(clips["clip_id"])]
        excluded = report.excluded(clips, left_out)
        said = report.markdown(summary, leaks, report.after_choosing(hits, cfg.seed), excluded, texts)
        written = {
            "summary": summary,
            "per_genre": per_genre,
            "comparisons": compared,
            "leak": leaks,
            "suspects": audit.suspects(told or whole) if told or whole else pd.DataFrame(columns=audit.SUSPECTS),
            "excluded": excluded,
        }
        for table, content_of in written.items():
            tables.write_csv(config.REPORTS / f"{table}.csv", content_of)
        tables.write_text(config.REPORTS / "summary.md", said)
        figures = {
            "accuracy": plots.heat_map(summary),
            "per_genre_f1": plots.per_genre_f1(*report.genres_of_best(summary, per_genre)),
            "leak": plots.leak(summary),
        }
        for figure_name, figure in figures.items():
            plots.save(config.REPORTS / "figures" / f"{figure_name}.png", figure)
        print(said)


if __name__ == "__main__":
    config.run(main)
