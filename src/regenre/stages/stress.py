"""Change the tested clips in ways that leave their genre as it is: do the answers stay?

Off as long as `stress.deformations` is empty: then the table has no rows.

Reads: data/chosen/<dataset>.stress.json (which cell), data/raw/<dataset>/, data/features/<dataset>/,
data/index/<dataset>.parquet. Writes: reports/stress.csv.
"""

import pandas as pd

from regenre.common import config, paths, records, tables
from regenre.common.config import Settings
from regenre.common.errors import escape_terminal
from regenre.deformation.deformation import Deformation
from regenre.evaluation import grid, stress
from regenre.learning.plan import Planner
from regenre.reporting.escaping import escape_sheet
from regenre.reporting.summary import phrase_stress

READS = ("search.*", "stress.*", "seed", "compute.*")


def main(settings: Settings) -> None:
    """Write the table."""
    name, target = config.get_choice("dataset"), paths.locate_reports() / "stress.csv"
    leaves = config.read_deformations("stress.deformations", settings.stress.deformations)
    if not leaves:
        tables.write_csv(target, pd.DataFrame(columns=stress.COLUMNS))
        print(f"stress {name}: off; name deformations in stress.deformations of conf/config.yaml, ['*'] for all")
        return
    deformations = config.build_leaves("deformation", leaves, Deformation)
    chosen = records.read_record(paths.locate_choice(name, "stress"), grid.StressChoice, "run `dvc repro`").cell
    cells = config.read_grid().cells
    own = [grid.find_cell(cells, text, "stress.cells") for text in [chosen, *settings.stress.cells]]
    splits, classifiers = config.read_leaves(
        sorted({cell.split for cell in own}), sorted({cell.classifier for cell in own}), settings.seed
    )
    index, features = paths.locate_index(name), paths.locate_features(name)
    planner = Planner(name, index, features, settings.seed, settings.search, config.build)
    planned = [planner.plan_cell(cell, splits[cell.split], classifiers[cell.classifier]) for cell in dict.fromkeys(own)]
    with config.make_compute(settings).use():
        table, left_out = stress.stress_cells(
            planned, deformations, paths.locate_raw(name), config.build, settings.seed
        )
    tables.write_csv(target, escape_sheet(table))
    for cell_name, reason in left_out.items():
        print(escape_terminal(f"stress {name}: {cell_name} is left out: {reason}"))
    for sentence in phrase_stress(table):
        print(escape_terminal(f"stress {name}: {sentence}"))


if __name__ == "__main__":
    config.run_stage(main, READS)
