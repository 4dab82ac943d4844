"""What each command of `regenre` does; `main` says how it is called.

Heavy libraries are imported where they are used, so that `--help` and mistakes answer at once.
"""

import argparse
import os
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regenre.common.errors import UserError, escape_terminal, explain_error

if TYPE_CHECKING:
    from regenre.deformation.deformation import Deformation
    from regenre.features.families.musicnn import Model
    from regenre.inference.answers import Answer
    from regenre.tabular.transcript import Transcript
    from regenre.transcription.transcriber import Transcriber

_BATCH = 8  # files per task


def learn(arguments: argparse.Namespace) -> None:
    """Set the grid, run the pipeline, and print which model is best."""
    from regenre.cli import recipes
    from regenre.common import paths
    from regenre.inference.model import find_best

    written, left_out = recipes.apply_recipe(arguments.recipe, arguments.source)
    names = " and ".join(map(os.path.relpath, written))
    _print(f"set in {names}: recipe {arguments.recipe}, {arguments.source}")
    for features, reason in left_out.items():
        _print(f"left out: {features}, because {reason}")
    sys.stdout.flush()  # before what DVC prints
    _run_dvc("repro")
    reports, name = paths.locate_reports(), find_best().name
    card, page = (paths.shorten(reports / file) for file in (f"cards/{name}.md", "index.html"))
    _print(f"best model: {name}. Its card: {card}; all results: {page}")
    _print("now: regenre classify FILE")


def classify(arguments: argparse.Namespace) -> None:
    """Print the genres of each file."""
    from regenre.inference.model import read_model

    folder = _find_model(arguments)
    model = read_model(folder)  # a wrong model is reported once, before any work
    paths = _list_answered(arguments)
    if arguments.window is not None and arguments.window < model.min_duration_s:
        raise UserError(f"--window: {model.min_duration_s:g} s or more expected, {arguments.window:g} found")
    if not arguments.json and not arguments.csv:
        _print(f"model {folder.name} ({model.cell.plan.dataset}, {len(model.genres)} genres)", sys.stderr)
    if arguments.stress and not model.analysis.families:
        raise UserError(f"--stress: a model that reads audio expected, {folder.name} found, which reads texts alone")
    failed = list[str]()
    work = partial(_classify_file, folder, arguments.window, _list_changes() if arguments.stress else {})
    n_without_text = sum(not answer.has_text for answer in _answer_each(arguments, paths, work, "classify", failed))
    if n_without_text:
        _print(f"regenre: the model reads a text beside each file (FILE.txt); {n_without_text} have none", sys.stderr)
    _report_failed(failed, len(paths))


def tag(arguments: argparse.Namespace) -> None:
    """Print the tags of each file."""
    from regenre.inference.tagging import open_tagger

    open_tagger(arguments.model)  # what is missing is reported once, before any work
    paths, failed = _list_answered(arguments), list[str]()
    for _ in _answer_each(arguments, paths, partial(_tag_file, arguments.model), "tag", failed):
        pass
    _report_failed(failed, len(paths))


def explain(arguments: argparse.Namespace) -> None:
    """Print why a model answers as it does, and write the page."""
    from regenre.common import files
    from regenre.inference import explanation
    from regenre.inference.model import read_model

    if arguments.out:
        check_page(arguments.out)
        files.check_target(arguments.out, [arguments.file], arguments.force)
    folder = _find_model(arguments)
    model, name = read_model(folder), str(arguments.file)
    explained = explanation.explain_file(model, arguments.file, arguments.start)
    if arguments.json:
        _print(explanation.format_json(name, explained))
    else:
        _print(f"model {folder.name} ({model.cell.plan.dataset}, {len(model.genres)} genres)", sys.stderr)
        for line in explanation.format_lines(name, explained):
            _print(line)
    if arguments.out:
        files.write_text(arguments.out, explanation.render_page(arguments.file, model, explained))
        _print(str(arguments.out), sys.stderr)


def check_page(target: Path) -> None:
    """Raise `UserError` if the name of a page does not end in .html."""
    if target.suffix != ".html":
        raise UserError(f"--out: a name that ends in .html expected, {target} found")


def show(arguments: argparse.Namespace) -> None:
    """Write the figure or the page of one file."""
    from regenre.common import files
    from regenre.inference.api import make_analysis
    from regenre.reporting.file_page import FilePage
    from regenre.reporting.gallery import FAMILIES

    target = arguments.out or Path(arguments.file.with_suffix(".png").name)
    if target.suffix not in (".png", ".html"):
        raise UserError(f"--out: a name that ends in .png or .html expected, {target} found")
    files.check_target(target, [arguments.file], arguments.force)
    analysis = make_analysis(arguments.families.split(","), arguments.sr)
    panels = make_analysis(FAMILIES, arguments.sr).families
    page = FilePage.read(arguments.file, analysis, panels, arguments.start, arguments.length)
    content = page.render_png() if target.suffix == ".png" else page.render_page().encode()
    files.write_atomically(target, lambda temporary: temporary.write_bytes(content))
    _print(str(target))


