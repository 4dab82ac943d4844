"""Recall and cost of the fingerprint: does it find replicas among many clips, and how does its time grow?

python benchmarks/fingerprint.py [--audio FOLDER] [--json FILE] [--clips N] [--crowd 1] [--repeats 3]

FOLDER holds clips that libsndfile reads; the default is all of them. Without FOLDER 100 clips of synthetic music of
30 s are made. Every clip is damaged in each way, and the damaged clips are searched for among the originals and a
crowd, all in one search.

    <damage>/recall            share of the damaged clips that match their original
    <damage>/false_alarms      number of pairs of a damaged clip and another recording
    <damage>/lowest_agreement  lowest agreement of a damaged clip with its original
    originals/replicas         number of pairs among the originals and the crowd
    compared                   median share of a clip that was compared, see `fingerprint.Search`
    growth/<n>_seconds         time to match n clips, the median of `repeats`
    growth/<n>_ratio           that time over the time of the originals alone

Decoding 10,000 clips takes long, so a clip of the crowd is made of peaks of the originals: of pieces of 2 s, each
moved in pitch by a multiple of 5 %, with its intervals and its time stretched. No piece occurs twice in the same way.

Smallest dose, a few seconds: --clips 2 --crowd 3 --repeats 1 --clip-s 6
"""

import io
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import soxr
from joblib import Parallel, delayed
from workload import SEED, choose_clips, find_clips, make_parser, parse_options, synthesise_clips, write_figures

from regenre.common.compute import Local
from regenre.common.errors import report_errors
from regenre.quality.fingerprint import find_peaks, find_replicas

SPEED_APART = 1.06
PIECE_S, CROWD_S = 2.0, 30.0
SHIFTS = np.log2(1.05) * np.array([*range(-12, 0), *range(1, 13)])  # octaves
STRETCHES = np.geomspace(0.7, 1.4, 10)
LOWEST, HIGHEST = np.log2([150.0, 4800.0])
N_SYNTHETIC = 100
ORIGINAL = "original"


def code_as_mp3(y: np.ndarray, sr: int) -> np.ndarray:
    """Encode samples as MP3, 64 kbit/s at 22,050 Hz, and decode them."""
    stream = io.BytesIO()
    soundfile.write(stream, y, sr, format="MP3", bitrate_mode="CONSTANT", compression_level=0.6)
    stream.seek(0)
    return soundfile.read(stream, dtype="float32")[0]


def add_noise(y: np.ndarray) -> np.ndarray:
    """Add white noise 20 dB below the clip."""
    hiss = np.random.default_rng(0).standard_normal(len(y)).astype(np.float32)
    return y + 0.1 * np.sqrt(np.square(y).mean()) * hiss


