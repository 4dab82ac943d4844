"""Damaged files and killed stages: does every file end in results or in reasons, and nothing else?

    python benchmarks/reliability.py --mutants 10000 --kills 200

Smallest dose, a few seconds: --mutants 12 --kills 1

Sounds in twelve formats are cut, flipped, shuffled in blocks and given false sizes. `regenre classify` reads all of
them, with whole files between them; so do the stages `index` and `extract`. Stages are killed at random moments and run
again.
Printed, and all to be zero but the memory:

    tracebacks    in what commands print
    crashes       commands that a signal ended, or with another status than 0 and 1
    hangs         commands that took more than ten minutes
    unaccounted   files that are in neither results nor reasons, and whole files that are refused
    differences   outputs that differ after a second run, or after a kill and a run
    memory        highest of any process, in MB
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pandas as pd
import psutil
import soundfile
from tqdm import tqdm
from workload import SEED, parse_options, write_figures

from regenre.common.errors import report_errors

ROOT = Path(__file__).parents[1]
SR = 22_050
LENGTH_S = 1.5
BATCH = 400  # files of one command
HANG_S = 600
SNDFILE = {
    "wav": "PCM_16", "aiff": "PCM_16", "au": "FLOAT", "w64": "PCM_24", "rf64": "PCM_16", "caf": "PCM_16",
    "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III",
}  # fmt: skip
FFMPEG = {"m4a": ("ipod", "aac"), "wma": ("asf", "wmav2"), "webm": ("webm", "libopus")}
STAGES = ("download", "index", "extract", "train", "evaluate")


@dataclass
class Figures:
    """What is counted."""

    tracebacks: int = 0
    crashes: int = 0
    hangs: int = 0
    unaccounted: int = 0
    differences: int = 0
    memory: int = 0
    notes: list[str] = field(default_factory=list)


def make_sound(low: bool, seed: int) -> np.ndarray:
    """Return a low or a high sound."""
    rng = np.random.default_rng([SEED, seed])
    t = np.arange(round(LENGTH_S * SR)) / SR
    hz = rng.uniform(100, 300) if low else rng.uniform(2000, 5000)
    return (0.3 * np.sin(2 * np.pi * hz * t) + 0.02 * rng.standard_normal(len(t))).astype(np.float32)


def encode(y: np.ndarray, path: Path) -> None:
    """Write a sound in the format of the suffix."""
    suffix = path.suffix[1:]
    if suffix in SNDFILE:
        soundfile.write(path, y, SR, format=suffix.upper(), subtype=SNDFILE[suffix])
        return
    container, codec = FFMPEG[suffix]
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=48_000 if codec == "libopus" else 44_100, layout="mono")
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(y[None], format="fltp", layout="mono")
        frame.sample_rate = SR
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Return the bytes of a file, damaged in one to three ways."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        if len(data) < 16:
            break
        kind, place = rng.randrange(7), rng.randrange(len(data))
        head = rng.randrange(min(256, len(data) - 8))
        if kind == 0:  # cut
            del data[place:]
        elif kind == 1:  # flip bits
            for _ in range(rng.choice([1, 10, 1000])):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif kind == 2:  # swap two blocks
            n, other = rng.choice([16, 512, 4096]), rng.randrange(len(data))
            data[place : place + n], data[other : other + n] = data[other : other + n], data[place : place + n]
        elif kind == 3:  # falsify a size
            value = rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**24, rng.getrandbits(32)])
            data[head : head + 4] = struct.pack(rng.choice("<>") + "I", value)
        elif kind == 4:  # falsify a long size
            data[head : head + 8] = struct.pack(rng.choice("<>") + "Q", rng.choice([0, 2**63, 2**64 - 1, 2**40]))
        elif kind == 5:  # remove or repeat a block
            n = rng.choice([1, 100, 4096])
            data[place:place] = data[place : place + n] if rng.random() < 0.5 else b""
            del data[place : place + n // 2]
        else:  # overwrite with zeros or noise
            n = rng.choice([4, 64, 2048])
            data[place : place + n] = bytes(n) if rng.random() < 0.5 else rng.randbytes(n)
    return bytes(data)


class Project:
    """A small project in a folder of its own, with two classes of whole sounds."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sounds = folder, folder / "sounds"
        folder.mkdir(parents=True)
        (folder / ".regenre").touch()
        shutil.copytree(ROOT / "conf", folder / "conf")
        for number in range(6):
            for low in (True, False):
                path = self.sounds / ("low" if low else "high") / f"whole_{number}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                encode(make_sound(low, number), path)
        grid = {
            "dataset": "folder",
            "splits": ["grouped_kfold"],
            "features": ["mfcc"],
            "classifiers": ["knn"],
            "seed": 1,
            "source": str(self.sounds),
        }
        (folder / "params.yaml").write_text(json.dumps(grid))

    @property
    def env(self) -> dict[str, str]:
        """The environment of its commands."""
        return {**os.environ, "REGENRE_ROOT": str(self.folder), "PYTHONPATH": str(ROOT / "src")}

    def digest_outputs(self) -> dict[str, str]:
        """Return the digest of each file in data/ and reports/, temporary ones too, but when fits ran."""
        fits = self.folder / "data/fits"
        paths = [path for top in ("data", "reports") for path in sorted((self.folder / top).rglob("*"))]
        paths = [path for path in paths if path.is_file() and path.parent != fits]
        return {str(path.relative_to(self.folder)): hashlib.md5(path.read_bytes()).hexdigest() for path in paths}


