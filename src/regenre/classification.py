"""What was learnt, put to use: any audio -> probabilities of genres, over time where it is long.

Features come from the code and the settings that training used: `Model.read` computes the features of a signal that
is the same everywhere and refuses a model that was trained on others. Loading runs no code from the model's file.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regenre import audio, cells, config, extraction, models, report, tables
from regenre.errors import UserError
from regenre.extraction import Analysis

SAME = 1e-3  # relative: how far features of the same code may lie apart on another processor


@dataclass(frozen=True)
class Answer:
    """Probabilities of a file's genres.

    Attributes
    ----------
    genres : sorted
    starts_s : of the windows, shape (n_windows,); one for a clip
    timeline : probabilities, shape (n_windows, n_genres)
    """

    genres: tuple[str, ...]
    starts_s: np.ndarray
    timeline: np.ndarray

    @property
    def proba(self) -> dict[str, float]:
        """Genre -> probability, the mean over windows, the most probable first."""
        mean = self.timeline.mean(axis=0)
        return {self.genres[place]: float(mean[place]) for place in np.argsort(-mean, kind="stable")}


@dataclass(frozen=True)
class Model:
    """A cell's model, with the features that it reads.

    Attributes
    ----------
    settings : cell.json
    analysis : how the features are computed, families in the order of the columns
    """

    name: str
    estimator: Any
    settings: dict[str, Any]
    analysis: Analysis

    @classmethod
    def read(cls, folder: Path, build: Callable[[Any], Any]) -> Self:
        """Read a cell.

        Parameters
        ----------
        folder : of the cell
        build : a configuration with `_target_` -> the object

        Raises
        ------
        UserError
            No cell is there; it reads tables; its features are not those that this code computes.
        """
        if not (folder / "cell.json").is_file():
            raise UserError(f"model {folder}: no cell there; run `dvc repro`, or pass --model with the name of a cell")
        settings = cells.read(folder)
        used = settings["config"]
        if "probes" not in settings or not all(settings["probes"].values()):
            raise UserError(
                f"model {folder.name}: it reads a table or was made by another version; no file can be classified"
            )
        families = {name: build(leaf) for name, leaf in sorted(used["families"].items())}
        pooling = build(used.get("pooling", {"_target_": "regenre.pooling.Statistics"}))
        analysis = Analysis(
            families, pooling, used["audio"]["sr"], **used["frames"],
            n_averaged=used.get("sequences", {"n_averaged": 0})["n_averaged"],
        )  # fmt: skip
        model = cls(folder.name, models.load(folder / "model.skops"), settings, analysis)
        model._check()
        return model

    @property
    def sr(self) -> int:
        """Sampling rate in Hz that audio is brought to."""
        return self.analysis.sr

    @property
    def window_s(self) -> float:
        """Length of a window of a long recording: the median training clip's."""
        return float(self.settings["duration_s"])

    def features(self, y: np.ndarray) -> np.ndarray:
        """What the estimator reads of a clip: shape (1, n_columns), or one sequence in an object array."""
        with threadpool_limits(1):  # as in training: other numbers of threads sum in other orders
            rows, sequences = self.analysis(y)
        patterns = self.settings["config"]["columns"]
        if sequences:
            names = [column for name in sequences for column in self.analysis.frame_columns(name)]
            found = np.empty(1, dtype=object)
            found[0] = np.concatenate(list(sequences.values()), axis=1)[:, tables.fitting(names, patterns)]
            return found
        names = [column for name in rows for column in self.analysis.columns(name)]
        return np.concatenate(list(rows.values()))[None, tables.fitting(names, patterns)]

    def of_samples(self, y: np.ndarray) -> Answer:
        """Classify mono samples at `sr`, as one clip."""
        audio.check(y[:, None], self.sr, 0.0)
        return Answer(self._genres, np.zeros(1), self._proba(y)[None])

    def of_file(self, path: Path, window_s: float | None = None) -> Answer:
        """Classify a file; one longer than one and a half windows is classified window by window.

        Silent windows count as even chances.

        Raises
        ------
        AudioError
            The file cannot be used; see `audio`.
        """
        starts, timeline = [], []
        for start_s, y in audio.windows(path, self.sr, window_s or self.window_s):
            heard = float(np.abs(y).max()) >= audio.SILENCE_PEAK
            starts.append(start_s)
            even = np.full(len(self._genres), 1 / len(self._genres))
            timeline.append(self._proba(y) if heard else even)
        return Answer(self._genres, np.array(starts), np.stack(timeline))

    def _proba(self, y: np.ndarray) -> np.ndarray:
        X = self.features(y)
        with threadpool_limits(1):
            proba: np.ndarray = self.estimator.predict_proba(X)[0]
        return proba

    @property
    def _genres(self) -> tuple[str, ...]:
        return tuple(map(str, self.estimator.classes_))

    def _check(self) -> None:
        rows, _ = self.analysis(extraction.probe(self.sr))
        for name, expected in self.settings["probes"].items():
            same = len(rows[name]) == len(expected) and np.allclose(rows[name], expected, rtol=SAME, atol=SAME)
            if not same:
                raise UserError(
                    f"model {self.name}: this version's {name} differs from what the model was trained on;"
                    " train it anew with `dvc repro`, or use the version that made it"
                )


def best() -> Path:
    """The folder of the most accurate cell under the most honest split of the last `dvc repro`."""
    top = report.best(tables.read_report(config.REPORTS / "summary.csv"))
    return config.cell_folder(top["dataset"]) / config.cell_name(*top[list(report.PARTS)])


def named(name: str) -> Path:
    """The folder of a cell by its name, in any dataset's grid, or by its path."""
    if (Path(name) / "cell.json").is_file():
        return Path(name)
    there = sorted(path.parent for path in config.cell_folder("").glob("*/*/cell.json"))
    found = [folder for folder in there if folder.name == name]
    if not found:
        offered = sorted({folder.name for folder in there})
        raise UserError(f"model {name!r}: no such cell; there are {', '.join(offered[:5]) or 'none'}; run `dvc repro`")
    return found[0]


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