def clean(arguments: argparse.Namespace) -> None:
    """Write each file without its pauses."""
    from regenre.cli import convert as audio_files

    options = {
        "below_db": arguments.below, "pause_s": arguments.pause, "ends": arguments.ends, "force": arguments.force,
    }  # fmt: skip
    _write_each(arguments, partial(audio_files.clean, **options), None)


def convert(arguments: argparse.Namespace) -> None:
    """Write each file in another format."""
    from regenre.cli import convert as audio_files

    options = {"sr": arguments.rate, "mono": arguments.mono, "bits": arguments.bits, "force": arguments.force}
    suffix = arguments.to or (arguments.out.suffix if arguments.out else "")
    _write_each(arguments, partial(audio_files.convert, **options), f".{suffix.lstrip('.')}" if suffix else None)


def transcribe(arguments: argparse.Namespace) -> None:
    """Write a text beside each file that has none."""
    import numpy as np

    from regenre.common.files import clear_leftovers
    from regenre.common.paths import BESIDE

    name = arguments.transcriber
    _make_transcriber(name)(np.zeros(0, np.float32))  # what is missing is reported once, before any work
    paths = list(_list_files(arguments.files))
    stems: dict[Path, str] = {}
    for path in paths:
        if (other := stems.setdefault(Path(path).with_suffix(""), path)) != path:
            raise UserError(f"{path}: another name expected, {other} would share its text; rename one")
    n_done, failed = 0, list[str]()
    targets = [Path(path).with_suffix(suffix) for path in paths for suffix in BESIDE]
    work = partial(_transcribe_file, name)
    tasks = [(path,) for path in paths]
    with (
        clear_leftovers(targets),
        closing(_run_each(tasks, work, arguments.jobs, "transcribe", failed)) as results,
    ):
        for path, words in results:
            n_done += words is None
            if words is not None:
                _print(f"{path}: {len(words.words)} words, confidence {words.confidence:.2f}")
    if n_done:
        _print(f"regenre: {n_done} of {len(paths)} files have a text and stay as they are", sys.stderr)
    _report_failed(failed, len(paths))


def fetch_pretrained(arguments: argparse.Namespace) -> None:
    """Fetch the networks of a family, and make the family from them, which checks their digests."""
    from regenre.common import config, paths
    from regenre.features.family import Family
    from regenre.pretrained import musicnn

    targets = musicnn.fetch(paths.locate_network("data/pretrained"))
    leaf = config.compose_settings().family[arguments.name]
    family: Family = config.build(leaf, f"conf/family/{arguments.name}.yaml", Family)
    _print(f"{', '.join(map(paths.shorten, targets))}: {len(family.names)} values per frame")
    _print(f"now: regenre tag FILE; or put {arguments.name} among the features in params.yaml, then dvc repro")


def register(arguments: argparse.Namespace) -> None:
    """Put a model into the registry, and print how to serve it."""
    from regenre.common import config, paths
    from regenre.evaluation.grid import TestedCell
    from regenre.inference import mlflow_model
    from regenre.inference.model import read_model
    from regenre.learning.digest import list_requirements
    from regenre.learning.estimator import Learner
    from regenre.reporting import tracking

    folder = _find_model(arguments)
    model = mlflow_model.ServedModel(read_model(folder))
    plan, reports = model.model.cell.plan, paths.locate_reports()
    if folder.parent.parent.name == "sweeps":
        kind, figure, card = "sweep", folder / "confusion.svg", folder / "card.md"
    else:
        kind, figure, card = "grid", reports / f"figures/confusion/{plan.name}.svg", reports / f"cards/{plan.name}.md"
    if not (figure.is_file() and card.is_file()):
        raise UserError(
            f"{figure} and {card} expected; run `dvc repro`, for a cell of your own `dvc repro -f -s track`"
        )
    run = tracking.describe_cell(
        TestedCell.read(folder), folder, tracking.Tables.read(reports), figure, card, plan.seed, kind
    )
    example = mlflow_model.make_example(model.model.sr)
    name = arguments.name or f"regenre-{plan.dataset}"
    requirements = list_requirements(
        config.build(plan.classifier, f"conf/classifier/{plan.name.classifier}.yaml", Learner)
    )
    version, uri = tracking.register_model(folder, name, run, example, model.predict(example), requirements)
    _print(f"{name} version {version}: {folder.name}, in {uri}")
    _print(
        f"now: MLFLOW_TRACKING_URI={shlex.quote(uri)} mlflow models serve -m {shlex.quote(f'models:/{name}/{version}')}"
        " --env-manager local --host 127.0.0.1 --port 5001"
    )


