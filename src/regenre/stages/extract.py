"""Compute every family that the grid needs, in one pass over the audio.

Reads: data/raw/<dataset>/, data/index/<dataset>.parquet, params.yaml. Writes: data/features/<dataset>/:
<family>.parquet, <family>.npz (frames, where a classifier of the grid reads them), and for each feature set
<features>.json with its families' settings and digests, which tell a cell whether to be fitted again.
"""

import hydra
from omegaconf import DictConfig

from regenre import config, extraction, fetch, tables
from regenre.errors import UserError, reported
from regenre.families import per_clip
from regenre.families.external import External


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Write the tables, the frames and the feature sets' lists."""
    with reported():
        name, grid = config.chosen("dataset"), config.grid()
        sets = {features: config.feature_set(features) for features in grid.features}
        named = sorted({family for families, _ in sets.values() for family in families})
        families = {family: config.build(cfg.family[family]) for family in named}
        given = {family: made for family, made in families.items() if isinstance(made, External)}
        computed = {family: made for family, made in families.items() if family not in given}
        leaves = config.leaves("classifier", grid.classifiers, grid.seed).values()
        n_averaged = cfg.sequences.n_averaged if any(leaf.get("reads") == "frames" for leaf in leaves) else 0
        clips = tables.usable(tables.read_clips(config.index(name)))
        if computed and not clips["path"].any():
            raise UserError(f"family {min(computed)}: audio expected, dataset {name} has none; features: [external]")
        with config.compute(cfg).parallel():
            extracted = extraction.extract(
                clips, config.raw(name), computed, config.build(cfg.pooling), cfg.audio.sr, **cfg.frames,
                n_averaged=n_averaged,
            )  # fmt: skip
        pooled = extracted.pooled | {family: made.table(family, clips["clip_id"]) for family, made in given.items()}
        folder = config.features(name)
        listed: dict[str, dict[str, object]] = {}
        for family, table in sorted(pooled.items()):
            tables.write_pooled(folder / f"{family}.parquet", table)
            listed[family] = {"settings": config.plain(cfg.family[family])}
            listed[family]["md5"] = fetch.md5_of(folder / f"{family}.parquet")
            if family in computed and not per_clip(computed[family]):
                listed[family]["frames_md5"] = None
        for family, sequences in extracted.sequences.items():
            names = [f"{family}__{feature}__frame" for feature in computed[family].names]
            tables.write_sequences(folder / f"{family}.npz", clips["clip_id"], sequences, names)
            listed[family]["frames_md5"] = fetch.md5_of(folder / f"{family}.npz")
        shared = {key: config.plain(cfg[key]) for key in ("audio", "frames", "pooling", "sequences")}
        for features, (parts, patterns) in sets.items():
            families_of_set = {family: listed[family] for family in parts}
            tables.write_json(folder / f"{features}.json", {"families": families_of_set, "columns": patterns, **shared})
        columns = ", ".join(f"{family} {table.shape[1] - 1}" for family, table in pooled.items())
        print(f"extract {name}: {len(clips)} clips; columns: {columns}")


if __name__ == "__main__":
    config.run(main)
