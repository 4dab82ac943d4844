"""Speed and memory of feature extraction, in one run, as ratios.

python benchmarks/extraction.py [--audio FOLDER] [--json FILE] [--clips 12] [--peer-clips 3] [--repeats 3]

FOLDER holds clips that libsndfile reads; they are copied to WAV first. Without FOLDER the clips are synthetic music of
30 s. Every contender processes the same clips in turn, on one core; a figure is the median over clips of the best of
`repeats`.

    <set>/limit        our time over that of decode + one STFT + mel + log + DCT in plain numpy and scipy; all is
                       also measured in two parts, the block-level families and the others
    <set>/realtime     seconds of audio per second, on one core
    peer/<name>        the peer's time over ours on its own set of features
    scaling/<n>        throughput of n workers over n times that of one worker
    clips_per_s        throughput of n workers
    memory/worker_mb   highest resident memory of a worker; memory/growth_mb after five times the clips

Peers that are not installed are named and left out: pip install --no-deps -r benchmarks/peers.txt

Smallest dose, a few seconds: --clips 2 --peer-clips 1 --repeats 1 --clip-s 3 --scaling-clips 2
"""

import contextlib
import importlib
import io
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import joblib
import librosa
import numpy as np
import pandas as pd
import scipy.fft
import scipy.signal
import soundfile
from workload import copy_clips, make_parser, measure_peak_mb, parse_options, print_figures

from regenre import audio
from regenre.common import config
from regenre.common.compute import Local
from regenre.common.errors import report_errors
from regenre.common.files import compute_md5
from regenre.features.extraction import Analysis, Features, extract
from regenre.features.family import Family
from regenre.features.pooling import Pooling

SR, N_FFT, HOP = 22_050, 2048, 512
HANN = scipy.signal.get_window("hann", N_FFT).astype(np.float32)
MEL = librosa.filters.mel(sr=SR, n_fft=N_FFT)


