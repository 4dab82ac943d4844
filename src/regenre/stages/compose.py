"""Write down the settings of the grid, composed and resolved, where DVC compares and shows them.

Reads: conf/, params.yaml. Writes: reports/settings.yaml: what all cells have in common, and the leaves that the grid
names.
"""

from regenre import config, files, paths, records
from regenre.config import Settings

READS = ("family",)  # from conf/ alone: the other stages would not know of a change by hand
OTHERS = ("source", "seed", "trusted", "compute")  # in params.yaml, or they decide no result


def main(settings: Settings) -> None:
    """Write the settings."""
    grid = config.read_grid()
    sets = {name: config.read_feature_set(name) for name in grid.features}
    families = config.list_families(sets)
    common = {key: value for key, value in records.convert_to_plain(settings).items() if key not in OTHERS}
    splits = config.read_leaves("split", grid.splits, grid.seed)
    classifiers = config.read_leaves("classifier", grid.classifiers, grid.seed)
    patterns = common["stress"]["deformations"]
    deformations = config.match_names("conf/config.yaml: stress.deformations", "deformation", patterns)
    leaves = {
        "family": {name: settings.family[name] for name in families},
        "features": {name: {"families": names, "columns": columns} for name, (names, columns) in sets.items()},
        "split": splits,
        "classifier": classifiers,
        "deformation": config.read_leaves("deformation", deformations, grid.seed),
        # what decides whether `extract` writes frames and pieces
        "extract": {
            "reads": sorted({leaf.get("reads", "rows") for leaf in classifiers.values()}),
            "splits": sorted({leaf["_target_"] for leaf in splits.values()}),
        },
    }
    files.write_text(paths.locate_reports() / "settings.yaml", config.render_yaml(common | leaves))
    print(f"compose {grid.dataset}: {len(grid.cells)} cells, {len(families)} families")


if __name__ == "__main__":
    config.run_stage(main, READS)
