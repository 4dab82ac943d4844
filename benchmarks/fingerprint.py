"""Does the fingerprint find replicas of real clips, and how does its cost grow?

    python benchmarks/fingerprint.py --audio FOLDER

Every clip is spoilt in each way, and found among the originals (recall) or another clip in its place (false alarms).
Growth: the same clips at speeds 6 % apart, which are no replicas, so that 8 times as many can be matched.
"""

import argparse
import io
import statistics
import time
from pathlib import Path

import numpy as np
import soundfile
import soxr
from joblib import Parallel, delayed

from regenre.quality.fingerprint import find_peaks, find_replicas

SPEED_APART = 1.06


def coded(y: np.ndarray, sr: int) -> np.ndarray:
    stream = io.BytesIO()
    soundfile.write(
        stream, y, sr, format="MP3", bitrate_mode="CONSTANT", compression_level=0.6
    )  # 64 kbit/s at 22,050 Hz
    stream.seek(0)
    return soundfile.read(stream, dtype="float32")[0]


def hissed(y: np.ndarray) -> np.ndarray:
    hiss = np.random.default_rng(0).standard_normal(len(y)).astype(np.float32)
    return y + 0.1 * np.sqrt(np.square(y).mean()) * hiss


SPOILT = {
    "gain 0.2": lambda y, sr: 0.2 * y,
    "cut by 0.37 s": lambda y, sr: y[int(0.37 * sr) :],
    "last half": lambda y, sr: y[len(y) // 2 :],
    "MP3": coded,
    "noise at 20 dB": lambda y, sr: hissed(y),
    "2 % faster": lambda y, sr: soxr.resample(y, 1.02 * sr, sr),
    "2 % slower": lambda y, sr: soxr.resample(y, 0.98 * sr, sr),
    "0.5 % faster": lambda y, sr: soxr.resample(y, 1.005 * sr, sr),
    "MP3, noise, 2 % slower, cut": lambda y, sr: hissed(coded(soxr.resample(y, 0.98 * sr, sr)[int(0.5 * sr) :], sr)),
}


def spoilt(path: Path) -> dict[str, np.ndarray]:
    y, sr = soundfile.read(path, dtype="float32", always_2d=True)
    y = y.mean(axis=1)
    return {"": find_peaks(y, sr)} | {name: find_peaks(spoil(y, sr), sr) for name, spoil in SPOILT.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, required=True, help="a folder of clips, at any depth")
    paths = sorted(path for path in parser.parse_args().audio.rglob("*") if path.suffix in (".flac", ".wav", ".au"))
    found = Parallel(-1)(delayed(spoilt)(path) for path in paths)
    originals, n = [of[""] for of in found], len(paths)
    print(f"{n} clips; among the originals: {len(find_replicas(originals))} replicas")
    for name in SPOILT:
        pairs = find_replicas([*originals, *(of[name] for of in found)])
        hits = [pair for pair in pairs if pair.second - pair.first == n]
        lowest = min((pair.agreement for pair in hits), default=0.0)
        print(
            f"{name}: recall {len(hits) / n:.3f}, false alarms {len(pairs) - len(hits)}, lowest agreement {lowest:.2f}"
        )
    base = None
    for times in (1, 2, 4, 8):
        clips = [of / (SPEED_APART**k, 1) + (0, k * np.log2(SPEED_APART)) for k in range(times) for of in originals]
        seconds = []
        for _ in range(3):
            started = time.perf_counter()
            find_replicas(clips)
            seconds.append(time.perf_counter() - started)
        spent = statistics.median(seconds)
        base = base or spent
        print(f"{len(clips)} clips: {spent:.2f} s, {spent / base:.2f} times the first")


if __name__ == "__main__":
    main()
