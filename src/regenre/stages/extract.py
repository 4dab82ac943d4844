"""Compute every family that the grid needs, in one pass over the audio.

Reads: data/raw/<dataset>/, data/index/<dataset>.parquet, params.yaml. Writes: data/features/<dataset>/:
<family>.parquet, and for each feature set <features>.json with its families' settings and digests,
so that a cell re-runs when a table that it reads has changed and at no other time.
"""

import hydra
from omegaconf import DictConfig

from regenre import config, extraction, fetch, tables
from regenre.errors import reported


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Write the pooled tables and the feature sets' lists."""
    with reported():
        name, grid = config.chosen("dataset"), config.grid()
        sets = {features: config.feature_set(features) for features in grid.features}
        named = sorted({family for families, _ in sets.values() for family in families})
        families = {family: config.build(cfg.family[family]) for family in named}
        clips = tables.usable(tables.read_clips(config.index(name)))
        pooled = extraction.extract(
            clips,
            config.raw(name),
            families,
            config.build(cfg.pooling),
            cfg.audio.sr,
            **cfg.frames,
            n_jobs=cfg.compute.n_jobs,
        )
        folder = config.features(name)
        for family, table in pooled.items():
            tables.write_pooled(folder / f"{family}.parquet", table)
        shared = {key: config.plain(cfg[key]) for key in ("audio", "frames", "pooling")}
        for features, (names, patterns) in sets.items():
            listed = {
                family: {
                    "settings": config.plain(cfg.family[family]),
                    "md5": fetch.md5_of(folder / f"{family}.parquet"),
                }
                for family in names
            }
            tables.write_json(folder / f"{features}.json", {"families": listed, "columns": patterns, **shared})
        columns = ", ".join(f"{family} {table.shape[1] - 1}" for family, table in pooled.items())
        print(f"extract {name}: {len(clips)} clips; columns: {columns}")


if __name__ == "__main__":
    config.run(main)
