"""The command `regenre`: make projects, learn genres, classify, show, clean and convert audio, and register models."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from regenre.cli import commands, init
from regenre.errors import report_errors
from regenre.kinds import Count, Jobs, Positive, PositiveOrZero, Rate, ShownRate, explain_invalid


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit with status 1 if a file cannot be used, and with status 2 if an argument is wrong."""
    parser = argparse.ArgumentParser(prog="regenre", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _define_init(subparsers.add_parser("init", help="make a project"))
    _define_learn(subparsers.add_parser("learn", help="train a classifier on a folder with one sub-folder per class"))
    _define_classify(subparsers.add_parser("classify", help="print the genres of files"))
    _define_show(subparsers.add_parser("show", help="draw a file and its features, as a figure or an HTML page"))
    _define_clean(subparsers.add_parser("clean", help="write files without their pauses"))
    _define_convert(subparsers.add_parser("convert", help="write files in another format or at another sampling rate"))
    _define_register(subparsers.add_parser("register", help="add a model to the MLflow registry, to serve it"))
    namespace = parser.parse_args(arguments)
    with report_errors():
        namespace.run(namespace)


def read_as(kind: Any) -> Callable[[str], Any]:
    """Return a function that reads an argument as a number of a kind, and says what is wrong with another."""

    def read(text: str) -> Any:
        try:
            return TypeAdapter(kind).validate_python(text)
        except ValidationError as error:
            raise argparse.ArgumentTypeError(explain_invalid(error)) from error

    return read


def _define_init(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make a project: a grid (params.yaml), settings (conf/) and the pipeline that `dvc repro` runs."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new or an empty folder")
    parser.set_defaults(run=init.run)


def _define_learn(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write a recipe's grid and the dataset into params.yaml, then run `dvc repro`."
    parser.add_argument(
        "source",
        metavar="FOLDER",
        help="folder with one sub-folder per class; or the name of a dataset in conf/dataset",
    )
    parser.add_argument(
        "--recipe", default="speech_music_birds", help="name of a recipe in conf/recipe (default: speech_music_birds)"
    )
    parser.set_defaults(run=commands.learn)


def _define_classify(parser: argparse.ArgumentParser) -> None:
    parser.description = "Print the most probable genres of each file; a long file is classified window by window."
    _add_files(parser)
    _add_model(parser)
    output = parser.add_mutually_exclusive_group()
    output.add_argument(
        "--json", action="store_true", help="one line of JSON per file, with the timeline of a long one"
    )
    output.add_argument("--csv", action="store_true", help="a table with one row per window")
    parser.add_argument("--top", type=read_as(Count), default=3, help="number of genres per file (default: 3)")
    parser.add_argument(
        "--window",
        type=read_as(Positive),
        metavar="S",
        help="length of a window in seconds (default: that of the training clips)",
    )
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw one file's probabilities over time")
    _add_force(parser)
    parser.set_defaults(run=commands.classify)


def _define_show(parser: argparse.ArgumentParser) -> None:
    parser.description = "Draw an excerpt of a file and its features; an HTML page also has the audio and the values."
    parser.add_argument("file", type=Path, metavar="FILE", help="audio file")
    parser.add_argument(
        "--families", default="mfcc,gfcc", help="feature families, separated by commas (default: mfcc,gfcc)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="PATH", help="a .png or .html file (default: FILE's name with .png)"
    )
    _add_force(parser)
    parser.add_argument(
        "--start", type=read_as(PositiveOrZero), default=0.0, metavar="S", help="start in seconds (default: 0)"
    )
    parser.add_argument(
        "--length", type=read_as(Positive), default=60.0, metavar="S", help="length in seconds (default: 60)"
    )
    parser.add_argument(
        "--sr",
        type=read_as(ShownRate),
        metavar="HZ",
        help="sampling rate of the analysis, 8000 to 96000 (default: conf/config.yaml)",
    )
    parser.set_defaults(run=commands.show)


def _define_clean(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write files without their pauses. The input is not changed."
    _add_files(parser)
    _add_out(parser, "beside FILE, with .new before the suffix")
    parser.add_argument(
        "--below",
        type=read_as(Positive),
        default=35.0,
        metavar="DB",
        help="level of a pause below the loud parts (default: 35)",
    )
    parser.add_argument(
        "--pause",
        type=read_as(PositiveOrZero),
        default=0.3,
        metavar="S",
        help="shortest pause in seconds (default: 0.3)",
    )
    parser.add_argument("--ends", action="store_true", help="cut only at the beginning and the end")
    parser.set_defaults(run=commands.clean)


def _define_convert(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write files in another format, at another sampling rate or resolution, or in mono. The input is not changed."
    )
    _add_files(parser)
    _add_out(parser, "beside FILE, with the new suffix; with .new before the suffix if it stays the same")
    parser.add_argument(
        "--to", metavar="SUFFIX", help="format: wav, flac, mp3, ogg, ... (default: that of --out, else that of FILE)"
    )
    parser.add_argument("--rate", type=read_as(Rate), metavar="HZ", help="sampling rate (default: that of FILE)")
    parser.add_argument(
        "--bits",
        type=int,
        choices=(8, 16, 24, 32),
        help="bits per sample (default: those of FILE if the format has them)",
    )
    parser.add_argument("--mono", action="store_true", help="average the channels")
    parser.set_defaults(run=commands.convert)


def _define_register(parser: argparse.ArgumentParser) -> None:
    parser.description = "Add a model to the MLflow registry and print the command that serves it."
    _add_model(parser)
    parser.add_argument("--name", help="name in the registry (default: regenre-DATASET)")
    parser.set_defaults(run=commands.register)


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="audio file, or a folder of audio files")
    parser.add_argument("--jobs", type=read_as(Jobs), default=-1, help="number of processes (default: one per core)")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", help="name or folder of a cell (default: the most accurate one under the most honest split)"
    )


def _add_out(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--out", type=Path, metavar="PATH", help=f"new file, or folder of new files (default: {default})"
    )
    _add_force(parser)


def _add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="replace existing files; never an input")
