"""How far features move when a clip is changed in ways that leave its music as it is, and what a change costs.

python benchmarks/deformations.py [--audio FOLDER] [--csv FILE] [--clips 20] [--deformations NAMES]

FOLDER holds clips that libsndfile reads. Without FOLDER the clips are synthetic music. Every family computes each clip
as it is and after each deformation of conf/deformation that NAMES match, patterns with commas between them.

A column moves by |changed - clip| / s, where s is its standard deviation over the clips as they are; the move is the
median over clips. Columns that are the same for all clips are left out. Printed are tables in Markdown with a row for
each family: the median over its columns, and in brackets the column that moves most. FILE has every column.

The second figure is time: all deformations of a clip with `mfcc` and `spectral_shape`, as `stress` computes them, over
that of extracting these once, which decodes the clip too.

Smallest dose, a few seconds: --clips 3 --clip-s 4 --deformations gain_minus_6,tilt_6
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from extraction import SETS, SR, make_analysis
from workload import copy_clips, make_clip_parser, parse_options

from regenre import audio
from regenre.common import config
from regenre.common.errors import report_errors
from regenre.deformation.deformation import Deformation, deform
from regenre.features.extraction import Analysis

SHOWN = "gain_minus_6,tilt_6,equalizer_6,white_30,pink_30,babble_30,mp3_64,low_pass_8k,room,clipping_1,speed_3,shifted"
TIMED = ["mfcc", "spectral_shape"]
KEYS = ["family", "deformation", "column"]
WIDTH = 13  # deformations of one table


def main() -> None:
    """Print the table and the cost; write all columns."""
    parser = make_clip_parser(__doc__, 20)
    parser.add_argument("--csv", type=Path, metavar="FILE", help="file to write every column to")
    parser.add_argument("--deformations", default=SHOWN, metavar="NAMES", help=f"default: {SHOWN}")
    options = parse_options(parser)
    leaves = config.read_deformations("--deformations", options.deformations.split(","))
    deformations = config.build_leaves("deformation", leaves, Deformation)
    analysis, timed = make_analysis(SETS["all"]), make_analysis(TIMED)
    rows, once_s, changed_s = [], 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        clips = copy_clips(options, Path(folder))
        timed(audio.load(clips[0], SR))  # compiles
        for path in clips:
            start = time.perf_counter()
            samples, sr = audio.decode(path)
            timed(audio.prepare(samples, sr, SR))
            once_s += time.perf_counter() - start
            rows += [(path.name, "", *row) for row in list_values(analysis, audio.prepare(samples, sr, SR))]
            for name, deformation in deformations.items():
                start = time.perf_counter()
                y = audio.convert(deform(deformation, name, samples, sr, path.name), sr, SR)
                timed(y)
                changed_s += time.perf_counter() - start
                rows += [(path.name, name, *row) for row in list_values(analysis, y)]
    moves = measure_moves(pd.DataFrame(rows, columns=["clip", "deformation", "family", "column", "value"]))
    print(f"{len(clips)} clips; in standard deviations between clips: median column (worst column)")
    for start in range(0, len(deformations), WIDTH):
        names = list(deformations)[start : start + WIDTH]
        print(format_table(moves[moves["deformation"].isin(names)]), end="\n\n")
    print(f"time: {len(deformations)} deformations cost {changed_s / once_s:.1f} times one extraction of {TIMED}")
    if options.csv is not None:
        moves.to_csv(options.csv, index=False, float_format="%.4f")


def list_values(analysis: Analysis, y: np.ndarray) -> list[tuple[str, str, float]]:
    """Return family, column and value of each column of a clip."""
    rows, _ = analysis(y)
    return [
        (family, column, value)
        for family, values in rows.items()
        for column, value in zip(analysis.name_columns(family), values, strict=True)
    ]


def measure_moves(values: pd.DataFrame) -> pd.DataFrame:
    """Return how far each column moves under each deformation: family, deformation, column, move."""
    is_clip = values["deformation"] == ""
    clips = values[is_clip].set_index(["column", "clip"])["value"].astype(float)
    std = clips.groupby("column").std()
    changed = values[~is_clip].join(clips.rename("before"), on=["column", "clip"]).join(std.rename("std"), on="column")
    changed = changed[changed["std"] > 0]
    changed["move"] = (changed["value"] - changed["before"]).abs() / changed["std"]
    return changed.groupby(KEYS, sort=False)["move"].median().reset_index()


def format_table(moves: pd.DataFrame) -> str:
    """Return a row for each family and a column for each deformation."""
    cells = moves.groupby(["family", "deformation"], sort=False)["move"].agg(["median", "max"])
    texts = cells.apply(lambda cell: f"{cell['median']:.2f} ({cell['max']:.1f})", axis=1)
    return texts.unstack(sort=False).to_markdown(disable_numparse=True)


if __name__ == "__main__":
    with report_errors():
        main()
