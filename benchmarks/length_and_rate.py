"""How far features move with the length and with the sampling rate of a clip.

python benchmarks/length_and_rate.py [--audio FOLDER] [--csv FILE] [--clips 20]

FOLDER holds clips that libsndfile reads. Without FOLDER the clips are synthetic music. Every family computes each clip
as a whole, up to 30 s of it, and again after each change:

    length    the middle 1, 2, 3, 5 and 10 s of the clip, of those that are shorter than it
    rate      the clip resampled to 16, 22.05, 32, 44.1 and 48 kHz, and then to the rate of the analysis as any file is
    analysis  the clip resampled to these rates and analysed at them (`audio.sr`), with windows of as many samples

A column moves by (changed - whole) / s, where s is its standard deviation over the whole clips. Its deviation is the
median over clips of the absolute value; its bias is the median itself, so what is not chance. Columns that are the same
for all clips are left out.

Printed is the column of each family that moves most, for each kind of change. FILE has every column and change.

Smallest dose, a few seconds: --clips 3 --clip-s 4
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
from extraction import SETS, SR, make_analysis
from workload import copy_clips, make_clip_parser, parse_options

from regenre import audio
from regenre.common.errors import report_errors
from regenre.features.extraction import Analysis

LONGEST_S = 30
LENGTHS_S = (1, 2, 3, 5, 10)
RATES_HZ = (16_000, 22_050, 32_000, 44_100, 48_000)
KEYS = ["family", "change", "to", "column"]


def compute_clip(path: Path, analysis: Analysis) -> pd.DataFrame:
    """Compute every column of a clip, as a whole and after each change."""
    samples, sr = audio.decode(path)
    samples = samples[: LONGEST_S * sr]
    y = audio.prepare(samples, sr, SR)
    rows = {("whole", 0): analysis(y)}
    for length_s in LENGTHS_S:
        start = (len(y) - length_s * SR) // 2
        if start > 0:
            rows["length", length_s] = analysis(y[start : start + length_s * SR])
    for rate in RATES_HZ:
        resampled = audio.prepare(samples, sr, rate)
        rows["rate", rate] = analysis(audio.prepare(resampled[:, None], rate, SR))
        rows["analysis", rate] = replace(analysis, sr=rate)(resampled)
    return pd.DataFrame(
        [
            (name, change, to, column, value)
            for (change, to), (families, _) in rows.items()
            for name, values in families.items()
            for column, value in zip(analysis.name_columns(name), values, strict=True)
        ],
        columns=[*KEYS, "value"],
    ).assign(clip=path.name)


def measure_moves(values: pd.DataFrame) -> pd.DataFrame:
    """Return the deviation and the bias of each column after each change."""
    whole = values["change"] == "whole"
    reference = values[whole].set_index(["column", "clip"])["value"]
    std = reference.groupby("column").std()
    changed = values[~whole].join(reference.rename("whole"), on=["column", "clip"]).join(std.rename("std"), on="column")
    changed = changed[changed["std"] > 0]
    changed["bias"] = (changed["value"] - changed["whole"]) / changed["std"]
    changed["deviation"] = changed["bias"].abs()
    return changed.groupby(KEYS, sort=False)[["deviation", "bias"]].median().reset_index()


def main() -> None:
    """Print the columns that move most; write all columns."""
    parser = make_clip_parser(__doc__, 20)
    parser.add_argument("--csv", type=Path, metavar="FILE", help="file to write every column to")
    options = parse_options(parser)
    analysis = make_analysis(SETS["all"])
    with tempfile.TemporaryDirectory() as folder:
        clips = copy_clips(options, Path(folder))
        moves = measure_moves(pd.concat([compute_clip(path, analysis) for path in clips]))
    worst = moves.loc[moves.groupby(["family", "change"], sort=False)["deviation"].idxmax()]
    print(f"{len(clips)} clips; in standard deviations between clips")
    print(worst.to_string(index=False, float_format="{:.2f}".format))
    if options.csv is not None:
        moves.to_csv(options.csv, index=False, float_format="%.4f")


if __name__ == "__main__":
    with report_errors():
        main()
