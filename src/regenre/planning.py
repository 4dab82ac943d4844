"""What a grid asks for: cells, each with its folds, its settings and its tasks.

Folds are dealt once a split and features are read once a feature set, whatever the number of cells.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regenre import cells, splits, tables
from regenre.errors import UserError
from regenre.families.text import Text
from regenre.fetch import md5_of
from regenre.fitting import Learner, Words
from regenre.splits import Fold, Split
from regenre.training import Result, Task, Values


@dataclass(frozen=True)
class Dealt:
    """What a split makes of the clips.

    Attributes
    ----------
    folds : who is tested
    fits : the folds, each with its inner folds; where there are several, then one fitted on all of their clips
    excluded : clip_id -> reason
    """

    folds: list[Fold]
    fits: list[tuple[Fold, list[Fold]]]
    excluded: dict[str, str]


@dataclass(frozen=True)
class Read:
    """A feature set as a classifier reads it: values, settings, digests of what was read, families' probes."""

    values: Values
    settings: dict[str, Any]
    md5: dict[str, str]
    probes: dict[str, list[float]]


@dataclass(frozen=True)
class Cell:
    """A cell to be fitted."""

    name: str
    settings: dict[str, Any]
    clips: pd.DataFrame
    dealt: Dealt
    learner: Learner
    read: Read

    @property
    def values(self) -> Values:
        """What the classifier reads."""
        return self.read.values

    @cached_property
    def inputs(self) -> str:
        """Digest of what decides the result."""
        return cells.inputs(self.settings)

    @property
    def tasks(self) -> list[Task]:
        """One a fit; the last one's estimator is the cell's model."""
        genre, group = (self.clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
        metric, last = self.settings["config"]["search"]["metric"], len(self.dealt.fits) - 1
        return [
            Task(self.name, self.learner, self.values, genre, group, fold, inner, metric, keep=number == last)
            for number, (fold, inner) in enumerate(self.dealt.fits)
        ]

    def content(self, results: list[Result]) -> dict[str, Any]:
        """What cell.json says."""
        folds = self.dealt.folds
        search = [
            {
                "fold": number if number < len(folds) else "model",
                "chosen": result.chosen,
                "score": None if result.score is None else round(result.score, 6),
                "inner_folds": [part.sizes for part in inner],
                "warnings": result.warnings,
            }
            for number, ((_, inner), result) in enumerate(zip(self.dealt.fits, results, strict=True))
        ]
        return {
            "cell": self.name,
            "inputs": self.inputs,
            "folds": [fold.sizes for fold in folds],
            "search": search,
            "excluded": self.dealt.excluded,
            "fitted_on": self.clips["genre"].iloc[self.dealt.fits[-1][0].fit].value_counts().sort_index().to_dict(),
            "probes": self.read.probes,
            **({"texts": _told(words, self.values.array, self.clips["genre"])} if (words := self.values.words) else {}),
            "duration_s": round(float(self.clips["duration_s"].median()), 6),
            **self.settings,
        }


@dataclass(frozen=True)
class Planner:
    """Makes the cells of one dataset.

    Parameters
    ----------
    index : the clip table
    features : folder of the feature sets' lists and tables
    search : `metric` and `n_folds` of the choice of hyper-parameters
    build : a configuration with `_target_` -> the object
    """

    dataset: str
    index: Path
    features: Path
    seed: int
    search: dict[str, Any]
    build: Callable[[Any], Any]
    _dealt: dict[str, Dealt] = field(default_factory=dict)
    _read: dict[tuple[str, str, bool], Read] = field(default_factory=dict)

    @cached_property
    def _clips(self) -> pd.DataFrame:
        return tables.usable(tables.read_clips(self.index))

    @cached_property
    def _pieces(self) -> pd.DataFrame:
        """The clip table with a row a piece; clip_id names the piece."""
        listed = self.features / tables.PIECES
        if not listed.is_dir():
            raise UserError(
                f"{listed} is not there; add segment_kfold to params.yaml and run `dvc repro extract` first"
            )
        pieces = pd.read_parquet(min(listed.glob("*.parquet")), columns=["clip_id"])["clip_id"].astype(object)
        clips = self._clips.set_index("clip_id").loc[tables.clips_of_pieces(pieces)]
        return clips.reset_index(drop=True).assign(clip_id=pieces)

    @cached_property
    def _index_md5(self) -> str:
        return md5_of(self.index)

    def cell(self, name: str, names: dict[str, str], split: dict[str, Any], classifier: dict[str, Any]) -> Cell:
        """One cell.

        Parameters
        ----------
        names : of its split, features and classifier
        split, classifier : their configuration

        Raises
        ------
        UserError
            The split cannot deal these clips, the feature set was not extracted, a setting is wrong.
        """
        learner: Learner = self.build(classifier)
        made: Split = self.build(split)
        clips, folder = (self._pieces, self.features / tables.PIECES) if made.pieces else (self._clips, self.features)
        if names["split"] not in self._dealt:
            self._dealt[names["split"]] = self._deal(made, clips)
        key = (names["features"], learner.reads, made.pieces)
        if key not in self._read:
            self._read[key] = _values(folder, names["features"], learner.reads, clips["clip_id"], self.build)
        dealt, read = self._dealt[names["split"]], self._read[key]
        settings = {
            "names": {"dataset": self.dataset, **names},
            "config": {
                "seed": self.seed,
                "search": self.search,
                "split": split,
                "classifier": classifier,
                **read.settings,
            },
            "md5": {"index": self._index_md5, **read.md5},
        }
        return Cell(name, settings, clips, dealt, learner, read)

    def _deal(self, made: Split, clips: pd.DataFrame) -> Dealt:
        folds = made.folds(clips)
        fitted = folds if len(folds) == 1 else [*folds, Fold(splits.used(folds), splits.NOBODY)]
        fits = [(fold, splits.inner(clips, fold, self.search["n_folds"], self.seed)) for fold in fitted]
        return Dealt(folds, fits, made.excluded(clips))


def _values(folder: Path, features: str, reads: str, clip_ids: pd.Series, build: Callable[[Any], Any]) -> Read:
    listed = folder / f"{features}.json"
    if not listed.is_file():
        raise UserError(f"{listed} is not there; add {features} to params.yaml and run `dvc repro extract` first")
    settings = json.loads(listed.read_text(encoding="utf-8"))
    families, patterns = settings["families"], settings["columns"]
    framewise = [family for family, entry in families.items() if "frames_md5" in entry]
    if reads == "frames" and framewise:
        lost = [family for family in framewise if families[family]["frames_md5"] is None]
        if lost:
            raise UserError(
                f"{folder}: no frames of {lost[0]}; add a classifier that reads frames (gmm, hmm) to"
                " params.yaml and run `dvc repro extract` first"
            )
        paths, digest, unread = [folder / f"{family}.npz" for family in framewise], "frames_md5", "pooling"
        values = Values(*tables.read_sequences(paths, clip_ids, patterns))
    else:
        paths, digest, unread = [folder / f"{family}.parquet" for family in families], "md5", "sequences"
        pooled = tables.read_pooled(paths, clip_ids, patterns)
        values = Values(pooled.to_numpy(), columns=tuple(pooled.columns))
        if values.array.dtype == object:
            values = _with_words(values, families, build)
    md5 = {path.stem: families[path.stem][digest] for path in paths}
    used = {family: families[family]["settings"] for family in md5}
    probes = {family: families[family].get("probe", []) for family in md5}
    kept = {key: value for key, value in settings.items() if key != unread}
    return Read(values, kept | {"families": used}, md5, probes)


def _told(words: Words, array: np.ndarray, genre: pd.Series) -> dict[str, int]:
    """How many clips have no text, and how many texts give the genre's name away."""
    texts = array[:, words.place]
    named = [words.text.names_genre(said, of) for said, of in zip(texts, genre, strict=True)]
    return {"clips": len(texts), "without": int((texts == "").sum()), "naming_their_genre": sum(named)}


def _with_words(values: Values, families: dict[str, Any], build: Callable[[Any], Any]) -> Values:
    """The column of texts told apart from those of numbers."""
    ((name, text),) = (
        (name, made) for name, entry in families.items() if isinstance(made := build(entry["settings"]), Text)
    )
    place = next(place for place, column in enumerate(values.columns) if column.startswith(f"{name}__"))
    return replace(values, words=Words(place, text))
