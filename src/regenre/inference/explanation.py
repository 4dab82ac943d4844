"""Why a model answers as it does, for any audio: which families and which seconds decide, and what it resembles.

FileExplanation  the answer to a file, and why
read_training    what the model of a cell was fitted on
explain_file     file -> explanation
find_seconds     samples -> what each piece of time adds to a probability
format_lines     an explanation as text
format_json      an explanation as one line of JSON
render_page      an explanation as a page: what `show` shows of the window, the explanation, nearest clips to hear
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regenre import audio
from regenre.common import config, paths
from regenre.common.errors import UserError
from regenre.common.paths import TEXT
from regenre.common.threads import limit_threads
from regenre.evaluation.explanation import Explanation, Training, explain_clip
from regenre.inference.answers import Answer
from regenre.inference.api import make_analysis
from regenre.inference.model import Model
from regenre.learning.cells import Cell
from regenre.learning.plan import Planner
from regenre.reporting.explanation import Item, render_items
from regenre.reporting.file_page import FilePage, encode_mp3
from regenre.reporting.gallery import FAMILIES
from regenre.tabular.text import ClipText

N_PIECES = 10  # of time, in the length of a clip; each begins in the middle of the one before it
_HEARD_S = 30.0  # of a training clip, at most
_MIN_CHANGE = 0.001  # change of a probability
_SECONDS = ["start_s", "end_s", "change"]


@dataclass(frozen=True)
class FileExplanation:
    """The answer to a file, and why.

    Attributes
    ----------
    answer : to the whole file
    start_s, end_s : the window that is explained, in seconds: the whole file if it is one clip
    genre, proba : the predicted genre of that window, and its probability
    rows : families and nearest training clips; None where they cannot be computed
    seconds : start_s, end_s, change: the probability less that of the window without this piece; no rows for a text
    notes : what is left out, and why
    """

    answer: Answer
    start_s: float
    end_s: float
    genre: str
    proba: float
    rows: Explanation | None
    seconds: pd.DataFrame
    notes: tuple[str, ...]


def read_training(cell: Cell) -> Training:
    """Return what the model of a cell was fitted on, from the project's tables.

    Raises
    ------
    UserError
        The tables are not there or are others than those of the fit, or the classifier reads frames.
    """
    plan = cell.plan
    index, features = paths.locate_index(plan.dataset), paths.locate_features(plan.dataset)
    planner = Planner(plan.dataset, index, features, plan.seed, plan.search, config.build)
    planned = planner.plan_cell(plan.name, plan.split, plan.classifier)
    if planned.plan != plan:
        raise UserError(f"{features}: the features of the fit expected, others found; run `dvc repro`")
    return Training.select(planned, planned.tasks[-1].fold.fit)


def explain_file(model: Model, path: Path, start_s: float | None = None) -> FileExplanation:
    """Explain the answer to a file.

    Of a long recording one window is explained: the one in which the predicted genre is most probable.

    Parameters
    ----------
    start_s : a time in the window to explain instead, in seconds

    Raises
    ------
    UserError
        The file cannot be used, the window is silent, or the file ends before `start_s`.
    """
    with audio.name_errors(path):
        answer = model.classify_file(path)
        place = _choose_window(path, answer, start_s)
        window_start_s = float(answer.starts_s[place])
        text = ClipText.read(path) if model.texts else ClipText()
        y = np.empty(0, np.float32)
        if model.analysis.families or path.suffix != TEXT:
            windows = audio.read_windows(path, model.sr, model.window_s)
            y = next(y for begin_s, y in windows if begin_s == window_start_s)
    end_s = window_start_s + len(y) / model.sr
    if start_s is not None and start_s > end_s:
        raise UserError(
            f"--start: a time in one of the windows of {path} expected, up to {end_s:g} s, {start_s:.10g} found"
        )
    if len(y) and np.abs(y).max() < audio.SILENCE_PEAK:
        raise UserError(
            f"{path}: sound expected from {window_start_s:g} to {end_s:g} s, silence found; choose a --start"
        )
    row = answer.timeline[place]
    genre = int(row.argmax())
    notes, rows, seconds = list[str](), None, pd.DataFrame(columns=_SECONDS)

    def predict(samples: np.ndarray) -> float:
        if np.abs(samples).max() < audio.SILENCE_PEAK:
            return 1 / len(answer.genres)
        return float(model.estimator.predict_proba(model.compute_features(samples, text))[0, genre])

    if model.analysis.families:
        seconds = find_seconds(predict, y, model.sr).assign(
            start_s=lambda table: table["start_s"] + window_start_s, end_s=lambda table: table["end_s"] + window_start_s
        )
    else:
        notes.append("no seconds: the model reads texts alone")
    try:
        training = read_training(model.cell)
        with limit_threads():
            rows = explain_clip(model.estimator, model.compute_features(y, text)[0], training)
    except UserError as error:
        notes.append(f"no families and no nearest clips: {error}")
    else:
        if rows.families.empty:
            notes.append(f"no values of families: {next(iter(training.blocks))} is the only one")
    return FileExplanation(
        answer, window_start_s, end_s, answer.genres[genre], float(row[genre]), rows, seconds, tuple(notes)
    )


def _choose_window(path: Path, answer: Answer, start_s: float | None) -> int:
    if start_s is not None:
        return int(np.searchsorted(answer.starts_s, start_s, side="right")) - 1
    genre = answer.genres.index(next(iter(answer.proba)))
    return int(answer.timeline[:, genre].argmax())


def find_seconds(predict: Callable[[np.ndarray], float], y: np.ndarray, sr: int) -> pd.DataFrame:
    """Leave out one piece of time after another (occlusion: Zeiler and Fergus 2014, section 4.2).

    A piece is a tenth of the clip, and begins in the middle of the one before it. It is cut out, and what is before
    and after it is joined: silence in its place would be a sound that no training clip has.

    Parameters
    ----------
    predict : samples -> probability
    y : samples, shape (n_samples,)

    Returns
    -------
    start_s, end_s : of each piece, in seconds
    change : `predict(y)` less the probability without the piece; above 0 where it speaks for the genre
    """
    length = len(y) / N_PIECES
    ends = [(round(half * length / 2), round((half / 2 + 1) * length)) for half in range(2 * N_PIECES - 1)]
    whole = predict(y)
    rows = [(start / sr, stop / sr, whole - predict(np.delete(y, slice(start, stop)))) for start, stop in ends]
    return pd.DataFrame(rows, columns=_SECONDS)


def format_lines(path: str, explained: FileExplanation) -> list[str]:
    """Return an explanation as lines of text."""
    several = len(explained.answer.starts_s) > 1
    window = f" from {explained.start_s:.1f} to {explained.end_s:.1f} s" if several else ""
    lines = [f"{path}: {explained.genre} {explained.proba:.3f}{window}"]
    if rows := explained.rows:
        lines[0] += f"; {rows.background:.3f} on average over {rows.n_background} training clips"
        for name, value, error in rows.families.itertuples(index=False):
            lines.append(f"  {name}: {value:+.3f}" + (f" (standard error {error:.3f})" if error else ""))
    if len(explained.seconds):
        by_change = explained.seconds.sort_values("change", kind="stable")
        for words, sign, row in (("for", 1, by_change.iloc[-1]), ("against", -1, by_change.iloc[0])):
            if sign * row["change"] >= _MIN_CHANGE:
                without = f"without them {explained.proba - row['change']:.3f}"
                lines.append(f"  most {words} it: {row['start_s']:.1f} to {row['end_s']:.1f} s; {without}")
        if explained.seconds["change"].abs().max() < _MIN_CHANGE:
            lines.append(f"  no piece of time changes the probability by {_MIN_CHANGE} or more")
    if rows:
        for clip_id, genre, _, distance in rows.nearest.itertuples(index=False):
            lines.append(f"  near: {clip_id} ({genre}), distance {distance:.2f}")
    return [*lines, *(f"  {note}" for note in explained.notes)]


def format_json(path: str, explained: FileExplanation) -> str:
    """Return an explanation as one line of JSON."""
    content: dict[str, Any] = {
        "file": path,
        "start_s": round(explained.start_s, 3),
        "end_s": round(explained.end_s, 3),
        "genre": explained.genre,
        "proba": round(explained.proba, 6),
        "seconds": explained.seconds.round(6).to_dict("records"),
        "notes": list(explained.notes),
    }
    if rows := explained.rows:
        content |= {
            "background": {"proba": round(rows.background, 6), "n_clips": rows.n_background},
            "families": rows.families.round(6).to_dict("records"),
            "nearest": rows.nearest.drop(columns="path").round(6).to_dict("records"),
        }
    return json.dumps(content)


def render_page(path: Path, model: Model, explained: FileExplanation) -> str:
    """Return an HTML page that needs no network: the window as `file_page` shows it, and the explanation."""
    rows = explained.rows
    nearest = rows.nearest if rows else pd.DataFrame(columns=["clip_id", "genre", "distance", "path"])
    item = Item(
        path.name,
        explained.genre,
        format_lines("", explained)[0].removeprefix(": "),
        list(rows.families.itertuples(index=False, name=None)) if rows else [],
        list(nearest[["clip_id", "genre", "distance"]].itertuples(index=False, name=None)),
        list(explained.seconds.itertuples(index=False, name=None)),
        dict(_encode_sounds(nearest, paths.locate_raw(model.cell.plan.dataset), model)),
        explained.notes,
    )
    panels = make_analysis(FAMILIES, model.sr).families
    length_s = explained.end_s - explained.start_s
    return FilePage.read(path, model.analysis, panels, explained.start_s, length_s).render_page(render_items([item]))


def _encode_sounds(nearest: pd.DataFrame, raw: Path, model: Model) -> Iterator[tuple[str, str]]:
    """Yield the clips that are on this machine, as MP3, no longer than `_HEARD_S`."""
    for clip_id, name in nearest[["clip_id", "path"]].itertuples(index=False):
        if name and (raw / name).is_file():
            y, _ = audio.read_excerpt(raw / name, model.sr, 0, _HEARD_S)
            yield clip_id, encode_mp3(y, model.sr)
