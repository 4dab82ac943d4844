"""Compute every family that the grid needs, in one pass over the audio.

Reads: data/raw/<dataset>/, data/index/<dataset>.parquet, params.yaml. Writes: data/features/<dataset>/:
<family>.parquet, <family>.npz (frames, where a classifier of the grid reads them), and for each feature set
<features>.json with its families' settings and digests, which tell a cell whether to be fitted again.
Where a split deals pieces, the same of them in pieces/.
"""

from pathlib import Path

import hydra
import pandas as pd
from omegaconf import DictConfig

from regenre import config, extraction, fetch, tables
from regenre.errors import UserError, reported
from regenre.families import Given


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Write the tables, the frames and the feature sets' lists."""
    with reported():
        name, grid = config.chosen("dataset"), config.grid()
        sets = {features: config.feature_set(features) for features in grid.features}
        named = sorted({family for families, _ in sets.values() for family in families})
        families = {family: config.build(cfg.family[family]) for family in named}
        given = {family: made for family, made in families.items() if isinstance(made, Given)}
        computed = {family: made for family, made in families.items() if family not in given}
        leaves = config.leaves("classifier", grid.classifiers, grid.seed).values()
        n_averaged = cfg.sequences.n_averaged if any(leaf.get("reads") == "frames" for leaf in leaves) else 0
        clips = tables.usable(tables.read_clips(config.index(name)))
        if computed and not clips["path"].any():
            raise UserError(f"family {min(computed)}: audio expected, dataset {name} has none; take external or text")
        cut = any(config.build(leaf).pieces for leaf in config.leaves("split", grid.splits, grid.seed).values())
        if cut and given:
            raise UserError(f"family {min(given)}: a row a clip, no pieces to deal; take segment_kfold out of splits")
        analysis = extraction.Analysis(
            computed, config.build(cfg.pooling), cfg.audio.sr, **cfg.frames, n_averaged=n_averaged
        )
        with config.compute(cfg).parallel():
            piece_s = cfg.pieces.length_s if cut else 0.0
            whole, pieces = extraction.extract(clips, config.raw(name), analysis, piece_s)
        whole.pooled.update({family: made.table(family, clips, config.raw(name)) for family, made in given.items()})
        folder = config.features(name)
        _write(folder, whole, cfg, analysis, sets)
        if cut:
            _write(folder / tables.PIECES, pieces, cfg, analysis, sets)
        columns = ", ".join(_counted(family, table) for family, table in sorted(whole.pooled.items()))
        n_pieces = f" and {len(pieces.clip_ids)} pieces" if cut else ""
        print(f"extract {name}: {len(clips)} clips{n_pieces}; columns: {columns}")


def _counted(family: str, table: pd.DataFrame) -> str:
    n_without = int((table.iloc[:, 1:].select_dtypes("object") == "").to_numpy().sum())
    without = f" ({n_without} clips have none)" if n_without else ""
    return f"{family} {table.shape[1] - 1}{without}"


def _write(
    folder: Path,
    found: extraction.Extracted,
    cfg: DictConfig,
    analysis: extraction.Analysis,
    sets: dict[str, tuple[list[str], list[str]]],
) -> None:
    listed: dict[str, dict[str, object]] = {}
    for family, table in sorted(found.pooled.items()):
        tables.write_pooled(folder / f"{family}.parquet", table)
        listed[family] = {"settings": config.plain(cfg.family[family])}
        listed[family]["md5"] = fetch.md5_of(folder / f"{family}.parquet")
        if family in analysis.framewise:
            listed[family]["frames_md5"] = None
    for family, values in analysis(extraction.probe(cfg.audio.sr))[0].items():
        listed[family]["probe"] = [float(f"{value:.6g}") for value in values]
    for family, sequences in found.sequences.items():
        names = analysis.frame_columns(family)
        tables.write_sequences(folder / f"{family}.npz", found.clip_ids, sequences, names)
        listed[family]["frames_md5"] = fetch.md5_of(folder / f"{family}.npz")
    shared = {key: config.plain(cfg[key]) for key in ("audio", "frames", "pooling", "sequences")}
    for features, (parts, patterns) in sets.items():
        families = {family: listed[family] for family in parts}
        tables.write_json(folder / f"{features}.json", {"families": families, "columns": patterns, **shared})


if __name__ == "__main__":
    config.run(main)
