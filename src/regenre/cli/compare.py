"""`regenre compare`: two cells, two experiments or two projects, clip by clip."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from regenre.cli.commands import check_page
from regenre.common.errors import UserError, escape_terminal

if TYPE_CHECKING:
    import pandas as pd

    from regenre.evaluation.pair import Pair

_MAX_CLIPS = 10  # clips that are right on one side, in the text


def run(arguments: argparse.Namespace) -> None:
    """Compare B with A, and print, draw and log the result."""
    from regenre.common import config, files, tables
    from regenre.evaluation.pair import compare_pair
    from regenre.reporting.escaping import escape_sheet

    if arguments.out:
        check_page(arguments.out)
        files.check_target(arguments.out, [], arguments.force)
    seed = config.read_grid().seed
    with TemporaryDirectory() as scratch:
        (a, first), (b, second) = (
            read_side(name, Path(scratch) / side) for side, name in (("a", arguments.a), ("b", arguments.b))
        )
    pair = compare_pair(first, second, seed)
    if arguments.csv:
        print(tables.format_csv(escape_sheet(pair.changed)), end="")
    elif arguments.json:
        print(format_json(a, b, pair))
    else:
        for line in format_lines(a, b, pair):
            print(escape_terminal(line))
    if arguments.out:
        from regenre.reporting.pair_page import render_pair

        files.write_text(arguments.out, render_pair(a, b, pair))
        print(escape_terminal(str(arguments.out)), file=sys.stderr)
    if arguments.mlflow:
        from regenre.reporting import tracking

        _, uri, link = tracking.log_runs(config.read_grid().dataset, [tracking.describe_pair(a, b, pair)])
        print(escape_terminal(f"a run in {uri}; {link}"), file=sys.stderr)


def read_side(name: str, scratch: Path) -> tuple[str, "pd.DataFrame"]:
    """Return the title and the predictions of a side.

    Parameters
    ----------
    name : a cell of this project, or the folder of one; or the folder of a project, a git revision or a DVC
        experiment, with `:CELL` for another cell than the best honest one
    scratch : folder for what is fetched

    Raises
    ------
    UserError
        There is nothing of this name, or it has no such cell.
    """
    from regenre.common import tables
    from regenre.common.paths import CellName
    from regenre.evaluation.grid import read_summary, select_best
    from regenre.inference.model import find_cell, list_cells
    from regenre.learning.cells import RECORD

    if (Path(name) / RECORD).is_file() or name in {folder.name for folder in list_cells()}:
        folder = find_cell(name)
        return folder.name, tables.read_predictions(folder / "predictions.csv")
    is_whole = ":" not in name or Path(name).is_dir()
    where, _, cell = (name, "", "") if is_whole else name.rpartition(":")
    if not where:
        raise UserError(f"{name!r}: a cell, a project's folder, or a git revision or DVC experiment expected; name one")
    fetch = _read_folder(Path(where)) if Path(where).is_dir() else _read_revision(where, scratch)
    summary = read_summary(fetch("reports/summary.csv"))
    names = [str(CellName.read_row(row)) for row in summary.to_dict("records")]
    cell = cell or str(CellName.read_row(select_best(summary).to_dict()))
    if cell not in names:
        raise UserError(f"{name}: one of its cells expected after the colon ({', '.join(names)}), {cell!r} found")
    dataset = summary["dataset"].iloc[0]
    return f"{where}:{cell}", tables.read_predictions(fetch(f"data/cells/{dataset}/{cell}/predictions.csv"))


def _read_folder(root: Path) -> Callable[[str], Path]:
    if not (root / "reports/summary.csv").is_file():
        raise UserError(
            f"{root}: a cell's folder, or that of a project with results (reports/summary.csv), expected, none found"
        )
    return lambda path: root / path


def _read_revision(revision: str, scratch: Path) -> Callable[[str], Path]:
    """Return a function that fetches a file of a git revision or a DVC experiment from git, or from DVC's cache."""
    from regenre.common import paths
    from regenre.inference.model import list_cells

    root = str(paths.find_root())

    def fetch(path: str) -> Path:
        target = scratch / Path(path).name
        scratch.mkdir(exist_ok=True)
        command = ["get", f"--rev={revision}", f"--out={target}", "--", root, path]
        process = subprocess.run([sys.executable, "-m", "dvc", *command], capture_output=True, text=True)
        if process.returncode:
            reason = next((line[7:] for line in process.stderr.splitlines() if line.startswith("ERROR: ")), "")
            cells = ", ".join(folder.name for folder in list_cells()[:3])
            raise UserError(
                f"{revision!r}: {path} of this git revision or DVC experiment expected, none found ({reason}); name a"
                f" cell ({cells}, ...), a project's folder, or a revision whose results DVC's cache has"
                " (`dvc fetch --all-commits`)"
            )
        return target

    return fetch


def format_lines(a: str, b: str, pair: "Pair") -> list[str]:
    """Return a comparison as lines of text."""
    scores, changed = pair.scores, pair.changed
    lines = [
        f"A: {a}",
        f"B: {b}",
        f"accuracy {scores['accuracy_a']:.3f} -> {scores['accuracy_b']:.3f}: {_format_change(scores)} on"
        f" {scores['n_clips']} clips of {scores['n_groups']} groups, p {scores['p_groups']:.3g} (sign-flip test over"
        " groups)",
    ]
    left = [f"{n} clips that only {side} tests" for side, n in (("A", pair.n_left_a), ("B", pair.n_left_b)) if n]
    if left:
        lines.append(f"left out: {', '.join(left)}")
    if pair.n_relabelled:
        lines.append(f"{pair.n_relabelled} clips have another label in B; each side is scored by its own")
    lines.append("genres:")
    for row in pair.genres.to_dict("records"):
        recalls = f"{row['recall_a']:.3f} -> {row['recall_b']:.3f}"
        lines.append(f"  {row['genre']}: {recalls}: {_format_change(row)}, {row['n_clips']} clips")
    lines.append(f"right in B alone: {scores['n_only_b']} clips; in A alone: {scores['n_only_a']}")
    shown = changed.groupby("right", sort=False).head(_MAX_CLIPS)
    for row in shown.to_dict("records"):
        lines.append(
            f"  {row['right']}: {row['clip_id']} ({row['actual_b']}): {row['predicted_a']} -> {row['predicted_b']}"
        )
    if len(changed) > len(shown):
        lines.append(f"  and {len(changed) - len(shown)} others (--csv lists them)")
    return lines


def _format_change(row: Mapping[Any, Any]) -> str:
    return f"{row['difference']:+.3f} ({row['difference_low']:+.3f} to {row['difference_high']:+.3f})"


def format_json(a: str, b: str, pair: "Pair") -> str:
    """Return a comparison as one line of JSON."""
    content = {
        "a": a,
        "b": b,
        **{name: round(value, 6) for name, value in pair.scores.items()},
        "n_left_a": pair.n_left_a,
        "n_left_b": pair.n_left_b,
        "n_relabelled": pair.n_relabelled,
        "genres": pair.genres.round(6).to_dict("records"),
        "changed": pair.changed.to_dict("records"),
    }
    return json.dumps(content)
