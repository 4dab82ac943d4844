"""Speed and memory of feature extraction, in one run, as ratios.

python benchmarks/extraction.py --audio FOLDER [--json FILE] [--clips 12] [--peer-clips 3] [--repeats 3]

FOLDER holds clips that libsndfile reads; they are copied to WAV first. Every contender sees the same clips
in turn, on one core; a figure is the median over clips of the best of `repeats`.

    <set>/limit        our time over that of decode + one STFT + mel + log + DCT in plain numpy and scipy
    <set>/realtime     seconds of audio a second, on one core
    peer/<name>        the peer's time over ours on its own set of features
    scaling/<n>        throughput of n workers over n times that of one worker
    memory/worker_mb   highest resident memory of a worker; memory/growth_mb after five times the clips

Peers that are not installed are named and left out: pip install --no-deps -r benchmarks/peers.txt
"""

import argparse
import contextlib
import io
import json
import os
import re
import resource
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import joblib
import librosa
import numpy as np
import pandas as pd
import scipy.fft
import scipy.signal
import soundfile
from hydra import compose, initialize_config_dir

from regenre import audio, config
from regenre.compute import Local
from regenre.features import extraction
from regenre.features.frames import Frames

SR, N_FFT, HOP = 22_050, 2048, 512
HANN = scipy.signal.get_window("hann", N_FFT).astype(np.float32)
MEL = librosa.filters.mel(sr=SR, n_fft=N_FFT)