def _run_dvc(*arguments: str) -> None:
    from regenre.common import paths

    process = subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=paths.find_root())
    if process.returncode:
        raise SystemExit(process.returncode)  # the stage has printed why


def _find_model(arguments: argparse.Namespace) -> Path:
    from regenre.inference.model import find_best, find_cell

    return (find_best() if arguments.model is None else find_cell(arguments.model)).resolve()


def _list_answered(arguments: argparse.Namespace) -> list[str]:
    """Return the files; refuse `--plot` for several files, and a figure that must not be replaced."""
    from regenre.common import files

    paths = list(_list_files(arguments.files))
    if arguments.plot and len(paths) != 1:
        raise UserError(f"--plot: one file expected, {len(paths)} found; take them one by one")
    if arguments.plot:
        if arguments.plot.suffix != ".png":
            raise UserError(f"--plot: a name that ends in .png expected, {arguments.plot} found")
        files.check_target(arguments.plot, map(Path, paths), arguments.force)
    return paths


def _answer_each(
    arguments: argparse.Namespace, paths: list[str], work: Callable[[Path], "Answer"], title: str, failed: list[str]
) -> Iterator["Answer"]:
    """Print each file's answer, or draw it, as the arguments say, and yield it."""
    from tqdm import tqdm

    from regenre.common import tables
    from regenre.inference import answers
    from regenre.reporting import plots
    from regenre.reporting.escaping import escape_sheet

    header = True
    with closing(_run_each([(path,) for path in paths], work, arguments.jobs, title, failed)) as results:
        for path, answer in results:
            if arguments.csv:
                name = path.encode(errors="backslashreplace").decode()  # no table holds bytes that are no UTF-8
                rows = escape_sheet(answers.make_rows(name, answer))
                tqdm.write(tables.format_csv(rows, header), end="")
            elif arguments.json:
                _print(answers.format_json(path, answer))
            else:
                _print(answers.format_line(path, answer, arguments.top))
            header = False
            if arguments.plot:
                draw = plots.draw_timeline if answer.exclusive else plots.draw_taggram
                plots.save_figure(arguments.plot, draw(answer.starts_s, answer.timeline, answer.genres, path))
            yield answer


def _list_changes() -> "dict[str, Deformation]":
    """Return the project's deformations that leave the genre as it is, but for channels: a window is mono."""
    from regenre.common import config
    from regenre.deformation.deformation import Deformation
    from regenre.deformation.level import OneChannel

    deformations = config.build_leaves("deformation", config.read_deformations("--stress", ["*"]), Deformation)
    return {
        name: deformation
        for name, deformation in deformations.items()
        if deformation.irrelevant and not isinstance(deformation, OneChannel)
    }


def _classify_file(
    folder: Path, window_s: float | None, deformations: "dict[str, Deformation]", path: Path
) -> "Answer":
    from regenre.inference.model import read_model

    return read_model(folder).classify_file(path, window_s, deformations)  # read once per process


def _tag_file(model: "Model", path: Path) -> "Answer":
    from regenre.inference.tagging import open_tagger

    return open_tagger(model).tag_file(path)  # opened once per process


@cache
def _make_transcriber(name: str) -> "Transcriber":
    from regenre.common import config, paths
    from regenre.transcription.transcriber import Transcriber

    config.check_names("--transcriber", "transcriber", [name])
    path = paths.locate_conf() / f"transcriber/{name}.yaml"
    transcriber: Transcriber = config.build(config.read_yaml(path), f"conf/transcriber/{name}.yaml", Transcriber)
    return transcriber


def _transcribe_file(name: str, path: Path) -> "Transcript | None":
    from regenre.transcription.transcriber import transcribe_file

    return transcribe_file(name, _make_transcriber(name), path)  # made once per process


def _write_each(arguments: argparse.Namespace, write: Callable[[Path, Path], Any], suffix: str | None) -> None:
    """Write one new file per file."""
    from regenre.common.files import clear_leftovers

    targets, failed, tasks = dict(_name_targets(arguments, suffix)), list[str](), list[tuple[str, Path]]()
    inputs = {Path(path).resolve() for path in targets}
    counts = Counter(targets.values())
    for path, target in targets.items():
        if counts[target] > 1:
            _report_file(path, f"a target of its own expected, another file has {target} too; name them one by one")
            failed.append(path)
        elif target.resolve() in inputs:
            _report_file(path, f"{target}: a new file expected, an input found; choose another name with --out")
            failed.append(path)
        else:
            tasks.append((path, target))
    with (
        clear_leftovers(target for _, target in tasks),
        closing(_run_each(tasks, write, arguments.jobs, "write", failed)) as results,
    ):
        for path, output in results:
            clipped = f", {output.n_clipped} samples clipped to full scale" if output.n_clipped else ""
            _print(f"{path} -> {output.target}: {output.source_s:.2f} s -> {output.target_s:.2f} s{clipped}")
    _report_failed(failed, len(targets))


