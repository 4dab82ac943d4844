"""What was learnt, put to use: any audio -> probabilities of genres, over time where it is long.

Features come from the code and the settings that training used: `Model.read` computes the features of a signal that
is the same everywhere and refuses a model that was trained on others. Loading runs no code from the model's file.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from threadpoolctl import threadpool_limits

from regenre import audio, cells, config, extraction, models, report, tables
from regenre.answers import Answer
from regenre.errors import UserError
from regenre.extraction import Analysis
from regenre.families.text import SUFFIX, Text, beside

SAME = 1e-3  # relative: how far features of the same code may lie apart on another processor


@dataclass(frozen=True)
class Model:
    """A cell's model, with the features that it reads.

    Attributes
    ----------
    settings : cell.json
    analysis : how the features are computed
    given : the families whose values are not computed: `text`, or none
    """

    name: str
    estimator: Any
    settings: dict[str, Any]
    analysis: Analysis
    given: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the cell in a folder.

        Raises
        ------
        UserError
            No cell is there; it reads a table of features; its features are not those that this code computes.
        """
        if not (folder / "cell.json").is_file():
            raise UserError(f"model {folder}: no cell there; run `dvc repro`, or pass --model with the name of a cell")
        settings = cells.read(folder)
        used = settings["config"]
        families = {name: config.build(leaf) for name, leaf in sorted(used["families"].items())}
        given = tuple(name for name, made in families.items() if isinstance(made, Text))
        computed = {name: made for name, made in families.items() if name not in given}
        if not all(settings.get("probes", {}).get(name) for name in computed):
            raise UserError(
                f"model {folder.name}: it reads a table or was made by another version; no file can be classified"
            )
        pooling = config.build(used.get("pooling", {"_target_": "regenre.pooling.Statistics"}))
        analysis = Analysis(
            computed, pooling, used["audio"]["sr"], **used["frames"],
            n_averaged=used.get("sequences", {"n_averaged": 0})["n_averaged"],
        )  # fmt: skip
        model = cls(folder.name, models.load(folder / "model.skops"), settings, analysis, given)
        model._check()
        return model

    @property
    def sr(self) -> int:
        """Sampling rate in Hz that audio is brought to."""
        return self.analysis.sr

    @property
    def window_s(self) -> float:
        """Length of a window of a long recording: the median training clip's; none where there was no audio."""
        duration_s = float(self.settings["duration_s"])
        return math.inf if math.isnan(duration_s) else duration_s

    def features(self, y: np.ndarray, text: str = "") -> np.ndarray:
        """What the estimator reads of a clip: shape (1, n_columns), or one sequence in an object array."""
        with threadpool_limits(1):  # as in training: other numbers of threads sum in other orders
            return self._features(y, text)

    def _features(self, y: np.ndarray, text: str) -> np.ndarray:
        rows, sequences = self.analysis(y)
        patterns = self.settings["config"]["columns"]
        if sequences:
            columns = [column for name in sequences for column in self.analysis.frame_columns(name)]
            found = np.empty(1, dtype=object)
            found[0] = np.concatenate(list(sequences.values()), axis=1)[:, tables.fitting(columns, patterns)]
            return found
        names = {name: self.analysis.columns(name) for name in rows} | {
            name: [f"{name}__words__clip"] for name in self.given
        }
        values = {**rows, **{name: np.array([text], dtype=object) for name in self.given}}
        order = sorted(values)  # as training joins the tables
        columns = [column for name in order for column in names[name]]
        return np.concatenate([values[name] for name in order])[None, tables.fitting(columns, patterns)]

    def of_samples(self, samples: np.ndarray, sr: int, text: str = "") -> Answer:
        """Classify samples of any rate, shape (n_samples,) or (n_samples, n_channels), as one clip.

        Raises
        ------
        AudioError
            NaN, silence, no sample, or fewer than a clip of training may have.
        """
        y = samples_at(samples, sr, self.sr)
        audio.check_length(len(y), self.sr, self.min_duration_s)
        with threadpool_limits(1):
            proba = self._proba(y, text)
        return Answer(self._genres, np.zeros(1), proba[None], bool(text) or not self.given)

    def of_file(self, path: Path, window_s: float | None = None) -> Answer:
        """Classify a file; one longer than one and a half windows is classified window by window.

        Silent windows count as even chances. A model that reads a text reads the one beside the file, `<file>.txt`;
        one that reads nothing else takes that file too.

        Raises
        ------
        AudioError
            The file cannot be used, or is shorter than a clip of training may be; see `audio`.
        """
        text = beside(path) if self.given else ""
        with threadpool_limits(1):
            if text and not self.analysis.families and path.suffix == SUFFIX:
                parts = [(0.0, self._proba(np.empty(0), text))]
            else:
                parts = list(self._windows(path, window_s or self.window_s, text))
        starts, timeline = zip(*parts, strict=True)
        return Answer(self._genres, np.array(starts), np.stack(timeline), bool(text) or not self.given)

    def _windows(self, path: Path, window_s: float, text: str) -> Iterator[tuple[float, np.ndarray]]:
        """Start and probabilities of each window."""
        even = np.full(len(self._genres), 1 / len(self._genres))
        for start_s, y in audio.windows(path, self.sr, window_s):
            if start_s == 0:  # what is left at the end of a long recording is half a window at least
                audio.check_length(len(y), self.sr, self.min_duration_s)
            heard = float(np.abs(y).max()) >= audio.SILENCE_PEAK
            yield start_s, self._proba(y, text) if heard else even

    def _proba(self, y: np.ndarray, text: str) -> np.ndarray:
        proba: np.ndarray = self.estimator.predict_proba(self._features(y, text))[0]
        return proba

    @property
    def min_duration_s(self) -> float:
        """Shortest clip that it was trained on, and answers."""
        return float(self.settings["config"]["audio"]["min_duration_s"])

    @property
    def _genres(self) -> tuple[str, ...]:
        return tuple(map(str, self.estimator.classes_))

    def _check(self) -> None:
        rows, _ = self.analysis(extraction.probe(self.sr))
        for name in rows:
            expected = self.settings["probes"][name]
            same = len(rows[name]) == len(expected) and np.allclose(rows[name], expected, rtol=SAME, atol=SAME)
            if not same:
                raise UserError(
                    f"model {self.name}: this version's {name} differs from what the model was trained on;"
                    " train it anew with `dvc repro`, or use the version that made it"
                )


def model_in(folder: Path) -> Model:
    """The model of a cell, read once as long as the cell stays the same."""
    stamp = (folder / "cell.json").stat().st_mtime_ns if (folder / "cell.json").is_file() else 0
    return _read(str(folder.resolve()), stamp)


@lru_cache(maxsize=4)
def _read(folder: str, _stamp: int) -> Model:
    return Model.read(Path(folder))


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


def samples_at(samples: np.ndarray, found_sr: int, sr: int) -> np.ndarray:
    """Somebody's array as the features want it: float32, mono, at `sr`."""
    given = np.asarray(samples)
    if given.ndim not in (1, 2) or given.dtype.kind not in "fi":
        raise UserError(
            "samples: floating-point numbers of full scale 1 or signed integers, shape (n_samples,) or"
            f" (n_samples, n_channels), expected; {given.dtype} of shape {given.shape} found"
        )
    if given.size == 0:
        raise audio.AudioError("empty", "no samples given")
    full_scale = 2.0 ** (8 * given.dtype.itemsize - 1) if given.dtype.kind == "i" else 1.0
    return audio.prepared((given / full_scale).astype(np.float32).reshape(len(given), -1), found_sr, sr)