DAMAGES = {
    "gain 0.2": lambda y, sr: 0.2 * y,
    "cut by 0.37 s": lambda y, sr: y[int(0.37 * sr) :],
    "last half": lambda y, sr: y[len(y) // 2 :],
    "MP3": code_as_mp3,
    "noise at 20 dB": lambda y, sr: add_noise(y),
    "2 % faster": lambda y, sr: soxr.resample(y, 1.02 * sr, sr),
    "2 % slower": lambda y, sr: soxr.resample(y, 0.98 * sr, sr),
    "0.5 % faster": lambda y, sr: soxr.resample(y, 1.005 * sr, sr),
    "MP3, noise, 2 % slower, cut": lambda y, sr: add_noise(
        code_as_mp3(soxr.resample(y, 0.98 * sr, sr)[int(0.5 * sr) :], sr)
    ),
}


def find_all_peaks(path: Path) -> dict[str, np.ndarray]:
    """Return the peaks of a clip and of the clip with each damage."""
    y, sr = soundfile.read(path, dtype="float32", always_2d=True)
    y = y.mean(axis=1)
    return {ORIGINAL: find_peaks(y, sr)} | {name: find_peaks(damage(y, sr), sr) for name, damage in DAMAGES.items()}


def make_crowd(originals: list[np.ndarray], n_clips: int) -> list[np.ndarray]:
    """Return clips of 30 s, made of pieces of the originals."""
    rng = np.random.default_rng(SEED)
    pieces = [
        clip[(clip[:, 0] >= start) & (clip[:, 0] < start + PIECE_S)] - (start, 0)
        for clip in originals
        for start in np.arange(0, clip[-1, 0] - PIECE_S, PIECE_S)
    ]
    ways = (len(pieces), len(SHIFTS), len(STRETCHES))
    numbers = iter(rng.permutation(np.prod(ways)))
    crowd = []
    for _ in range(n_clips):
        end_s, parts = 0.0, []
        while end_s < CROWD_S:
            piece, shift, stretch = np.unravel_index(next(numbers), ways)
            time, octave = pieces[piece].T
            slowness = rng.uniform(0.8, 1.25)
            moved = LOWEST + SHIFTS[shift] + STRETCHES[stretch] * (octave - LOWEST)
            parts.append(np.stack([end_s + slowness * time, moved], axis=1)[(moved > LOWEST) & (moved < HIGHEST)])
            end_s += slowness * PIECE_S
        clip = np.concatenate(parts)
        crowd.append(clip[np.argsort(clip[:, 0], kind="stable")].astype(np.float32))
    return crowd


def measure_recall(peaks: list[dict[str, np.ndarray]], n_crowd: int) -> dict[str, float]:
    """Search for the damaged clips among the originals and the crowd; print one line per damage."""
    originals, n = [clip[ORIGINAL] for clip in peaks], len(peaks)
    earlier = originals + make_crowd(originals, n_crowd)
    start = time.perf_counter()
    search = find_replicas([*earlier, *(clip[name] for name in DAMAGES for clip in peaks)])
    figures = {
        "originals/replicas": sum(pair.second < len(earlier) for pair in search.replicas),
        "compared": float(np.median(search.compared)),
    }
    print(f"{n} clips; among these and {n_crowd} others: {figures['originals/replicas']} replicas")
    print(
        f"{len(search.compared)} clips: {time.perf_counter() - start:.1f} s, {figures['compared']:.0%} of each compared"
    )
    for place, name in enumerate(DAMAGES):
        first = len(earlier) + place * n
        pairs = [pair for pair in search.replicas if pair.first < len(earlier) and first <= pair.second < first + n]
        hits = [pair for pair in pairs if pair.second - pair.first == first]
        recall, false_alarms = len(hits) / n, len(pairs) - len(hits)
        lowest = min((pair.agreement for pair in hits), default=0.0)
        print(f"{name}: recall {recall:.3f}, false alarms {false_alarms}, lowest agreement {lowest:.2f}")
        figures |= {
            f"{name}/recall": recall, f"{name}/false_alarms": false_alarms, f"{name}/lowest_agreement": lowest
        }  # fmt: skip
    return figures


def measure_growth(originals: list[np.ndarray], repeats: int) -> dict[str, float]:
    """Time the search among 1, 2, 4 and 8 times the clips; print one line each."""
    figures: dict[str, float] = {}
    base = None
    for times in (1, 2, 4, 8):
        clips = [
            clip / (SPEED_APART**step, 1) + (0, step * np.log2(SPEED_APART))
            for step in range(times)
            for clip in originals
        ]
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            find_replicas(clips)
            seconds.append(time.perf_counter() - start)
        median = statistics.median(seconds)
        base = base or median
        print(f"{len(clips)} clips: {median:.2f} s, {median / base:.2f} times the first")
        figures |= {f"growth/{len(clips)}_seconds": median, f"growth/{len(clips)}_ratio": median / base}
    return figures


def main() -> None:
    """Print and write the figures."""
    parser = make_parser(__doc__, n_clips=None)
    parser.add_argument("--crowd", type=int, default=1, help="number of clips that are made of the others")
    options = parse_options(parser)
    with tempfile.TemporaryDirectory() as folder:
        if options.audio is None:
            paths = synthesise_clips(Path(folder), options.clips or N_SYNTHETIC, options.clip_s)
        else:
            paths = choose_clips(find_clips(options.audio), options.clips)
        peaks = Parallel(-1)(delayed(find_all_peaks)(path) for path in paths)
    with Local().use():
        figures = measure_recall(peaks, options.crowd)
        figures |= measure_growth([clip[ORIGINAL] for clip in peaks], options.repeats)
    write_figures(options.json, figures)


if __name__ == "__main__":
    with report_errors():
        main()
