"""A trained model put to use: any audio -> probabilities of genres, over time for a long recording.

Features come from the code and the settings that training used: `Model.read` computes the features of a fixed signal
and refuses a model that was trained on others. Loading runs no code from the model's file.

    Model            a cell's model with the features that it reads
    read_model       the model of a cell's folder, read once
    find_best        the best honest cell of the last `dvc repro`
    find_cell        a cell by its name
    list_cells       all cells of the grids
    convert_samples  an array of any type and rate -> what the features are computed from
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from regenre import audio
from regenre.common import config, paths, tables
from regenre.common.errors import UserError, join_lines
from regenre.common.kinds import MAX_RATE, MIN_RATE
from regenre.common.paths import TEXT, CellName
from regenre.common.tables import FamilyRecord
from regenre.common.threads import limit_threads
from regenre.decoding import AudioError
from regenre.deformation.deformation import Deformation, deform
from regenre.evaluation.grid import read_summary, select_best
from regenre.features import extraction
from regenre.features.extraction import Analysis
from regenre.features.family import Family, TableFamily
from regenre.features.pooling import Pooling
from regenre.inference.answers import Answer, Stability
from regenre.learning import models
from regenre.learning.cells import RECORD, Cell
from regenre.tabular.text import ClipText, Text

FAMILIES = ("regenre.features.families", "regenre.tabular")  # what a model's file may name
POOLINGS = ("regenre.features.pooling",)
_MAX_NAMES = 20  # names of cells in an error
TOLERANCE = 1e-3  # relative: how far the features of the same code may differ on another processor


@dataclass(frozen=True)
class Model:
    """A cell's model, with the features that it reads.

    Attributes
    ----------
    analysis : how the features are computed
    texts : name -> family, of those that are texts: one, or none
    """

    name: str
    estimator: Any
    cell: Cell
    analysis: Analysis
    texts: Mapping[str, Text] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the cell in a folder.

        Raises
        ------
        UserError
            There is no cell; it reads a table of features; this version computes other features than it was trained on.
        """
        if not (folder / RECORD).is_file():
            raise UserError(f"model {folder}: no cell there; run `dvc repro`, or pass --model with the name of a cell")
        cell = Cell.read(folder)
        features = cell.plan.features
        record = f"{folder / RECORD}"
        families = {
            name: config.build(family.settings, record, Family, TableFamily, packages=FAMILIES)
            for name, family in sorted(features.families.items())
        }
        texts = {name: family for name, family in families.items() if isinstance(family, Text)}
        computed = {name: family for name, family in families.items() if name not in texts}
        if not all(features.families[name].probe for name in computed):
            raise UserError(
                f"model {folder.name}: a model that reads audio expected, one that reads a table found; choose another"
            )
        pooling = config.build(features.pooling, record, Pooling, packages=POOLINGS)
        try:
            analysis = Analysis(
                computed, pooling, features.audio.sr, features.frames.n_fft, features.frames.hop_length,
                n_averaged=features.sequences.n_averaged if features.sequences else 0,
                loudness=features.audio.loudness, floor_db=features.audio.floor_db,
            )  # fmt: skip
            probes, _ = analysis(extraction.make_probe(analysis.sr))
        except Exception as error:  # settings that fit no filter fail anywhere
            reason = join_lines(f"{type(error).__name__}: {error}")
            raise UserError(
                f"model {folder.name}: the features of {RECORD} cannot be computed ({reason}); do not use this model"
            ) from error
        _check_probes(folder.name, probes, features.families)
        return cls(folder.name, models.load_model(folder / "model.skops", config.read_trusted()), cell, analysis, texts)

    @property
    def sr(self) -> int:
        """Sampling rate in Hz that audio is brought to."""
        return self.analysis.sr

    @property
    def window_s(self) -> float:
        """Length of a window of a long recording: the median training clip's; infinite for a model without audio."""
        return math.inf if self.cell.plan.duration_s is None else self.cell.plan.duration_s

    @property
    def min_duration_s(self) -> float:
        """Length of the shortest clip that it was trained on and that it answers."""
        return self.cell.plan.features.audio.min_duration_s

    @property
    def genres(self) -> tuple[str, ...]:
        """Its genres, sorted."""
        return tuple(map(str, self.estimator.classes_))

    def compute_features(self, y: np.ndarray, text: ClipText | None = None) -> np.ndarray:
        """Return what the estimator reads of a clip: shape (1, n_columns), or one sequence in an object array."""
        with limit_threads():  # as in training: another number of threads sums in another order
            return self._compute_features(y, text or ClipText())

    def classify_samples(self, samples: np.ndarray, sr: int, text: str = "") -> Answer:
        """Classify samples of any rate, shape (n_samples,) or (n_samples, n_channels), as one clip.

        Raises
        ------
        AudioError
            NaN, silence, no samples, or fewer than a training clip may have.
        """
        y = convert_samples(samples, sr, self.sr)
        audio.check_length(len(y), self.sr, self.min_duration_s)
        with limit_threads():
            proba = self._predict(y, ClipText.assume(text, len(y) / self.sr))
        return Answer(self.genres, np.zeros(1), proba[None], bool(text) or not self.texts)

    def classify_file(
        self, path: Path, window_s: float | None = None, deformations: Mapping[str, Deformation] | None = None
    ) -> Answer:
        """Classify a file; one that is longer than one and a half windows is classified window by window.

        Silent windows get equal probabilities. A model that reads a text reads the one beside the file, `<file>.txt`,
        and its `<file>.transcript.json`; a model that reads nothing else also takes that text file itself.

        The answer has a stability if deformations are named. Each window is changed as the features hear it, in mono
        at the model's rate.

        Raises
        ------
        AudioError
            The file cannot be used, or is shorter than a training clip may be; see `audio`.
        """
        text, changes = ClipText.read(path) if self.texts else ClipText(), deformations or {}
        with limit_threads():
            if text.words and not self.analysis.families and path.suffix == TEXT:
                parts = [(0.0, self._predict(np.empty(0), text)[None])]
            else:
                parts = list(self._classify_windows(path, window_s or self.window_s, text, changes))
        starts, proba = zip(*parts, strict=True)
        timelines = np.stack(proba, axis=1)
        answer = Answer(self.genres, np.array(starts), timelines[0], bool(text.words) or not self.texts)
        return replace(answer, stability=self._compare(timelines, changes)) if len(timelines) > 1 else answer

    def _compare(self, timelines: np.ndarray, changes: Mapping[str, Deformation]) -> Stability:
        """Compare the answers to a file, shape (1 + n_changes, n_windows, n_genres), with the first of them."""
        first, *others = (self.genres[place] for place in timelines.mean(axis=1).argmax(axis=1))
        pairs = zip(changes.items(), others, strict=True)
        return Stability(len(changes), {name: (own.action, other) for (name, own), other in pairs if other != first})

    def _classify_windows(
        self, path: Path, window_s: float, text: ClipText, changes: Mapping[str, Deformation]
    ) -> Iterator[tuple[float, np.ndarray]]:
        """Yield start and probabilities of each window: as it is, then after each change."""
        for start_s, y in audio.read_windows(path, self.sr, window_s):
            if start_s == 0:  # the last window of a long recording is at least half a window
                audio.check_length(len(y), self.sr, self.min_duration_s)
            window = f"{path.name} {start_s}"
            changed = (deform(own, name, y[:, None], self.sr, window)[:, 0] for name, own in changes.items())
            yield start_s, np.stack([self._answer(samples, text) for samples in (y, *changed)])

    def _answer(self, y: np.ndarray, text: ClipText) -> np.ndarray:
        """Return the probabilities of a window: equal ones of silence."""
        if float(np.abs(y).max()) < audio.SILENCE_PEAK:
            return np.full(len(self.genres), 1 / len(self.genres))
        return self._predict(y, text)

    def _predict(self, y: np.ndarray, text: ClipText) -> np.ndarray:
        proba: np.ndarray = self.estimator.predict_proba(self._compute_features(y, text))[0]
        return proba

    def _compute_features(self, y: np.ndarray, text: ClipText) -> np.ndarray:
        rows, sequences = self.analysis(y)
        patterns = self.cell.plan.features.columns
        if sequences:
            columns = [column for name in sequences for column in self.analysis.name_frame_columns(name)]
            clip = np.empty(1, dtype=object)
            clip[0] = np.concatenate(list(sequences.values()), axis=1)[:, tables.match_columns(columns, patterns)]
            return clip
        names = {name: self.analysis.name_columns(name) for name in rows} | {
            name: family.name_columns(name) for name, family in self.texts.items()
        }
        values = {**rows, **{name: family.make_row(text) for name, family in self.texts.items()}}
        order = sorted(values)  # the order in which training joins the tables
        columns = [column for name in order for column in names[name]]
        return np.concatenate([values[name] for name in order])[None, tables.match_columns(columns, patterns)]


