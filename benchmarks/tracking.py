"""Time to log a grid's cells to MLflow, and to find them there again.

python benchmarks/tracking.py [--cells 120] [--json FILE]

Each cell has ten genres and the predictions of 1000 clips. The store is MLFLOW_TRACKING_URI, or else a new database.

    log_seconds     a store without these cells
    again_seconds   the same call once more: it logs nothing

Smallest dose, a few seconds: --cells 2
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from workload import SEED, make_parser, parse_options, write_figures

from regenre.common.errors import report_errors
from regenre.evaluation import metrics
from regenre.reporting.tracking import Run, log_runs

GENRES = [f"genre {number}" for number in range(10)]


def main() -> None:
    """Print one line."""
    parser = make_parser(__doc__, n_clips=1000)
    parser.add_argument("--cells", type=int, default=120, help="number of cells")
    options = parse_options(parser)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".regenre").touch()
        os.environ["REGENRE_ROOT"] = folder
        runs = [make_run(number, options.clips, Path(folder)) for number in range(options.cells)]
        (n_logged, first_s), (n_again, again_s) = (log(runs) for _ in range(2))
    assert n_again == 0
    print(f"{n_logged} cells of {options.clips} clips: {first_s:.1f} s; once more, nothing to log: {again_s:.1f} s")
    write_figures(options.json, {"cells": n_logged, "log_seconds": first_s, "again_seconds": again_s})


def make_run(number: int, n_clips: int, folder: Path) -> Run:
    """Return the run of a cell whose predictions are random."""
    rng = np.random.default_rng([SEED, number])
    proba = rng.dirichlet(np.ones(len(GENRES)), n_clips)
    table = pd.DataFrame(proba.round(6), columns=[f"proba__{genre}" for genre in GENRES]).assign(
        clip_id=[f"clip {clip}" for clip in range(n_clips)],
        group=[f"group {clip // 8}" for clip in range(n_clips)],
        fold=rng.integers(5, size=n_clips),
        actual=rng.choice(GENRES, n_clips),
        predicted=np.array(GENRES)[proba.argmax(axis=1)],
    )
    record = folder / f"{number}.json"
    record.write_text(f'{{"cell": {number}}}')
    scores = metrics.score(table, SEED)
    return Run(
        name=f"cell {number}",
        params={f"with.setting{key}": str(key) for key in range(30)} | {"classifier": f"classifier{number}"},
        metrics=scores.cell,
        tags={"dataset": "benchmark"},
        artifacts={"cell.json": record},
        note="# A cell",
        ended=time.time(),
        seconds=1.0,
        tables={"per_genre.json": scores.genres, "predictions.json": table},
        fold_accuracies=metrics.score_folds(table),
    )


def log(runs: list[Run]) -> tuple[int, float]:
    """Return the number of runs that were logged, and the seconds it took."""
    start = time.perf_counter()
    n_logged, _, _ = log_runs("benchmark", runs)
    return n_logged, time.perf_counter() - start


if __name__ == "__main__":
    with report_errors():
        main()
