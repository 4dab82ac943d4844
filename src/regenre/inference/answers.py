"""A model's answer for one file, and how it is written down."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regenre.common import tables


@dataclass(frozen=True)
class Stability:
    """Whether the most probable genre of a file stays if the file is changed.

    Attributes
    ----------
    n : number of changes
    others : name of each change under which it does not stay -> the change as a command, and the genre then
    """

    n: int
    others: dict[str, tuple[str, str]]

    @property
    def same(self) -> float:
        """Share of the changes under which it stays."""
        return 1 - len(self.others) / self.n


@dataclass(frozen=True)
class Answer:
    """Probabilities of the genres, or of the tags, of a file.

    Attributes
    ----------
    genres : sorted; or tags
    starts_s : start of each window, shape (n_windows,); one window for a clip
    timeline : probabilities, shape (n_windows, n_genres)
    has_text : whether the text that the model reads was there; True for a model that reads none
    exclusive : whether a file has one genre; False for tags, of which it may have several, or none
    stability : None if no change was tried
    """

    genres: tuple[str, ...]
    starts_s: np.ndarray
    timeline: np.ndarray
    has_text: bool = True
    exclusive: bool = True
    stability: Stability | None = None

    @property
    def proba(self) -> dict[str, float]:
        """Genre -> probability, the mean over windows, the most probable first."""
        mean = self.timeline.mean(axis=0)
        return {self.genres[place]: float(mean[place]) for place in np.argsort(-mean, kind="stable")}


def format_line(path: str, answer: Answer, n_top: int) -> str:
    """Return a file's most probable genres as one line of text."""
    top = list(answer.proba.items())[:n_top]
    line = f"{path}: " + ", ".join(f"{genre} {share:.3f}" for genre, share in top)
    if answer.stability is None:
        return line
    n, others = answer.stability.n, answer.stability.others
    named = ", ".join(f"{action} ({genre})" for action, genre in others.values())
    return f"{line}; the same after {n - len(others)} of {n} changes" + (f", but not if you {named}" if named else "")


def format_json(path: str, answer: Answer) -> str:
    """Return a file's answer as one line of JSON, with the timeline if there is more than one window."""
    content: dict[str, Any] = {"file": path, "proba": {genre: round(p, 6) for genre, p in answer.proba.items()}}
    if len(answer.starts_s) > 1:
        content["timeline"] = [
            {"start_s": round(float(start), 3), **dict(zip(answer.genres, np.round(row, 6).tolist(), strict=True))}
            for start, row in zip(answer.starts_s, answer.timeline, strict=True)
        ]
    if answer.stability:
        others = {name: genre for name, (_, genre) in answer.stability.others.items()}
        content["stress"] = {"changes": answer.stability.n, "same": round(answer.stability.same, 6), "others": others}
    return json.dumps(content)


def make_rows(path: str, answer: Answer) -> pd.DataFrame:
    """Return a file's answer as a table, one row per window.

    Columns: file, start_s, predicted (not of tags), proba__<genre>. With a stability, of the whole file in each row:
    same, the share of changes, and changed_by, the names of the others.
    """
    proba = pd.DataFrame(answer.timeline, columns=[tables.PROBA + genre for genre in answer.genres])
    windows = pd.DataFrame({"file": path, "start_s": answer.starts_s})
    if answer.exclusive:
        windows["predicted"] = [answer.genres[place] for place in answer.timeline.argmax(axis=1)]
    rows = pd.concat([windows, proba], axis=1)
    if answer.stability is None:
        return rows
    return rows.assign(same=answer.stability.same, changed_by=" ".join(answer.stability.others))
