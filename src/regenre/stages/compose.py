"""Write down the settings of the grid, composed and resolved, where DVC compares and shows them.

Reads: conf/, params.yaml. Writes: reports/settings.yaml: what all cells have in common, and the leaves that the grid
names.
"""

from typing import Any

from regenre.common import config, files, paths, records
from regenre.common.config import FeaturesLeaf, Settings

READS = ("family",)  # from conf/ alone: the other stages would not know of a change by hand
OTHERS = ("source", "seed", "trusted", "compute")  # in params.yaml, or they decide no result


def main(settings: Settings) -> None:
    """Write the settings."""
    grid = config.read_grid()
    sets = {name: config.read_feature_set(name) for name in grid.features}
    families = config.list_families(sets)
    common = {key: value for key, value in records.convert_to_plain(settings).items() if key not in OTHERS}
    splits, classifiers = config.read_leaves(grid.splits, grid.classifiers, grid.seed)
    leaves = {
        "family": {name: settings.family[name] for name in families},
        "features": {name: _describe_set(name, leaf) for name, leaf in sets.items()},
        "split": splits,
        "classifier": classifiers,
        "deformation": config.read_deformations(
            "conf/config.yaml: stress.deformations", common["stress"]["deformations"]
        ),
        # what decides whether `extract` writes frames and pieces
        "extract": {
            "reads": sorted({leaf.get("reads", "rows") for leaf in classifiers.values()}),
            "splits": sorted({leaf["_target_"] for leaf in splits.values()}),
        },
    }
    files.write_text(paths.locate_reports() / "settings.yaml", config.render_yaml(common | leaves))
    print(f"compose {grid.dataset}: {len(grid.cells)} cells, {len(families)} families")


def _describe_set(name: str, leaf: FeaturesLeaf) -> dict[str, Any]:
    """Return a feature set with the leaves of its deformations, which decide its copies."""
    content: dict[str, Any] = {"families": leaf.families, "columns": leaf.columns}
    if leaf.augment is None:
        return content
    where = f"conf/features/{name}.yaml: augment.deformations"
    leaves = config.read_deformations(where, leaf.augment.deformations)
    return content | {"augment": {"copies": leaf.augment.copies, "deformations": leaves}}


if __name__ == "__main__":
    config.run_stage(main, READS)
