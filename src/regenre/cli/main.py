"""The command `regenre`: make projects, learn genres, classify, tag, show and change audio, register models."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import shtab
from pydantic import TypeAdapter, ValidationError

from regenre.cli import commands, compare, init
from regenre.common import paths
from regenre.common.errors import UserError, report_errors
from regenre.common.kinds import Count, Jobs, Positive, PositiveOrZero, Rate, ShownRate, explain_invalid

_EPILOG = (
    "Begin with `regenre learn FOLDER`, then `regenre classify FILE`. `regenre COMMAND --help` explains a command."
    ' Completion of words: eval "$(regenre --print-completion bash)" in ~/.bashrc, or zsh in ~/.zshrc.'
)

_SIDES = (  # cells are listed when a word is completed, for they come and go
    '_regenre_sides() { compgen -d -- "$1"; compgen -W "$(ls -d data/cells/*/*/ 2>/dev/null | xargs -rn1 basename)'
    ' $(git for-each-ref --format="%(refname:lstrip=-1)" refs/heads refs/tags refs/exps 2>/dev/null)" -- "$1"; }'
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit with status 1 if a file cannot be used, and with status 2 if an argument is wrong."""
    namespace = _make_parser().parse_args(arguments)
    with report_errors():
        namespace.run(namespace)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="regenre", description=__doc__, epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('regenre')}")
    shtab.add_argument_to(parser, help="print the script that completes words in a shell")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _define_init(subparsers.add_parser("init", help="make a project"))
    _define_learn(subparsers.add_parser("learn", help="train a classifier on a folder with one sub-folder per class"))
    _define_sweep(subparsers.add_parser("sweep", help="choose settings by Optuna inside each fold"))
    _define_classify(subparsers.add_parser("classify", help="print the genres of files"))
    _define_tag(subparsers.add_parser("tag", help="print the tags of files, by a network that is trained already"))
    _define_explain(subparsers.add_parser("explain", help="say why a model names this genre"))
    _define_compare(subparsers.add_parser("compare", help="compare two cells, experiments or projects clip by clip"))
    _define_show(subparsers.add_parser("show", help="draw a file and its features, as a figure or an HTML page"))
    _define_clean(subparsers.add_parser("clean", help="write files without their pauses"))
    _define_convert(subparsers.add_parser("convert", help="write files in another format or at another sampling rate"))
    _define_transcribe(subparsers.add_parser("transcribe", help="write the words of files beside them"))
    _define_pretrained(subparsers.add_parser("pretrained", help="fetch the networks of a family"))
    _define_register(subparsers.add_parser("register", help="add a model to the MLflow registry, to serve it"))
    return parser


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
    parser.epilog = "Example: regenre init genres && cd genres && dvc repro"
    _complete(
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new or an empty folder"), shtab.DIRECTORY
    )
    parser.set_defaults(run=init.run)


def _complete(action: argparse.Action, words: dict[str, Any]) -> None:
    """Let the shell complete the values of an argument: `shtab.FILE` or `shtab.DIRECTORY`."""
    action.complete = words  # type: ignore[attr-defined]


class _Names(list[str]):
    """Names in a group of conf/, as choices that a shell completes; the command itself checks a name."""

    def __init__(self, group: str) -> None:
        with suppress(UserError):  # a shell prints the script when it starts, outside of every project
            super().__init__(sorted(path.stem for path in (paths.locate_conf() / group).glob("*.yaml")))

    def __contains__(self, name: object) -> bool:
        return True


def _define_sweep(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Choose settings of a classifier and of families as conf/sweep/NAME.yaml says. Each fold chooses on its own"
        " training clips, so the accuracy is of clips that chose nothing. The model goes to data/sweeps/."
    )
    parser.epilog = "Example: regenre sweep svm_mfcc"
    parser.add_argument("name", choices=_Names("sweep"), metavar="NAME", help="a file of conf/sweep, without .yaml")
    parser.set_defaults(run=_run_sweep)


def _run_sweep(arguments: argparse.Namespace) -> None:
    try:
        from regenre.cli import sweep
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise UserError("sweep: Optuna expected, none found; pip install 'regenre[optuna]'") from error
    sweep.run(arguments)


def _define_learn(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train classifiers on your examples and print which one is best: write the folder and a recipe's splits,"
        " features and classifiers into params.yaml, then run `dvc repro`."
    )
    parser.epilog = "Example: regenre learn ~/sounds, where ~/sounds has speech/*.wav, music/*.mp3 and birds/*.flac."
    source = parser.add_argument(
        "source",
        metavar="FOLDER",
        help="folder with one sub-folder of audio files per class; or the name of a dataset in conf/dataset",
    )
    words = f'_regenre_sources() {{ compgen -d -- "$1"; compgen -W "{" ".join(_Names("dataset"))}" -- "$1"; }}'
    _complete(source, shtab.DIRECTORY | {"bash": "_regenre_sources", "preamble": {"bash": words}})
    _add_leaf(parser, "recipe", "what is compared", "speech_music_birds")
    parser.set_defaults(run=commands.learn)


