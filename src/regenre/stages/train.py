"""Fit and test one cell: a split, a feature set, a classifier.

Reads: data/index/<dataset>.parquet, data/features/<dataset>/<features>.json and the tables it lists.
Writes: data/cells/<dataset>/<cell>/: predictions.csv, model.skops (fitted on every clip that the
split uses), cell.json (resolved configuration, digests, folds, clips left out).
"""

import json
import time

import hydra
from omegaconf import DictConfig

from regenre import config, fetch, metrics, models, splits, tables, training
from regenre.errors import UserError, reported


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Write one cell."""
    with reported():
        started = time.monotonic()
        dataset, features = config.chosen("dataset"), config.chosen("features")
        listed = config.features(dataset) / f"{features}.json"
        if not listed.is_file():
            raise UserError(f"{listed} is not there; add {features} to params.yaml and run `dvc repro extract` first")
        settings = json.loads(listed.read_text(encoding="utf-8"))
        clips = tables.usable(tables.read_clips(config.index(dataset)))
        rows = tables.read_pooled(
            [listed.with_name(f"{family}.parquet") for family in settings["families"]],
            clips["clip_id"],
            settings["columns"],
        )
        split, classifier = config.build(cfg.split), config.build(cfg.classifier.estimator)
        folds = split.folds(clips)
        predictions = training.predictions(classifier, cfg.classifier.scale, rows, clips, folds)
        used = splits.used(folds)
        model = training.fitted(classifier, cfg.classifier.scale, rows.iloc[used], clips.iloc[used])
        folder = config.own_cell_folder(dataset)
        tables.write_predictions(folder / "predictions.csv", predictions)
        models.save(folder / "model.skops", model)
        chosen = {group: config.chosen(group) for group in ("dataset", "split", "features", "classifier")}
        tables.write_json(
            folder / "cell.json",
            {
                "cell": folder.name,
                "chosen": chosen,
                "config": {
                    "seed": cfg.seed,
                    "split": config.plain(cfg.split),
                    "classifier": config.plain(cfg.classifier),
                    **settings,
                },
                "md5": {"index": fetch.md5_of(config.index(dataset))}
                | {family: listed["md5"] for family, listed in settings["families"].items()},
                "folds": [fold.sizes for fold in folds],
                "excluded": split.excluded(clips),
            },
        )
        scores = metrics.score(predictions, cfg.seed)
        interval = f"{scores['accuracy']:.3f} ({scores['accuracy_low']:.3f} to {scores['accuracy_high']:.3f})"
        print(f"{folder.name}: accuracy {interval}, {len(predictions)} clips, {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    config.run(main)
