"""The command `regenre`: classify any audio, and look at it."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from regenre.errors import UserError, reported

_BATCH = 8  # files a task


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit status 1 where a file could not be used, 2 where the words are off."""
    parser = argparse.ArgumentParser(prog="regenre", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    classify = commands.add_parser("classify", help="genres of files, or of folders' files")
    classify.add_argument("files", nargs="+", metavar="FILE", help="audio that libsndfile reads, or a folder")
    classify.add_argument(
        "--model", help="name or folder of a cell (default: the best honest one of the last dvc repro)"
    )
    shape = classify.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="a line of JSON a file, with the timeline of long ones")
    shape.add_argument("--csv", action="store_true", help="a table: a row a file and window")
    classify.add_argument("--top", type=int, default=3, help="genres to name (default: 3)")
    classify.add_argument("--window", type=float, metavar="S", help="seconds a window (default: as the training clips)")
    classify.add_argument("--plot", type=Path, metavar="PNG", help="figure of one file's probabilities over time")
    classify.add_argument("--jobs", type=int, default=-1, help="processes (default: a core each)")
    classify.set_defaults(run=_classify)
    show = commands.add_parser("show", help="a figure of one file as the features see it")
    show.add_argument("file", type=Path, metavar="FILE")
    show.add_argument("--out", type=Path, metavar="PNG", help="default: beside you, FILE's name with .png")
    show.add_argument("--sr", type=int, default=22_050, help="sampling rate in Hz to look at it in (default: 22050)")
    show.set_defaults(run=_show)
    given = parser.parse_args(arguments)
    with reported():
        given.run(given)


def _classify(given: argparse.Namespace) -> None:
    from joblib import Parallel, delayed, effective_n_jobs
    from tqdm import tqdm

    from regenre import classification, plots

    folder = classification.named(given.model) if given.model else classification.best()
    model = _model(str(folder.resolve()))  # what is wrong with it is said once, before any work
    paths = list(_files(given.files))
    if given.plot and len(paths) != 1:
        raise UserError(f"--plot: one file expected, {len(paths)} found")
    if given.window is not None and given.window <= 0:
        raise UserError(f"--window: a length above 0 s expected, {given.window:g} found")
    n_jobs = min(effective_n_jobs(given.jobs), max(1, len(paths) // _BATCH))
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    made = Parallel(n_jobs, return_as="generator")(
        delayed(_answers)(str(folder.resolve()), batch, given.window) for batch in batches
    )
    if not given.json and not given.csv:
        scores = f"{model.settings['names']['dataset']}, {len(model.estimator.classes_)} genres"
        print(f"model {folder.name} ({scores})", file=sys.stderr)
    failed, first = 0, True
    with tqdm(total=len(paths), desc="classify", unit=" files", disable=None) as bar:
        for batch in made:
            for path, answer in batch:
                bar.update()
                if isinstance(answer, str):
                    failed += 1
                    tqdm.write(f"regenre: {path}: {answer}", file=sys.stderr)
                elif given.csv:
                    table = classification.row(path, answer).to_csv(index=False, header=first, float_format="%.6f")
                    tqdm.write(table, end="")
                    first = False
                else:
                    said = (
                        classification.record(path, answer)
                        if given.json
                        else classification.line(path, answer, given.top)
                    )
                    tqdm.write(said)
                if given.plot and not isinstance(answer, str):
                    plots.save(given.plot, plots.timeline(answer.starts_s, answer.timeline, answer.genres, path))
    if failed:
        raise SystemExit(f"regenre: {failed} of {len(paths)} files could not be classified")


@lru_cache(maxsize=1)
def _model(folder: str):  # type: ignore[no-untyped-def] # classification is imported where it is used
    from regenre import classification, config

    return classification.Model.read(Path(folder), config.build)


def _answers(folder: str, paths: list[str], window_s: float | None) -> list[tuple[str, object]]:
    """Each file's answer, or what is wrong with it; the model is read once a process."""
    from regenre.audio import AudioError

    found: list[tuple[str, object]] = []
    for path in paths:
        try:
            found.append((path, _model(folder).of_file(Path(path), window_s)))
        except AudioError as error:
            found.append((path, " ".join(str(error).split())))
    return found


def _files(given: Sequence[str]) -> Iterator[str]:
    """The files, and the audio files in the folders at any depth, in order of name."""
    from regenre.audio import FORMATS

    for name in given:
        if not Path(name).is_dir():
            yield name
            continue
        inside = sorted(path for path in Path(name).rglob("*") if path.suffix.lower() in FORMATS and path.is_file())
        if not inside:
            raise UserError(f"{name}: a folder with audio files expected, none found")
        yield from map(str, inside)


def _show(given: argparse.Namespace) -> None:
    from regenre import audio, plots
    from regenre.frames import Frames
    from regenre.gallery import gallery

    target = given.out or Path(given.file.with_suffix(".png").name)
    try:
        y = audio.load(given.file, given.sr)
    except audio.AudioError as error:
        raise UserError(f"{given.file}: {error}") from error
    plots.save(target, gallery(Frames(y, given.sr, 2048, 512), given.file.name))
    print(target)


if __name__ == "__main__":
    main()