def _define_classify(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Print the most probable genres of each file, by a model that `regenre learn` or `dvc repro` has trained."
        " A long file is classified window by window."
    )
    parser.epilog = "Example: regenre classify song.mp3 ~/music --csv > genres.csv"
    _add_files(parser)
    _add_model(parser)
    _add_output(parser, "one row per window: the predicted genre and all probabilities", "genres", 3)
    parser.add_argument(
        "--window",
        type=read_as(Positive),
        metavar="S",
        help="length of a window in seconds (default: that of the training clips)",
    )
    parser.add_argument(
        "--stress",
        action="store_true",
        help="also change each file in ways that leave its genre as it is (conf/deformation: irrelevant), and say after"
        " which of them the answer is another; takes as many times as long",
    )
    parser.set_defaults(run=commands.classify)


def _define_tag(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Print the most probable of 50 tags of each file, by MusiCNN, which was trained on music with such tags. No"
        " training is needed: `regenre pretrained musicnn` fetches the network once. A file is tagged every 3 s."
    )
    parser.epilog = "Example: regenre tag song.mp3 --plot song.png"
    _add_files(parser)
    parser.add_argument(
        "--model",
        choices=["msd", "mtt"],
        default="msd",
        help="what it was trained on: the Million Song Dataset with tags of Last.fm, or MagnaTagATune (default: msd)",
    )
    _add_output(parser, "one row per 3 s: the probabilities of all tags", "tags", 5)
    parser.set_defaults(run=commands.tag)


