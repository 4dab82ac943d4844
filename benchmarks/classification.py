"""Speed of classification with a trained model, beside pyAudioProcessing, in one run on one core.

python benchmarks/classification.py [--audio FOLDER] [--model CELL] [--json FILE] [--clips 10] [--repeats 3]

FOLDER holds clips that libsndfile reads; they are copied to WAV, the only format that pyAudioProcessing reads.
Without FOLDER the clips are synthetic music of 30 s. Both contenders classify the same clips in turn: regenre with the
model of a cell, pyAudioProcessing with its own genre model. The default cell is the best one of the last `dvc repro`;
one that reads mfcc_gfcc_spectral_chroma compares like with like. A figure is the median over clips of the best of
`repeats`.

    <name>/clips_per_s   clips per second, on one core
    <name>/realtime      seconds of audio per second, on one core
    <name>/times_ours    time over regenre's

Without a model the exit status is 3. pyAudioProcessing is left out if it is not installed:
pip install --no-deps -r benchmarks/peers.txt

Smallest dose, a few seconds: --clips 2 --repeats 1 --clip-s 3
"""

import contextlib
import io
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import soundfile
from workload import copy_clips, make_parser, parse_options, write_figures

from regenre.common.errors import UserError, report_errors
from regenre.inference.model import Model, find_best, find_cell, read_model
from regenre.learning.cells import RECORD

NO_MODEL = 3  # exit status, by which `make bench` tells a missing model from a failure


def main() -> None:
    """Print one line per contender."""
    parser = make_parser(__doc__, n_clips=10)
    parser.add_argument("--model", metavar="CELL", help="name or folder of a cell (default: the best one)")
    options = parse_options(parser)
    model = read_model(find_cell(options.model)) if options.model else read_best()
    contenders: dict[str, Callable[[Path], object]] = {f"regenre, {model.name}": model.classify_file}
    try:
        from pyAudioProcessing.run_classification import classify_genre

        contenders["pyAudioProcessing, classify_genre"] = lambda path: classify_genre(file=str(path))
    except ImportError as error:
        print(
            f"peer pyAudioProcessing left out: {error}; pip install --no-deps -r benchmarks/peers.txt", file=sys.stderr
        )
    times: dict[str, list[float]] = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        clips = copy_clips(options, Path(folder))
        durations = [soundfile.info(path).duration for path in clips]
        for path in clips:
            for name, classify in contenders.items():
                times[name].append(min(measure_seconds(classify, path) for _ in range(options.repeats)))
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    ours = next(iter(medians.values()))
    figures = {}
    for name, median in medians.items():
        realtime = statistics.median(durations) / median
        figures |= {
            f"{name}/clips_per_s": 1 / median,
            f"{name}/realtime": realtime,
            f"{name}/times_ours": median / ours,
        }
        print(
            f"{name}: {1 / median:.2f} clips a second, {realtime:.0f} x real time, {median / ours:.1f} times our time"
        )
    write_figures(options.json, figures)


def read_best() -> Model:
    """Return the best model of the last `dvc repro`; exit with the status `NO_MODEL` if there is none."""
    try:
        folder = find_best()
        is_there = (folder / RECORD).is_file()
    except UserError:
        is_there = False
    if not is_there:
        print("classification.py: no model found; run `make repro`, or pass --model with a cell", file=sys.stderr)
        sys.exit(NO_MODEL)
    return read_model(folder)


def measure_seconds(classify: Callable[[Path], object], path: Path) -> float:
    """Return how long it takes to classify a clip; what the contender prints is dropped."""
    with contextlib.redirect_stdout(io.StringIO()):
        start = time.perf_counter()
        classify(path)
        return time.perf_counter() - start


if __name__ == "__main__":
    with report_errors():
        main()