def compute_limit(path: Path) -> np.ndarray:
    """Compute cepstra with the steps that no extractor can do without."""
    y, _ = soundfile.read(path, dtype="float32")
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(y, N_FFT // 2), N_FFT)[::HOP]
    spectrum = scipy.fft.rfft(frames * HANN, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    level = 10 * np.log10(np.maximum(power @ MEL.T, 1e-10))
    return scipy.fft.dct(level, axis=1, norm="ortho")[:, :20]


@lru_cache(maxsize=1)
def read_settings() -> config.Settings:
    """Return the settings of conf/."""
    return config.compose_settings()


def make_analysis(names: list[str], n_averaged: int = 0, **changes: object) -> Analysis:
    """Return the analysis that computes these families, with changes of their settings."""
    settings = read_settings()
    families = {name: config.build(settings.family[name] | changes, name, Family) for name in names}
    return Analysis(families, config.build(settings.pooling, "pooling", Pooling), SR, N_FFT, HOP, n_averaged)


def make_extractor(names: list[str]) -> Callable[[Path], Features]:
    """Return a function that computes these families from a file."""
    analysis = make_analysis(names)
    return lambda path: analysis(audio.load(path, SR))


def run_librosa_script(path: Path) -> list:
    """Run the script that GTZAN tutorials share, without harmonic-percussive separation."""
    y, sr = soundfile.read(path, dtype="float32")
    feature = librosa.feature
    shapes = [feature.spectral_centroid, feature.spectral_bandwidth, feature.spectral_rolloff, feature.chroma_stft]
    values = [compute(y=y, sr=sr) for compute in shapes]
    values += [feature.rms(y=y), feature.zero_crossing_rate(y), feature.mfcc(y=y, sr=sr, n_mfcc=20)]
    return [librosa.beat.beat_track(y=y, sr=sr)[0], *((value.mean(), value.var()) for value in values)]


def run_pyaudioprocessing(path: Path) -> object:
    """Compute the features that pyAudioProcessing offers."""
    from pyAudioProcessing.extract_features import get_features

    return get_features(file=str(path), feature_names=["mfcc", "gfcc", "spectral", "chroma"])


def run_pyaudioanalysis(path: Path) -> tuple:
    """Compute its short-term features alone, 50 ms windows every 25 ms, then mean and deviation."""
    from pyAudioAnalysis import ShortTermFeatures

    y, sr = soundfile.read(path, dtype="float64")
    values, _ = ShortTermFeatures.feature_extraction(y, sr, round(0.05 * sr), round(0.025 * sr))
    return values.mean(axis=1), values.std(axis=1)


def make_spafe_extractor(name: str) -> Callable[[Path], np.ndarray]:
    """Return a function that computes one of spafe's features from a file."""

    def run_spafe(path: Path) -> np.ndarray:
        from spafe.utils.preprocessing import SlidingWindow

        module = importlib.import_module("spafe.features." + {"lpcc": "lpc"}.get(name, name))
        y, sr = soundfile.read(path, dtype="float64")
        options = {} if name == "lpcc" else {"nfilts": 40, "nfft": N_FFT}
        window = SlidingWindow(N_FFT / sr, HOP / sr, "hamming")
        return getattr(module, name)(y, fs=sr, window=window, **options).mean(axis=0)

    return run_spafe


BLOCK_LEVEL = config.read_feature_set("block_level").families
SETS = {
    "all": config.read_feature_set("all").families,
    "all_but_block_level": [name for name in config.read_feature_set("all").families if name not in BLOCK_LEVEL],
    "block_level": BLOCK_LEVEL,
    "pyaudioprocessing_set": ["mfcc", "gfcc", "spectral_shape", "chroma"],
    "pyaudioanalysis_set": ["mfcc", "spectral_shape", "chroma", "energy"],
    "librosa_script_set": ["chroma", "energy", "mfcc", "rhythm", "spectral_shape"],
    **{name: [name] for name in ("mfcc", "gfcc", "lfcc", "bfcc", "lpcc", "pncc")},
}
PEERS = {
    "pyAudioProcessing": (run_pyaudioprocessing, "pyaudioprocessing_set"),
    "pyAudioAnalysis": (run_pyaudioanalysis, "pyaudioanalysis_set"),
    "librosa_script": (run_librosa_script, "librosa_script_set"),
    **{
        f"spafe_{name}": (make_spafe_extractor(name), name) for name in ("mfcc", "gfcc", "lfcc", "bfcc", "lpcc", "pncc")
    },
}


def measure_seconds(extract_file: Callable[[Path], object], path: Path, repeats: int) -> float:
    """Return the shortest time of `repeats` runs on a file."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        extract_file(path)
        times.append(time.perf_counter() - start)
    return min(times)


def measure_speed(clips: list[Path], peer_clips: int, repeats: int) -> dict[str, float]:
    """Time every set of features and every peer on one core."""
    contenders = {"limit": compute_limit} | {name: make_extractor(families) for name, families in SETS.items()}
    for extract_file in contenders.values():
        extract_file(clips[0])  # compiles, fills caches
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for path in clips:
        for name, extract_file in contenders.items():
            times[name].append(measure_seconds(extract_file, path, repeats))
    figures = {f"{name}/limit": compute_median_ratio(times[name], times["limit"]) for name in SETS}
    durations = [soundfile.info(path).duration for path in clips]
    figures |= {f"{name}/realtime": compute_median_ratio(durations, seconds) for name, seconds in times.items()}
    for name, (extract_file, own_set) in PEERS.items():
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                extract_file(clips[0])
                peer_times = [measure_seconds(extract_file, path, 1) for path in clips[:peer_clips]]
        except ImportError as error:
            print(f"peer {name} left out: {error}", file=sys.stderr)
            continue
        our_times = [measure_seconds(contenders[own_set], path, repeats) for path in clips[:peer_clips]]
        figures[f"peer/{name}"] = compute_median_ratio(peer_times, our_times)
        figures[f"peer/{name}/realtime"] = compute_median_ratio(durations[:peer_clips], peer_times)
    return figures


def compute_median_ratio(a: list[float], b: list[float]) -> float:
    """Return the median of the ratios of two lists."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def measure_scaling(clips: list[Path], n_clips: int) -> dict[str, float]:
    """Measure throughput and memory of the whole extraction, every family, on all cores.

    The clips are repeated until there are about `n_clips`.
    """
    analysis = make_analysis(SETS["all"])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def run(n_jobs: int, copies: int) -> tuple[float, float]:
        names, md5 = [str(path) for path in clips], [compute_md5(path) for path in clips]
        table = pd.DataFrame({"path": names * copies, "md5": md5 * copies})
        table["clip_id"] = [f"{row:05d}" for row in range(len(table))]
        start = time.perf_counter()
        with Local(n_jobs).use():
            extract(table, Path("/"), analysis)
        seconds = time.perf_counter() - start
        peaks = joblib.Parallel(n_jobs=n_jobs)(joblib.delayed(measure_peak_mb)() for _ in range(4 * n_jobs))
        return len(table) / seconds, max(peaks)

    copies = max(1, n_clips // len(clips))
    run(cores, 1)
    many, small_mb = run(cores, copies)
    _, large_mb = run(cores, 5 * copies)
    one, _ = run(1, copies)
    return {f"scaling/{cores}": many / (cores * one), "clips_per_s": many,
            "memory/worker_mb": large_mb, "memory/growth_mb": large_mb - small_mb}  # fmt: skip


def main() -> None:
    """Print and write the figures."""
    parser = make_parser(__doc__, n_clips=12)
    parser.add_argument("--peer-clips", type=int, default=3, help="number of clips that the peers process")
    parser.add_argument("--scaling-clips", type=int, default=48, help="number of clips, repeated, for scaling")
    options = parse_options(parser)
    warnings.simplefilter("ignore")  # the peers'
    with tempfile.TemporaryDirectory() as folder:
        clips = copy_clips(options, Path(folder))
        figures = measure_speed(clips, options.peer_clips, options.repeats)
        figures |= measure_scaling(clips, options.scaling_clips)
    print_figures(options.json, figures)


if __name__ == "__main__":
    with report_errors():
        main()