def _name_targets(arguments: argparse.Namespace, suffix: str | None) -> Iterator[tuple[str, Path]]:
    """Yield each file and the name of its new file; files of a folder keep their place below it."""
    has_folder = any(Path(name).is_dir() for name in arguments.files)
    if not arguments.out and has_folder:
        raise UserError("--out: a folder for the new files expected, because FILE is a folder; none found")
    several = len(arguments.files) > 1 or has_folder
    is_folder = arguments.out and (several or arguments.out.is_dir() or not arguments.out.suffix)
    if is_folder and arguments.out.exists() and not arguments.out.is_dir():
        raise UserError(f"--out: a folder expected, something else found at {arguments.out}; choose another name")
    for name in arguments.files:
        for path in _list_files([name]):
            source = Path(path)
            target = source.with_suffix(suffix or source.suffix)
            if is_folder:
                below = target.relative_to(name) if Path(name).is_dir() else Path(target.name)
                yield path, arguments.out / below
            elif arguments.out:
                yield path, arguments.out
            else:
                yield path, target if target != source else source.with_suffix(f".new{source.suffix}")


def _run_each(
    files: Sequence[tuple[Any, ...]], work: Callable[..., Any], n_jobs: int, title: str, failed: list[str]
) -> Generator[tuple[str, Any], None, None]:
    """Yield each file with its result, in order; report files that cannot be used and add them to `failed`.

    A file is a tuple: its name, and whatever else `work` takes. Whoever stops early closes the generator.
    """
    from joblib import effective_n_jobs
    from tqdm import tqdm

    from regenre.common.compute import CRASHED, run_apart, run_each, start_tracker

    def rescue(calls: Sequence[tuple[Any, ...]]) -> Iterator[list[tuple[str, Any]]]:
        alone = [(work, [file]) for _, batch in calls for file in batch]
        return run_apart(_run_batch, alone, lambda _, batch: [(batch[0][0], CRASHED)])

    batches = [files[start : start + _BATCH] for start in range(0, len(files), _BATCH)]
    workers = max(1, min(effective_n_jobs(n_jobs), len(batches)))
    start_tracker()
    results = run_each(_run_batch, [(work, batch) for batch in batches], rescue, workers)
    with closing(results), tqdm(total=len(files), desc=title, unit=" files", disable=None) as bar:
        for batch in results:
            for path, result in batch:
                bar.update()
                if isinstance(result, str):
                    failed.append(path)
                    _report_file(path, result)
                else:
                    yield path, result


def _report_file(path: str, reason: str) -> None:
    _print(f"regenre: {path}: {reason}", sys.stderr)


def _report_failed(failed: list[str], n: int) -> None:
    if failed:
        advice = "mend them as the lines above say, or leave them out"
        raise SystemExit(f"regenre: {len(failed)} of {n} files could not be used; {advice}")


def _run_batch(work: Callable[..., Any], files: Sequence[tuple[Any, ...]]) -> list[tuple[str, Any]]:
    """Return each file's result, or the message that says what is wrong with it."""
    results: list[tuple[str, Any]] = []
    for path, *more in files:
        try:
            results.append((path, work(Path(path), *more)))
        except Exception as error:  # the other files go on
            results.append((path, explain_error(error).removeprefix(f"{path}: ")))
    return results


def _list_files(names: Sequence[str]) -> Iterator[str]:
    """Yield the files, and the audio files in the folders at any depth, sorted by name."""
    from regenre.common.paths import is_beside
    from regenre.decoding import count_left_out, find_audio

    for name in names:
        if not Path(name).is_dir():
            yield name
            continue
        inside, left_out = find_audio(Path(name))
        left_out = {path: reason for path, reason in left_out.items() if not is_beside(path)}
        if not inside:
            raise UserError(f"{name}: a folder with audio files expected, none found; choose another")
        if left_out:
            _print(f"regenre: {name}: left out: {count_left_out(left_out)}", sys.stderr)
        yield from map(str, inside)


def _print(text: str, file: Any = None) -> None:
    """Print one line for people."""
    from tqdm import tqdm

    tqdm.write(escape_terminal(text), file=file or sys.stdout)  # above the progress bar
