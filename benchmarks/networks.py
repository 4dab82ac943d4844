"""Speed and memory of networks: what they compute from audio, their training, and transcription.

python benchmarks/networks.py [--audio FOLDER] [--json FILE] [--clips 24] [--repeats 3]

FOLDER holds clips that libsndfile reads; without it the clips are synthetic music of 30 s. Every contender has a
process of its own and one core; a time is the median of `repeats`, after a first run on one clip.

    <family>/realtime       seconds of audio per second: networks beside mfcc and everything that is made by hand
    <classifier>/fit_s      seconds of a fit on the clips, four classes: cnn on the frames of a mel spectrogram, the
                            probes on as many columns of noise as both musicnn networks have
    <transcriber>/realtime  seconds of audio per second
    <name>/mb               highest resident memory of the process in 10^6 bytes, libraries included

What needs an extra or weights that are not there is named and left out.

Smallest dose, a few seconds: --clips 12 --repeats 1 --clip-s 3 --only mfcc linear_probe
"""

import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import soundfile
from extraction import SETS, make_analysis, read_settings
from workload import SEED, copy_clips, make_parser, measure_peak_mb, parse_options, print_figures

from regenre import audio
from regenre.common import config
from regenre.common.errors import UserError, report_errors
from regenre.common.paths import locate_conf
from regenre.learning import estimator
from regenre.learning.estimator import Learner
from regenre.transcription.transcriber import Transcriber

N_COLUMNS = 1000
Run = Callable[[list[Path]], object]
FAMILIES = {
    "mfcc": ["mfcc"],
    "all": SETS["all"],
    "musicnn_msd": ["musicnn"],
    "musicnn_mtt": ["musicnn"],
    "musicnn": ["musicnn"],
}


def prepare_family(name: str, clips: list[Path]) -> Run:
    """Return what computes a family of clips."""
    changes = {"models": [name.removeprefix("musicnn_")]} if "_" in name else {}
    analysis = make_analysis(FAMILIES[name], **changes)
    return lambda paths: [analysis(audio.load(path, analysis.sr)) for path in paths]


def prepare_fit(name: str, clips: list[Path]) -> Run:
    """Return what fits a classifier on clips, for the first run on twelve."""
    with config.open_settings():
        leaf = config.read_leaves([], [name], SEED)[1][name]
    learner = config.build(leaf, name, Learner)
    if name == "cnn":
        analysis = make_analysis(["mel_spectrogram"], n_averaged=read_settings().sequences.n_averaged)
        X = np.empty(len(clips), dtype=object)
        X[:] = [analysis(audio.load(path, analysis.sr))[1]["mel_spectrogram"] for path in clips]
    else:
        X = np.random.default_rng(SEED).normal(size=(len(clips), N_COLUMNS)).astype(np.float32)
    genre = np.array([f"class_{number % 4}" for number in range(len(X))], dtype=object)

    def fit(paths: list[Path]) -> object:
        n = max(12, len(paths))
        return estimator.fit(learner, X[:n], genre[:n], np.arange(n), [], "accuracy")

    return fit


def prepare_transcriber(name: str, clips: list[Path]) -> Run:
    """Return what transcribes clips."""
    leaf = config.read_yaml(locate_conf() / f"transcriber/{name}.yaml")
    transcriber = config.build(leaf, name, Transcriber)
    return lambda paths: [transcriber(audio.load(path, transcriber.sr)) for path in paths]


def measure(prepare: Callable[[list[Path]], Run], clips: list[Path], repeats: int) -> tuple[float, float]:
    """Return the median time in seconds of a run on all clips, and the memory of this process."""
    warnings.simplefilter("ignore")  # of few clips
    run = prepare(clips)
    run(clips[:1])  # loads, compiles
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run(clips)
        times.append(time.perf_counter() - start)
    return statistics.median(times), measure_peak_mb()


def main() -> None:
    """Print and write the figures."""
    transcribers = [path.stem for path in sorted((locate_conf() / "transcriber").glob("*.yaml"))]
    contenders = {
        **{name: partial(prepare_family, name) for name in FAMILIES},
        **{name: partial(prepare_fit, name) for name in ("cnn", "linear_probe", "mlp_probe")},
        **{name: partial(prepare_transcriber, name) for name in transcribers},
    }
    parser = make_parser(__doc__, n_clips=24)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=contenders, default=list(contenders), help="measure these alone"
    )
    options, figures = parse_options(parser), {}
    with tempfile.TemporaryDirectory() as folder:
        clips = copy_clips(options, Path(folder))
        duration = sum(soundfile.info(path).duration for path in clips)
        for name in options.only:
            prepare = contenders[name]
            try:
                with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                    seconds, mb = pool.submit(measure, prepare, clips, options.repeats).result()
            except UserError as error:
                print(f"{name} left out: {error}", file=sys.stderr)
                continue
            is_fit = prepare.func is prepare_fit
            figures |= {f"{name}/fit_s": seconds} if is_fit else {f"{name}/realtime": duration / seconds}
            figures[f"{name}/mb"] = mb
    print_figures(options.json, figures)


if __name__ == "__main__":
    with report_errors():
        main()