def limit(path: Path) -> np.ndarray:
    """What no extractor of cepstra can do without."""
    y, _ = soundfile.read(path, dtype="float32")
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(y, N_FFT // 2), N_FFT)[::HOP]
    spectrum = scipy.fft.rfft(frames * HANN, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    level = 10 * np.log10(np.maximum(power @ MEL.T, 1e-10))
    return scipy.fft.dct(level, axis=1, norm="ortho")[:, :20]


def ours(names: list[str]) -> Callable[[Path], list[np.ndarray]]:
    families, pooling = composed(names)

    def extract(path: Path) -> list[np.ndarray]:
        frames = Frames(audio.load(path, SR), SR, N_FFT, HOP)
        return [extraction.pool(family, family(frames), frames.hop_s, pooling) for family in families.values()]

    return extract


def composed(names: list[str]) -> tuple[dict, object]:
    with initialize_config_dir(str(config.CONF), version_base="1.3"):
        cfg = compose("config")
    return {name: config.build(cfg.family[name]) for name in names}, config.build(cfg.pooling)


def librosa_script(path: Path) -> list:
    """The script that GTZAN tutorials share, without harmonic-percussive separation."""
    y, sr = soundfile.read(path, dtype="float32")
    of = librosa.feature
    shape = [of.spectral_centroid, of.spectral_bandwidth, of.spectral_rolloff, of.chroma_stft]
    values = [feature(y=y, sr=sr) for feature in shape]
    values += [of.rms(y=y), of.zero_crossing_rate(y), of.mfcc(y=y, sr=sr, n_mfcc=20)]
    return [librosa.beat.beat_track(y=y, sr=sr)[0], *((value.mean(), value.var()) for value in values)]


def pyaudioprocessing(path: Path) -> object:
    from pyAudioProcessing.extract_features import get_features

    return get_features(file=str(path), feature_names=["mfcc", "gfcc", "spectral", "chroma"])


def pyaudioanalysis(path: Path) -> tuple:
    """Its short-term features alone, 50 ms windows every 25 ms, then mean and deviation."""
    from pyAudioAnalysis import ShortTermFeatures

    y, sr = soundfile.read(path, dtype="float64")
    values, _ = ShortTermFeatures.feature_extraction(y, sr, round(0.05 * sr), round(0.025 * sr))
    return values.mean(axis=1), values.std(axis=1)


def spafe(name: str) -> Callable[[Path], np.ndarray]:
    def extract(path: Path) -> np.ndarray:
        import importlib

        from spafe.utils.preprocessing import SlidingWindow

        module = importlib.import_module("spafe.features." + {"lpcc": "lpc"}.get(name, name))
        y, sr = soundfile.read(path, dtype="float64")
        options = {} if name == "lpcc" else {"nfilts": 40, "nfft": N_FFT}
        window = SlidingWindow(N_FFT / sr, HOP / sr, "hamming")
        return getattr(module, name)(y, fs=sr, window=window, **options).mean(axis=0)

    return extract


SETS = {
    "all": sorted(path.stem for path in (config.CONF / "family").glob("*.yaml")),
    "pyaudioprocessing_set": ["mfcc", "gfcc", "spectral_shape", "chroma"],
    "pyaudioanalysis_set": ["mfcc", "spectral_shape", "chroma", "energy"],
    "librosa_script_set": ["chroma", "energy", "mfcc", "rhythm", "spectral_shape"],
    **{name: [name] for name in ("mfcc", "gfcc", "lfcc", "bfcc", "lpcc", "pncc")},
}
PEERS = {
    "pyAudioProcessing": (pyaudioprocessing, "pyaudioprocessing_set"),
    "pyAudioAnalysis": (pyaudioanalysis, "pyaudioanalysis_set"),
    "librosa_script": (librosa_script, "librosa_script_set"),
    **{f"spafe_{name}": (spafe(name), name) for name in ("mfcc", "gfcc", "lfcc", "bfcc", "lpcc", "pncc")},
}


def seconds(extract: Callable[[Path], object], path: Path, repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        extract(path)
        taken.append(time.perf_counter() - started)
    return min(taken)


def speed(clips: list[Path], peer_clips: int, repeats: int) -> dict[str, float]:
    contenders = {"limit": limit} | {name: ours(families) for name, families in SETS.items()}
    for extract in contenders.values():
        extract(clips[0])  # compiles, fills caches
    times = {name: [] for name in contenders}
    for path in clips:
        for name, extract in contenders.items():
            times[name].append(seconds(extract, path, repeats))
    figures = {f"{name}/limit": median_ratio(times[name], times["limit"]) for name in SETS}
    durations = [soundfile.info(path).duration for path in clips]
    figures |= {f"{name}/realtime": median_ratio(durations, taken) for name, taken in times.items()}
    for name, (extract, own_set) in PEERS.items():
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                extract(clips[0])
                taken = [seconds(extract, path, 1) for path in clips[:peer_clips]]
        except ImportError as error:
            print(f"peer {name} left out: {error}", file=sys.stderr)
            continue
        again = [seconds(contenders[own_set], path, repeats) for path in clips[:peer_clips]]
        figures[f"peer/{name}"] = median_ratio(taken, again)
        figures[f"peer/{name}/realtime"] = median_ratio(durations[:peer_clips], taken)
    return figures


def median_ratio(a: list[float], b: list[float]) -> float:
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def scaling(clips: list[Path]) -> dict[str, float]:
    """Throughput and memory of the whole extraction, every family, on all cores."""
    families, pooling = composed(SETS["all"])
    cores = len(os.sched_getaffinity(0))

    def run(n_jobs: int, copies: int) -> tuple[float, float]:
        table = pd.DataFrame({"path": [str(path) for path in clips] * copies})
        table["clip_id"] = [f"{row:05d}" for row in range(len(table))]
        started = time.perf_counter()
        with Local(n_jobs).use():
            extraction.extract(table, Path("/"), extraction.Analysis(families, pooling, SR, N_FFT, HOP))
        taken = time.perf_counter() - started
        peaks = joblib.Parallel(n_jobs=n_jobs)(joblib.delayed(peak_mb)() for _ in range(4 * n_jobs))
        return len(table) / taken, max(peaks)

    copies = max(1, 48 // len(clips))
    run(cores, 1)
    many, small_mb = run(cores, copies)
    _, large_mb = run(cores, 5 * copies)
    one, _ = run(1, copies)
    return {f"scaling/{cores}": many / (cores * one), "clips_per_s": many,
            "memory/worker_mb": large_mb, "memory/growth_mb": large_mb - small_mb}  # fmt: skip


def peak_mb() -> float:
    """Highest resident memory of this process since it was started, in 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # where getrusage would also count the parent that started us
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, required=True, help="folder of clips")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--peer-clips", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    sources = [path for path in sorted(options.audio.rglob("*")) if path.suffix.lower() in {".wav", ".flac", ".au"}]
    if not sources:
        sys.exit(f"{options.audio}: no .wav, .flac or .au file in it")
    warnings.simplefilter("ignore")  # the peers'
    with tempfile.TemporaryDirectory() as folder:
        clips = []
        for source in sources[:: max(1, len(sources) // options.clips)][: options.clips]:
            y, sr = soundfile.read(source, dtype="int16")
            clips.append(Path(folder) / f"{source.stem}.wav")
            soundfile.write(clips[-1], y, sr)
        figures = speed(clips, options.peer_clips, options.repeats) | scaling(clips)
    rounded = {name: float(f"{value:.4g}") for name, value in figures.items()}
    print("\n".join(f"{name:36s}{value:12g}" for name, value in rounded.items()))
    if options.json:
        options.json.write_text(json.dumps(rounded, indent=2) + "\n")


if __name__ == "__main__":
    main()
