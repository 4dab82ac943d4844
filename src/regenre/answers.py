"""What a model says of a file, and how it is written down."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regenre import tables


@dataclass(frozen=True)
class Answer:
    """Probabilities of a file's genres.

    Attributes
    ----------
    genres : sorted
    starts_s : of the windows, shape (n_windows,); one for a clip
    timeline : probabilities, shape (n_windows, n_genres)
    told : whether the text that the model reads was there; True for a model that reads none
    """

    genres: tuple[str, ...]
    starts_s: np.ndarray
    timeline: np.ndarray
    told: bool = True

    @property
    def proba(self) -> dict[str, float]:
        """Genre -> probability, the mean over windows, the most probable first."""
        mean = self.timeline.mean(axis=0)
        return {self.genres[place]: float(mean[place]) for place in np.argsort(-mean, kind="stable")}


def line(path: str, answer: Answer, n_top: int) -> str:
    """A file's top genres in one line."""
    top = list(answer.proba.items())[:n_top]
    return f"{path}: " + ", ".join(f"{genre} {share:.3f}" for genre, share in top)


def record(path: str, answer: Answer) -> str:
    """A file's answer as one line of JSON, with the timeline where there is more than one window."""
    content: dict[str, Any] = {"file": path, "proba": {genre: round(p, 6) for genre, p in answer.proba.items()}}
    if len(answer.starts_s) > 1:
        content["timeline"] = [
            {"start_s": round(float(start), 3), **dict(zip(answer.genres, np.round(row, 6).tolist(), strict=True))}
            for start, row in zip(answer.starts_s, answer.timeline, strict=True)
        ]
    return json.dumps(content)


def row(path: str, answer: Answer) -> pd.DataFrame:
    """A file's answer as rows of a table, a window each: file, start_s, proba__<genre>."""
    shares = pd.DataFrame(answer.timeline, columns=[tables.PROBA + genre for genre in answer.genres])
    return pd.concat([pd.DataFrame({"file": path, "start_s": answer.starts_s}), shares], axis=1)