def _check_probes(model: str, probes: Mapping[str, np.ndarray], families: Mapping[str, FamilyRecord]) -> None:
    """Raise `UserError` if a family computes other values of the probe than in training."""
    for name, row in probes.items():
        expected = families[name].probe or []
        if len(row) != len(expected) or not np.allclose(row, expected, rtol=TOLERANCE, atol=TOLERANCE):
            raise UserError(
                f"model {model}: this version's {name} differs from what the model was trained on;"
                " train it again with `dvc repro`, or use the version that made it"
            )


def read_model(folder: Path) -> Model:
    """Return the model of a cell; read it once as long as the cell stays the same."""
    record = folder / RECORD
    return _read_once(str(folder.resolve()), record.stat().st_mtime_ns if record.is_file() else 0)


@lru_cache(maxsize=4)
def _read_once(folder: str, _stamp: int) -> Model:
    return Model.read(Path(folder))


def find_best() -> Path:
    """Return the folder of the most accurate cell under the most honest split of the last `dvc repro`."""
    best = select_best(read_summary(paths.locate_reports() / "summary.csv"))
    return paths.locate_cells(best["dataset"]) / str(CellName.read_row(best.to_dict()))


def find_cell(name: str) -> Path:
    """Return the folder of a cell by its name, in any dataset's grid, or by its path."""
    if name and (Path(name) / RECORD).is_file():
        return Path(name)
    folders = list_cells()
    matches = [folder for folder in folders if folder.name == name]
    if not matches and name and Path(name).is_dir():
        raise UserError(
            f"model {name}: a cell's folder expected, with a file {RECORD}, none found there; choose another"
        )
    if not matches:
        names = sorted({folder.name for folder in folders})
        others = (
            [f"and {len(names) - _MAX_NAMES} others in {paths.locate_cells('')}"] if len(names) > _MAX_NAMES else []
        )
        listed = ", ".join([*names[:_MAX_NAMES], *others]) or "none"
        raise UserError(f"model {name!r}: no such cell; there are {listed}; run `dvc repro`")
    return matches[0]


def list_cells() -> list[Path]:
    """Return the folders of all cells of the project's grids, sorted."""
    return sorted(path.parent for path in paths.locate_cells("").glob(f"*/*/{RECORD}"))


def convert_samples(samples: np.ndarray, found_sr: int, sr: int) -> np.ndarray:
    """Return an array of samples as the features need it: float32, mono, at `sr`."""
    array = np.asarray(samples)
    if array.ndim not in (1, 2) or array.dtype.kind not in "fi":
        raise UserError(
            "samples: floating-point numbers of full scale 1 or signed integers, shape (n_samples,) or"
            f" (n_samples, n_channels), expected; {array.dtype} of shape {array.shape} found"
        )
    if not MIN_RATE <= found_sr <= MAX_RATE:
        raise UserError(f"sr: {MIN_RATE} to {MAX_RATE} Hz expected, {found_sr} found")
    if array.size == 0:
        raise AudioError("empty", "at least one sample expected, none found")
    full_scale = 2.0 ** (8 * array.dtype.itemsize - 1) if array.dtype.kind == "i" else 1.0
    return audio.prepare((array / full_scale).astype(np.float32).reshape(len(array), -1), found_sr, sr)
