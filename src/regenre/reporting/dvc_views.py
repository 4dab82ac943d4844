"""What `dvc metrics`, `dvc exp show` and `dvc plots` show: few numbers, the most important first.

best.json               the best cell under the most honest split, its accuracy, and the most that others claim
metrics.json            cell -> accuracy
plots/accuracy.csv      of the cells under the most honest split
plots/leak.csv          what each other cell claims beyond its honest accuracy
plots/confusion/*.csv   of the best cell under each split
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from regenre.common import files, tables
from regenre.common.paths import CellName
from regenre.evaluation.grid import Evaluation, describe_best, select_best


def write_views(reports: Path, evaluation: Evaluation, predictions: Mapping[CellName, pd.DataFrame]) -> None:
    """Write the files above into `reports`.

    Parameters
    ----------
    predictions : of every cell
    """
    summary, leak = _name_cells(evaluation.summary), _name_cells(evaluation.leak)
    files.write_json(reports / "best.json", describe_best(evaluation))
    files.write_json(reports / "metrics.json", summary.set_index("cell")["accuracy"].round(6).to_dict())
    honest = summary[summary["split"] == select_best(summary)["split"]]
    tables.write_csv(reports / "plots/accuracy.csv", honest[["cell", "accuracy"]])
    tables.write_csv(reports / "plots/leak.csv", leak[["cell", "leak"]])
    for split, rows in summary.groupby("split"):
        best = predictions[CellName.read_row(select_best(rows).to_dict())]
        tables.write_csv(reports / f"plots/confusion/{split}.csv", best[["actual", "predicted"]])


def _name_cells(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(cell=[str(CellName.read_row(row)) for row in table.to_dict("records")])
