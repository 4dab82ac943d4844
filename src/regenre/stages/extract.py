"""Compute every family that the grid needs, in one pass over the audio.

Reads: data/raw/<dataset>/, data/index/<dataset>.parquet, params.yaml. Writes: data/features/<dataset>/:
<family>.parquet, <family>.npz (frames, if a classifier of the grid reads them), and <features>.json, the record of what
a feature set reads. If a split deals pieces, the same for pieces in pieces/.
"""

from regenre.common import config, paths, tables
from regenre.common.config import Settings
from regenre.features import feature_files

READS = (
    "audio.sr",
    "audio.loudness",
    "audio.floor_db",
    "frames.*",
    "sequences.*",
    "pieces.*",
    "pooling.*",
    "family.*",
    "compute.*",
)
SWEEPS = ("dataset",)


def main(settings: Settings) -> None:
    """Write the tables, the frames and the records of the feature sets."""
    name, grid = config.get_choice("dataset"), config.read_grid()
    sets = {features: config.read_feature_set(features) for features in grid.features}
    names = config.list_families(sets)
    splits, classifiers = config.read_leaves(grid.splits, grid.classifiers, grid.seed)
    reads_frames = any(leaf.get("reads") == "frames" for leaf in classifiers.values())
    n_averaged = settings.sequences.n_averaged if reads_frames else 0
    splitters = [config.build(leaf, f"conf/split/{split}.yaml", object) for split, leaf in splits.items()]
    piece_s = settings.pieces.length_s if any(getattr(splitter, "pieces", False) for splitter in splitters) else 0.0
    reads = {f"family.{family}": family in names for family in settings.family}
    reads |= {"sequences": n_averaged > 0, "pieces": piece_s > 0}
    config.refuse_unread([key for key, is_read in reads.items() if not is_read], "nothing in params.yaml reads it")
    clips = tables.select_usable(tables.read_clips(paths.locate_index(name)))
    with config.make_compute(settings).use():
        message = feature_files.extract_sets(
            paths.locate_features(name), clips, paths.locate_raw(name), sets, n_averaged, piece_s, settings
        )
    print(f"extract {name}: {message}")


if __name__ == "__main__":
    config.run_stage(main, READS, sweeps=SWEEPS)
