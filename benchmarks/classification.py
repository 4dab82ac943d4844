"""Speed of putting a model to use, beside pyAudioProcessing's, in one run on one core.

python benchmarks/classification.py --audio FOLDER [--model CELL] [--clips 10] [--repeats 3]

FOLDER holds clips that libsndfile reads; they are copied to WAV, which is all that pyAudioProcessing reads. Both
classify the same clips in turn, ours with the model of a cell (default: the best one of the last `dvc repro`; take one
that reads mfcc_gfcc_spectral_chroma to compare like with like), pyAudioProcessing with its own genre model. A figure
is the median over clips of the best of `repeats`.
"""

import argparse
import contextlib
import io
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import soundfile

from regenre.inference import model as classification


def main() -> None:
    """Print a line a contender."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, required=True)
    parser.add_argument("--model")
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    model = classification.read_model(
        classification.find_cell(given.model) if given.model else classification.find_best()
    )
    contenders: dict[str, Callable[[Path], object]] = {f"regenre, {model.name}": model.classify_file}
    try:
        from pyAudioProcessing.run_classification import classify_genre

        contenders["pyAudioProcessing, classify_genre"] = lambda path: classify_genre(file=str(path))
    except ImportError as error:
        print(f"pyAudioProcessing left out: {error}; pip install --no-deps -r benchmarks/peers.txt")
    paths = sorted(path for path in given.audio.rglob("*") if path.suffix in (".flac", ".wav"))
    step = max(1, len(paths) // given.clips)
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    lengths = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        for path in paths[::step][: given.clips]:
            y, sr = soundfile.read(path)
            soundfile.write(wav := Path(folder) / "clip.wav", y, sr)
            lengths.append(len(y) / sr)
            for name, classify in contenders.items():
                spent[name].append(min(_seconds(classify, wav) for _ in range(given.repeats)))
    ours = statistics.median(next(iter(spent.values())))
    for name, seconds in spent.items():
        median = statistics.median(seconds)
        realtime = statistics.median(lengths) / median
        print(
            f"{name}: {1 / median:.2f} clips a second, {realtime:.0f} x real time, {median / ours:.1f} times our time"
        )


def _seconds(classify: Callable[[Path], object], path: Path) -> float:
    with contextlib.redirect_stdout(io.StringIO()):
        started = time.perf_counter()
        classify(path)
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
