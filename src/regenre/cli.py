"""The command `regenre`: learn genres, classify any audio with them, look at it, clean and convert it."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from regenre import commands
from regenre.errors import reported


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit status 1 where a file could not be used, 2 where the words are off."""
    parser = argparse.ArgumentParser(prog="regenre", description=__doc__)
    offered = parser.add_subparsers(required=True, metavar="COMMAND")
    _learn(offered.add_parser("learn", help="from a folder of classes to a classifier"))
    _classify(offered.add_parser("classify", help="genres of files, or of folders' files"))
    _show(offered.add_parser("show", help="one file as the features see it: a figure or a page"))
    _clean(offered.add_parser("clean", help="new files without pauses"))
    _convert(offered.add_parser("convert", help="new files in another format or at another rate"))
    _register(offered.add_parser("register", help="a model into MLflow's registry, to be served"))
    given = parser.parse_args(arguments)
    with reported():
        given.run(given)


def _learn(parser: argparse.ArgumentParser) -> None:
    parser.description = "Set a recipe's grid and the dataset in params.yaml and conf/dataset/folder.yaml; dvc repro."
    parser.add_argument("source", metavar="FOLDER", help="with a sub-folder a class; or a dataset of conf/dataset")
    parser.add_argument(
        "--recipe", default="speech_music_birds", help="a leaf of conf/recipe (default: speech_music_birds)"
    )
    parser.set_defaults(run=commands.learn)


def _classify(parser: argparse.ArgumentParser) -> None:
    _add_files(parser)
    _add_model(parser)
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="a line of JSON a file, with the timeline of long ones")
    shape.add_argument("--csv", action="store_true", help="a table: a row a file and window")
    parser.add_argument("--top", type=int, default=3, help="genres to name (default: 3)")
    parser.add_argument("--window", type=float, metavar="S", help="seconds a window (default: as the training clips)")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="figure of one file's probabilities over time")
    parser.set_defaults(run=commands.classify)


def _show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--families", default="mfcc,gfcc", help="names with commas (default: mfcc,gfcc)")
    parser.add_argument("--out", type=Path, metavar="PATH", help=".png or .html (default: FILE's name with .png)")
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="where to begin (default: 0)")
    parser.add_argument("--length", type=float, default=60.0, metavar="S", help="how much to show (default: 60)")
    parser.add_argument("--sr", type=int, metavar="HZ", help="sampling rate to look at it in (default: conf's)")
    parser.set_defaults(run=commands.show)


def _clean(parser: argparse.ArgumentParser) -> None:
    parser.description = "Cut pauses out. The input is not touched."
    _add_files(parser)
    _add_out(parser, "beside FILE, with .new before the suffix")
    parser.add_argument("--below", type=float, default=35.0, metavar="DB", help="under the loud parts (default: 35)")
    parser.add_argument("--pause", type=float, default=0.3, metavar="S", help="shortest one to cut (default: 0.3)")
    parser.add_argument("--ends", action="store_true", help="cut at the beginning and the end alone")
    parser.set_defaults(run=commands.clean)


def _convert(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write another format, rate, resolution, or mono. The input is not touched."
    _add_files(parser)
    _add_out(parser, "beside FILE, with the new suffix, or .new before it")
    parser.add_argument("--to", metavar="SUFFIX", help="wav, flac, mp3, ogg ... (default: that of --out, or FILE's)")
    parser.add_argument("--rate", type=int, metavar="HZ", help="sampling rate (default: FILE's)")
    parser.add_argument("--bits", type=int, choices=(8, 16, 24, 32), help="a sample (default: FILE's, if it can be)")
    parser.add_argument("--mono", action="store_true", help="average the channels")
    parser.set_defaults(run=commands.convert)


def _register(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument("--name", help="of the registered model (default: regenre-DATASET)")
    parser.set_defaults(run=commands.register)


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="audio that libsndfile reads, or a folder")
    parser.add_argument("--jobs", type=int, default=-1, help="processes (default: a core each)")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="name or folder of a cell (default: the best honest one of the last dvc repro)")


def _add_out(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("--out", type=Path, metavar="PATH", help=f"a file, or a folder (default: {default})")
    parser.add_argument("--force", action="store_true", help="replace what is there already")


if __name__ == "__main__":
    main()