def run(project: Project, figures: Figures, command: list[str]) -> tuple[int, str, str]:
    """Run a command, count how it ends, and return its status and what it printed."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=project.folder, env=project.env, stdout=output, stderr=errors,
            start_new_session=True,
        )  # fmt: skip
        start = time.monotonic()
        while process.poll() is None:
            figures.memory = max(figures.memory, measure_memory(process.pid))
            if time.monotonic() - start > HANG_S:
                figures.hangs += 1
                figures.notes.append(f"hang: {' '.join(command)[:200]}")
                os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.05)
        output.seek(0)
        errors.seek(0)
        texts = output.read(), errors.read()
    defects = [line for text in texts for line in text.splitlines() if _is_defect(line)]
    figures.tracebacks += len(defects)
    figures.notes += [f"{' '.join(command)[:60]}: {line[-300:]}" for line in defects]
    if process.returncode not in (0, 1):
        figures.crashes += 1
        figures.notes.append(f"{' '.join(command)[:60]}: status {process.returncode}: {texts[1][-500:]}")
    return process.returncode, *texts


def _is_defect(line: str) -> bool:
    return "Traceback (most recent call last)" in line or "a defect of regenre" in line


def measure_memory(number: int) -> int:
    """Return the highest memory of a process and of its children, in MB."""
    try:
        process = psutil.Process(number)
        return max(each.memory_info().rss for each in (process, *process.children(recursive=True))) >> 20
    except psutil.NoSuchProcess:
        return 0


def write_mutants(folders: Callable[[int], Path], n: int, rng: random.Random) -> Iterator[Path]:
    """Write mutants in all formats in turn."""
    suffixes = [*SNDFILE, *FFMPEG]
    with tempfile.TemporaryDirectory() as scratch:
        whole = {}
        for suffix in suffixes:
            encode(make_sound(True, 99), Path(scratch) / f"a.{suffix}")
            whole[suffix] = (Path(scratch) / f"a.{suffix}").read_bytes()
    for number in range(n):
        suffix = suffixes[number % len(suffixes)]
        path = folders(number) / f"mutant_{number:05d}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutate(whole[suffix], rng))
        yield path


def check_classify(project: Project, figures: Figures, n: int, rng: random.Random) -> None:
    """Classify mutants in batches with whole files between them, twice; count files without an answer or a reason."""
    for start in tqdm(range(0, n, BATCH), desc="classify", disable=None):
        folder = project.folder / "mutants"
        shutil.rmtree(folder, ignore_errors=True)
        paths = set(write_mutants(lambda _, folder=folder: folder, min(BATCH, n - start), rng))
        shutil.copytree(project.sounds / "low", folder / "low")
        whole = set((folder / "low").glob("*"))
        outputs = [run(project, figures, ["regenre", "classify", str(folder), "--json"])[1:] for _ in range(2)]
        answers, errors = outputs[0]
        with_answer = {Path(json.loads(line)["file"]) for line in answers.splitlines() if line.startswith("{")}
        refused = {path for path in paths if f"regenre: {path}: " in errors}
        without_result = ((paths | whole) - with_answer - refused) | (whole - with_answer) | (with_answer & refused)
        figures.unaccounted += len(without_result)
        figures.notes += [f"unaccounted: {path.name}" for path in sorted(without_result)[:3]]
        figures.differences += outputs[0] != outputs[1]
        figures.notes += ["classify differs"] * (outputs[0] != outputs[1])


def check_index(project: Project, figures: Figures, n: int, rng: random.Random) -> None:
    """Index and extract mutants beside whole files, twice; count files that the clip table lacks."""
    names = ("low", "high")
    paths = list(write_mutants(lambda number: project.sounds / names[number % 2], n, rng))
    digests = []
    for _ in range(2):
        for stage in ("download", "index", "extract"):
            status, _, errors = run(project, figures, [f"regenre.stages.{stage}"])
            if status:
                figures.unaccounted += len(paths)
                figures.notes.append(f"{stage} stopped: {errors[-500:]}")
                return
        digests.append(project.digest_outputs())
    figures.differences += len(set(digests[0].items()) ^ set(digests[1].items()))
    clips = pd.read_parquet(project.folder / "data/index/folder.parquet").set_index("clip_id")
    features = pd.read_parquet(project.folder / "data/features/folder/mfcc.parquet").set_index("clip_id")
    for path in (*paths, *project.sounds.rglob("whole_*")):
        clip = str(path.relative_to(project.sounds))
        row = clips.loc[clip] if clip in clips.index else None
        figures.tracebacks += row is not None and _is_defect(row["reason"])
        usable = row is not None and row["status"] == "ok"
        explained = row is not None and row["status"] == "excluded" and row["reason"] != ""
        complete = usable and clip in features.index and np.isfinite(features.loc[clip].to_numpy()).all()
        if not (complete or explained) or (path.name.startswith("whole") and not usable):
            figures.unaccounted += 1
            figures.notes.append(f"unaccounted: {clip}: {None if row is None else row.to_dict()}")


def check_kills(project: Project, figures: Figures, n: int, rng: random.Random) -> None:
    """Kill stages at random moments and run them again; count outputs that differ from those without a kill."""
    durations = {}
    for stage in STAGES:
        start = time.monotonic()
        run(project, figures, [f"regenre.stages.{stage}"])
        durations[stage] = time.monotonic() - start
    expected = project.digest_outputs()
    for number in tqdm(range(n), desc="kill", disable=None):
        stage = STAGES[number % len(STAGES)]
        if stage == "train":
            shutil.rmtree(project.folder / "data/cells", ignore_errors=True)
        process = subprocess.Popen(
            [sys.executable, "-m", f"regenre.stages.{stage}"], cwd=project.folder, env=project.env,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(rng.uniform(0, durations[stage]))
        os.killpg(process.pid, rng.choice([signal.SIGKILL, signal.SIGTERM]))
        process.wait()
        status, _, errors = run(project, figures, [f"regenre.stages.{stage}"])
        found = project.digest_outputs()
        if status or found != expected:
            figures.differences += 1
            names = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
            figures.notes.append(f"{stage} after a kill: {names[:3]} {errors[-300:]}")


def main() -> None:
    """Run the three checks and print the figures; exit with status 1 if one is not zero."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="file to write the figures to")
    parser.add_argument("--mutants", type=int, default=240, help="damaged files (default: 240)")
    parser.add_argument("--kills", type=int, default=5, help="killed stages (default: 5)")
    options, figures = parse_options(parser), Figures()
    with tempfile.TemporaryDirectory() as scratch:
        project = Project(Path(scratch) / "project")
        rng = random.Random(SEED)
        check_kills(project, figures, options.kills, rng)
        check_classify(project, figures, options.mutants, rng)
        check_index(project, figures, options.mutants, rng)
    counts = {name: value for name, value in vars(figures).items() if name != "notes"}
    print(f"{options.mutants} mutants in {len(SNDFILE) + len(FFMPEG)} formats, {options.kills} kills")
    for name, count in counts.items():
        print(f"{name}: {count}{' MB' if name == 'memory' else ''}")
    for note in dict.fromkeys(figures.notes):
        print(f"  {note}", file=sys.stderr)
    write_figures(options.json, {name: float(count) for name, count in counts.items()})
    if any(count for name, count in counts.items() if name != "memory"):
        raise SystemExit(1)


if __name__ == "__main__":
    with report_errors():
        main()
