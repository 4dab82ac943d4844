"""What each command of `regenre` does; `cli` says how they are called.

Heavy libraries are imported where they are used, so that `--help` and mistakes answer at once.
"""

import argparse
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from regenre.errors import UserError

_BATCH = 8  # files a task


def learn(given: argparse.Namespace) -> None:
    """Set the grid, run the pipeline, say what came out."""
    from regenre import classification, config, recipes

    written = recipes.apply(given.recipe, given.source)
    print(f"set in {' and '.join(map(os.path.relpath, written))}: recipe {given.recipe}, {given.source}", flush=True)
    if config.grid().dataset == "folder":  # it may have changed since, which DVC does not look at
        _dvc("repro", "--force", "--single-item", "download")
    _dvc("repro")
    model = classification.best()
    print(f"learnt: {model.name}. Its card: {model}/card.md; all results: {config.REPORTS}/index.html")
    print("now: regenre classify FILE")


def classify(given: argparse.Namespace) -> None:
    """Name the genres of each file."""
    from regenre import answers, classification, plots

    folder = _model(given)
    model = classification.model_in(folder)  # what is wrong with it is said once, before any work
    paths = list(_files(given.files))
    if given.plot and len(paths) != 1:
        raise UserError(f"--plot: one file expected, {len(paths)} found")
    if given.window is not None and given.window < model.min_duration_s:
        raise UserError(f"--window: {model.min_duration_s:g} s or more expected, {given.window:g} found")
    if not given.json and not given.csv:
        scores = f"{model.settings['names']['dataset']}, {len(model.estimator.classes_)} genres"
        print(f"model {folder.name} ({scores})", file=sys.stderr)
    untold, first, failed = 0, True, list[str]()
    answer_of = partial(_answer, folder, given.window)
    for path, answer in _each([(path,) for path in paths], answer_of, given.jobs, "classify", failed):
        untold += not answer.told
        if given.csv:
            said = answers.row(path, answer).to_csv(index=False, header=first, float_format="%.6f").rstrip()
        elif given.json:
            said = answers.record(path, answer)
        else:
            said = answers.line(path, answer, given.top)
        first = False
        _say(said)
        if given.plot:
            plots.save(given.plot, plots.timeline(answer.starts_s, answer.timeline, answer.genres, path))
    if untold:
        _say(f"regenre: {untold} files have no text beside them, which the model reads (FILE.txt)", sys.stderr)
    _end(failed, len(paths))


def show(given: argparse.Namespace) -> None:
    """Write the figure or the page."""
    from regenre import api, tables
    from regenre.portrait import Portrait

    target = given.out or Path(given.file.with_suffix(".png").name)
    if target.suffix not in (".png", ".html"):
        raise UserError(f"--out: a name that ends in .png or .html expected, {target} found")
    if given.start < 0 or given.length <= 0:
        raise UserError(
            f"--start, --length: 0 s or more, and above 0 s, expected; {given.start:g}, {given.length:g} found"
        )
    analysis = api.analysis_of(given.families.split(","), given.sr)
    portrait = Portrait.of(given.file, analysis, given.start, given.length)
    content = portrait.png() if target.suffix == ".png" else portrait.page().encode()
    tables.atomically(target, lambda temporary: temporary.write_bytes(content))
    print(target)


def clean(given: argparse.Namespace) -> None:
    """Write each file without its pauses."""
    from regenre import editing

    options = {"below_db": given.below, "pause_s": given.pause, "ends": given.ends, "force": given.force}
    _edit(given, partial(editing.clean, **options), None)


def convert(given: argparse.Namespace) -> None:
    """Write each file anew."""
    from regenre import editing

    options = {"sr": given.rate, "mono": given.mono, "bits": given.bits, "force": given.force}
    if given.rate is not None and not 1 <= given.rate <= 1_000_000:
        raise UserError(f"--rate: 1 to 1,000,000 Hz expected, {given.rate} found")
    suffix = given.to or (given.out.suffix if given.out else "")
    _edit(given, partial(editing.convert, **options), f".{suffix.lstrip('.')}" if suffix else None)