def _define_explain(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Say why a model names this genre for a file: what each family of features adds to the probability (Shapley"
        " values), without which seconds it would change most, and which training clips are nearest."
    )
    parser.epilog = "Example: regenre explain song.mp3 --out song.html"
    _complete(parser.add_argument("file", type=Path, metavar="FILE", help="audio file"), shtab.FILE)
    _add_model(parser)
    parser.add_argument(
        "--start",
        type=read_as(PositiveOrZero),
        metavar="S",
        help="a time in the window of a long recording that is explained, in seconds (default: the window in which the"
        " predicted genre is most probable)",
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    _add_page(parser)
    parser.set_defaults(run=commands.explain)


def _define_compare(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Compare B with A on the clips that both test: the difference of accuracy with its interval, each genre, and"
        " the clips that only one of them classifies correctly. A and B are cells of this project, or git revisions,"
        " DVC experiments or folders of other projects: of these their best honest cell, or the one after a colon."
    )
    parser.epilog = (
        "Example: regenre compare grouped_kfold-mfcc-knn grouped_kfold-mfcc-svm_rbf;"
        " regenre compare main knn-9; regenre compare ../before:grouped_kfold-mfcc-knn grouped_kfold-mfcc-knn"
    )
    for side in ("A", "B"):
        name = parser.add_argument(
            side.lower(), metavar=side, help="CELL, REVISION, EXPERIMENT or FOLDER; or one of the last three, and :CELL"
        )
        _complete(name, shtab.DIRECTORY | {"bash": "_regenre_sides", "preamble": {"bash": _SIDES}})
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="one line of JSON")
    output.add_argument("--csv", action="store_true", help="a table of the clips that only one classifies correctly")
    _add_page(parser)
    parser.add_argument("--mlflow", action="store_true", help="log a run to MLflow too")
    parser.set_defaults(run=compare.run)


def _define_show(parser: argparse.ArgumentParser) -> None:
    parser.description = "Draw an excerpt of a file and its features; an HTML page also has the audio and the values."
    parser.epilog = "Example: regenre show song.mp3 --families mfcc,lpcc,rhythm --out song.html"
    _complete(parser.add_argument("file", type=Path, metavar="FILE", help="audio file"), shtab.FILE)
    parser.add_argument(
        "--families",
        default="mfcc,gfcc",
        choices=_Names("family"),
        metavar="NAMES",
        help="features whose values the page lists: names of files in conf/family, separated by commas"
        " (default: mfcc,gfcc)",
    )
    out = parser.add_argument(
        "--out", type=Path, metavar="PATH", help="a .png or .html file (default: FILE's name with .png, here)"
    )
    _complete(out, shtab.FILE)
    _add_force(parser)
    parser.add_argument(
        "--start",
        type=read_as(PositiveOrZero),
        default=0.0,
        metavar="S",
        help="start of the excerpt in seconds (default: 0)",
    )
    parser.add_argument(
        "--length", type=read_as(Positive), default=60.0, metavar="S", help="its length in seconds (default: 60)"
    )
    parser.add_argument(
        "--sr",
        type=read_as(ShownRate),
        metavar="HZ",
        help="sampling rate of the analysis, 8000 to 96000 (default: audio.sr in conf/config.yaml)",
    )
    parser.set_defaults(run=commands.show)


def _define_clean(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write files without their pauses; everything else stays as it is. The input is not changed."
    parser.epilog = "Example: regenre clean interview.wav --out short.wav"
    _add_files(parser)
    _add_out(parser, "beside FILE, with .new before the suffix")
    parser.add_argument(
        "--below",
        type=read_as(Positive),
        default=35.0,
        metavar="DB",
        help="a pause is quieter than the loud parts by this many dB (default: 35)",
    )
    parser.add_argument(
        "--pause",
        type=read_as(PositiveOrZero),
        default=0.3,
        metavar="S",
        help="shortest pause that is cut, in seconds (default: 0.3)",
    )
    parser.add_argument("--ends", action="store_true", help="cut only at the beginning and the end")
    parser.set_defaults(run=commands.clean)


def _define_convert(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write files in another format, at another sampling rate or resolution, or in mono. The input is not changed."
    )
    parser.epilog = "Example: regenre convert ~/music --to flac --rate 22050 --mono --out small"
    _add_files(parser)
    _add_out(parser, "beside FILE, with the new suffix; with .new before the suffix if it stays the same")
    parser.add_argument(
        "--to", metavar="SUFFIX", help="format: wav, flac, mp3, ogg, ... (default: that of --out, else that of FILE)"
    )
    parser.add_argument("--rate", type=read_as(Rate), metavar="HZ", help="new sampling rate (default: that of FILE)")
    parser.add_argument(
        "--bits",
        type=int,
        choices=(8, 16, 24, 32),
        help="bits per sample (default: those of FILE if the format has them)",
    )
    parser.add_argument("--mono", action="store_true", help="average the channels into one")
    parser.set_defaults(run=commands.convert)


def _define_transcribe(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Recognise speech: write FILE.txt, which the features `text` read, and FILE.transcript.json, with the time and"
        " the confidence of each word. A file that has a text stays as it is, so an interrupted run goes on."
    )
    parser.epilog = "Example: regenre transcribe ~/sounds"
    _add_files(parser)
    _add_leaf(parser, "transcriber", "the recogniser", "pocketsphinx")
    parser.set_defaults(run=commands.transcribe)


def _define_pretrained(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Fetch networks that others trained into the project's data/pretrained/. Those of musicnn are in a package on"
        " PyPI (29 MB, ISC licence), which pip fetches and does not install."
    )
    parser.epilog = "Example: regenre pretrained musicnn"
    parser.add_argument("name", metavar="NAME", choices=["musicnn"], help="the family: musicnn")
    parser.set_defaults(run=commands.fetch_pretrained)


def _define_register(parser: argparse.ArgumentParser) -> None:
    parser.description = "Add a model to the MLflow registry, and print the command that serves it over HTTP."
    parser.epilog = "Example: regenre register --name genres"
    _add_model(parser)
    parser.add_argument("--name", metavar="NAME", help="name in the registry (default: regenre-DATASET)")
    parser.set_defaults(run=commands.register)


def _add_leaf(parser: argparse.ArgumentParser, group: str, what: str, default: str) -> None:
    parser.add_argument(
        f"--{group}",
        default=default,
        choices=_Names(group),
        metavar="NAME",
        help=f"{what}: the name of a file in conf/{group} (default: {default})",
    )


def _add_files(parser: argparse.ArgumentParser) -> None:
    names = parser.add_argument("files", nargs="+", metavar="FILE", help="audio file, or a folder of audio files")
    _complete(names, shtab.FILE)
    parser.add_argument(
        "--jobs", type=read_as(Jobs), default=-1, metavar="N", help="number of processes (default: one per core)"
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    model = parser.add_argument(
        "--model",
        metavar="CELL",
        help="a trained model: a cell's name, e.g. grouped_kfold-mfcc-knn, or its folder in data/cells (default: the"
        " most accurate one under the most honest split)",
    )
    _complete(model, shtab.DIRECTORY)


def _add_output(parser: argparse.ArgumentParser, table: str, names: str, n_top: int) -> None:
    """Let the answers be lines, JSON, a table (`table` says of what) or a figure."""
    output = parser.add_mutually_exclusive_group()
    output.add_argument(
        "--json", action="store_true", help="one line of JSON per file, with the timeline of a long one"
    )
    output.add_argument("--csv", action="store_true", help=f"a table with {table}")
    parser.add_argument(
        "--top",
        type=read_as(Count),
        default=n_top,
        metavar="N",
        help=f"number of {names} that are printed (default: {n_top})",
    )
    plot = parser.add_argument(
        "--plot", type=Path, metavar="PNG", help="draw the probabilities of one file over time into this figure"
    )
    _complete(plot, shtab.FILE)
    _add_force(parser)


def _add_out(parser: argparse.ArgumentParser, default: str) -> None:
    out = parser.add_argument(
        "--out", type=Path, metavar="PATH", help=f"new file, or folder of new files (default: {default})"
    )
    _complete(out, shtab.FILE)
    _add_force(parser)


def _add_page(parser: argparse.ArgumentParser) -> None:
    _complete(parser.add_argument("--out", type=Path, metavar="HTML", help="write a page too"), shtab.FILE)
    _add_force(parser)


def _add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="replace existing files; never an input")
