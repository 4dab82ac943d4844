"""What the benchmarks share: their options, their clips and their figures as JSON.

make_parser       parser with the options of every benchmark
make_clip_parser  the same, and the options of those that read clips
parse_options     the command line, with every number checked
find_clips        audio files of a folder
choose_clips      some of them, at equal distances
synthesise_clips  clips of synthetic music
copy_clips        clips as WAV files, from a folder or synthetic
measure_peak_mb   highest memory of this process
print_figures     figures as lines, and as JSON
write_figures     figures as JSON
"""

import argparse
import json
import re
import resource
from pathlib import Path

import numpy as np
import soundfile

from regenre.common.errors import UserError
from regenre.datasets.synthetic import write_wav
from regenre.synthesis.music import STYLES, draw_artist, render

SEED = 20020
SUFFIXES = {".wav", ".flac", ".au"}


def make_clip_parser(description: str, n_clips: int | None) -> argparse.ArgumentParser:
    """Return a parser with the options that choose clips; `n_clips` is their default number."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, metavar="FOLDER", help="folder of clips, at any depth")
    default = "" if n_clips is None else f" (default: {n_clips})"
    parser.add_argument("--clips", type=int, default=n_clips, help=f"number of clips{default}")
    parser.add_argument("--clip-s", type=float, default=30.0, help="length of a synthetic clip in seconds")
    return parser


def make_parser(description: str, n_clips: int | None) -> argparse.ArgumentParser:
    """Return a parser with the options of a benchmark that takes times; `n_clips` as in `make_clip_parser`."""
    parser = make_clip_parser(description, n_clips)
    parser.add_argument("--json", type=Path, metavar="FILE", help="file to write the figures to")
    parser.add_argument("--repeats", type=int, default=3, help="number of times that each measurement is repeated")
    return parser


def parse_options(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Return the options of the command line; refuse numbers that are not above 0."""
    options = parser.parse_args()
    for name, value in vars(options).items():
        if isinstance(value, int | float) and not value > 0:
            parser.error(f"--{name.replace('_', '-')}: a number above 0 expected, {value} found")
    return options


def find_clips(folder: Path) -> list[Path]:
    """Return the audio files of a folder, at any depth, sorted.

    Raises
    ------
    UserError
        There is none.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UserError(f"--audio {folder}: a folder with .wav, .flac or .au files expected, no such file found")
    return paths


def choose_clips(paths: list[Path], n_clips: int | None) -> list[Path]:
    """Return `n_clips` of the paths at equal distances, or all of them."""
    return paths if n_clips is None else paths[:: max(1, len(paths) // n_clips)][:n_clips]


def synthesise_clips(folder: Path, n_clips: int, clip_s: float) -> list[Path]:
    """Write clips of the styles in turn, each by an artist of its own; the same call writes the same bytes."""
    paths = []
    for number in range(n_clips):
        genre = list(STYLES)[number % len(STYLES)]
        rng = np.random.default_rng([SEED, number])
        paths.append(folder / f"{number:05d}_{genre}.wav")
        write_wav(paths[-1], render(STYLES[genre], draw_artist(genre, rng), clip_s, rng))
    return paths


def copy_clips(options: argparse.Namespace, folder: Path) -> list[Path]:
    """Write the clips of the workload to `folder` as WAV: those of `--audio`, else synthetic ones."""
    if options.audio is None:
        return synthesise_clips(folder, options.clips, options.clip_s)
    paths = []
    for number, source in enumerate(choose_clips(find_clips(options.audio), options.clips)):
        y, sr = soundfile.read(source, dtype="int16")
        paths.append(folder / f"{number:05d}_{source.stem}.wav")
        soundfile.write(paths[-1], y, sr)
    return paths


def measure_peak_mb() -> float:
    """Return the highest resident memory of this process since its start, in 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # where getrusage would also count the parent process
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def print_figures(path: Path | None, figures: dict[str, float]) -> None:
    """Print the figures to four digits, a line each, and write them as JSON if there is a path."""
    rounded = {name: float(f"{value:.4g}") for name, value in figures.items()}
    print("\n".join(f"{name:36s}{value:12g}" for name, value in rounded.items()))
    write_figures(path, rounded)


def write_figures(path: Path | None, figures: dict[str, float]) -> None:
    """Write the figures as JSON if there is a path."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n")