def register(given: argparse.Namespace) -> None:
    """Put a model into the registry, and say how it is served."""
    from regenre import cells, classification, config, serving, tracking

    folder = _model(given)
    settings = cells.read(folder)
    kind = "sweep" if folder.parent.parent.name == "sweeps" else "grid"
    drawn = config.REPORTS / "figures" / "confusion" / f"{folder.name}.png"
    figure = drawn if kind == "grid" else folder / "confusion.png"
    if not figure.is_file():
        raise UserError(f"{figure} is not there; run `dvc repro`, for a cell of your own also `dvc repro -f -s track`")
    cell = tracking.shown(folder, figure, settings["config"]["seed"], kind)
    served = serving.Served(classification.model_in(folder))
    example = serving.example(served.model.sr)
    name = given.name or f"regenre-{settings['names']['dataset']}"
    version, uri = tracking.register(folder, name, cell, example, served.predict(example), config.ROOT)
    print(f"{name} version {version}: {folder.name}, in {uri}")
    print(
        f"now: MLFLOW_TRACKING_URI={uri} mlflow models serve -m models:/{name}/{version} --env-manager local"
        " --host 127.0.0.1 --port 5001"
    )


def _dvc(*arguments: str) -> None:
    from regenre import config

    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=config.ROOT)
    if done.returncode:
        raise SystemExit(done.returncode)  # the stage said why


def _model(given: argparse.Namespace) -> Path:
    from regenre import classification

    return (classification.named(given.model) if given.model else classification.best()).resolve()


def _answer(folder: Path, window_s: float | None, path: Path) -> Any:
    from regenre import classification

    return classification.model_in(folder).of_file(path, window_s)  # read once a process


def _edit(given: argparse.Namespace, edit: Callable[[Path, Path], Any], suffix: str | None) -> None:
    """Make a new file of each file."""
    targets, failed = dict(_targets(given, suffix)), list[str]()
    counts = Counter(targets.values())
    clashes = [path for path, target in targets.items() if counts[target] > 1]
    if clashes:
        raise UserError(f"{clashes[0]} and another file would both become {targets[clashes[0]]}; name them one by one")
    for path, made in _each(list(targets.items()), edit, given.jobs, "write", failed):
        clipped = f", {made.n_clipped} samples held at full scale" if made.n_clipped else ""
        _say(f"{path} -> {made.target}: {made.source_s:.2f} s -> {made.target_s:.2f} s{clipped}")
    _end(failed, len(targets))


def _targets(given: argparse.Namespace, suffix: str | None) -> Iterator[tuple[str, Path]]:
    """Each file and the new one's name; what lies in a folder keeps its place below it."""
    several = len(given.files) > 1 or any(Path(name).is_dir() for name in given.files)
    if not given.out and any(Path(name).is_dir() for name in given.files):
        raise UserError("--out: a folder for the new files expected, since a folder is given; none found")
    into = given.out if given.out and (several or given.out.is_dir() or not given.out.suffix) else None
    for name in given.files:
        for path in _files([name]):
            source = Path(path)
            new = source.with_suffix(suffix or source.suffix)
            if into:
                below = new.relative_to(name) if Path(name).is_dir() else Path(new.name)
                yield path, into / below
            elif given.out:
                yield path, given.out
            else:
                yield path, new if new != source else source.with_suffix(f".new{source.suffix}")


def _each(
    files: Sequence[tuple[Any, ...]], work: Callable[..., Any], n_jobs: int, what: str, failed: list[str]
) -> Iterator[tuple[str, Any]]:
    """What each file becomes, in order; those that cannot be used are reported and noted in `failed`.

    A file is a tuple: its name, and whatever else `work` takes.
    """
    from joblib import Parallel, delayed, effective_n_jobs
    from tqdm import tqdm

    batches = [files[start : start + _BATCH] for start in range(0, len(files), _BATCH)]
    workers = min(effective_n_jobs(n_jobs), len(batches))
    made = Parallel(workers, return_as="generator")(delayed(_tried)(work, batch) for batch in batches)
    with tqdm(total=len(files), desc=what, unit=" files", disable=None) as bar:
        for batch in made:
            for path, result in batch:
                bar.update()
                if isinstance(result, str):
                    failed.append(path)
                    name = path if path.isprintable() else repr(path)
                    _say(f"regenre: {name}: {result}", sys.stderr)
                else:
                    yield path, result


def _end(failed: list[str], n: int) -> None:
    if failed:
        raise SystemExit(f"regenre: {len(failed)} of {n} files could not be used")


def _tried(work: Callable[..., Any], files: Sequence[tuple[Any, ...]]) -> list[tuple[str, Any]]:
    """Each file's result, or what is wrong with it."""
    found: list[tuple[str, Any]] = []
    for path, *more in files:
        try:
            found.append((path, work(Path(path), *more)))
        except UserError as error:
            found.append((path, " ".join(str(error).removeprefix(f"{path}: ").split())))
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


def _say(text: str, file: Any = None) -> None:
    from tqdm import tqdm

    tqdm.write(text, file=file or sys.stdout)  # above the progress bar
