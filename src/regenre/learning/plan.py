"""The grid's plan: cells, each with its folds, its values and its tasks.

Folds are dealt once per split and features are read once per feature set, whatever the number of cells.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regenre.common import files, records, tables
from regenre.common.errors import UserError
from regenre.common.paths import CellName
from regenre.common.settings import SearchSettings
from regenre.common.tables import FamilyRecord, FeatureSet
from regenre.learning import splits
from regenre.learning.cells import CellPlan, FoldSizes, TextCounts
from regenre.learning.digest import digest_inputs
from regenre.learning.estimator import Learner
from regenre.learning.splits import Fold, Split
from regenre.learning.tasks import Task, Values
from regenre.learning.words import Words
from regenre.tabular.text import Text

Build = Callable[[Any, str, type[Any]], Any]
"""A node of the configuration with `_target_`, its file and the object's class -> the object."""


@dataclass(frozen=True)
class Deal:
    """The folds of a split.

    Attributes
    ----------
    folds : the tested folds
    fits : each fold with its inner folds; if there are several folds, then one fit on all of their clips
    excluded : clip_id -> reason
    """

    folds: list[Fold]
    fits: list[tuple[Fold, list[Fold]]]
    excluded: dict[str, str]


@dataclass(frozen=True)
class Reading:
    """A feature set as a classifier reads it: the values, and the part of the record that describes them."""

    values: Values
    features: FeatureSet


@dataclass(frozen=True)
class PlannedCell:
    """A cell that can be fitted.

    Attributes
    ----------
    plan : the part of cell.json that is known before the fit
    clips : rows of the clip table, or one row per piece
    """

    plan: CellPlan
    clips: pd.DataFrame
    deal: Deal
    learner: Learner
    values: Values

    @property
    def name(self) -> str:
        """The cell's name as text."""
        return str(self.plan.name)

    @cached_property
    def inputs(self) -> str:
        """Digest of everything that decides the cell."""
        return digest_inputs(self.plan, self.tasks)

    @cached_property
    def tasks(self) -> list[Task]:
        """One task per fit; the last one's estimator is the cell's model."""
        genre, group = (self.clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
        metric, last = self.plan.search.metric, len(self.deal.fits) - 1
        return [
            Task(self.name, self.learner, self.values, genre, group, fold, inner, metric, keep=number == last)
            for number, (fold, inner) in enumerate(self.deal.fits)
        ]


@dataclass(frozen=True)
class Planner:
    """Plans the cells of one dataset.

    Parameters
    ----------
    index : path of the clip table
    features : folder of the features
    search : of the choice of hyper-parameters
    build : how an object is built from its leaf
    """

    dataset: str
    index: Path
    features: Path
    seed: int
    search: SearchSettings
    build: Build
    _deals: dict[str, Deal] = field(default_factory=dict)
    _readings: dict[tuple[str, str, bool], Reading] = field(default_factory=dict)

    def read_from(self, features: Path) -> "Planner":
        """Return a planner with the same folds that reads other features of the same clips."""
        return replace(self, features=features, _readings={})

    def plan_cell(self, name: CellName, split: dict[str, Any], classifier: dict[str, Any]) -> PlannedCell:
        """Plan one cell.

        Parameters
        ----------
        split, classifier : their leaves

        Raises
        ------
        UserError
            The split cannot deal these clips, the feature set is missing, or a setting is wrong.
        """
        learner: Learner = self.build(classifier, f"conf/classifier/{name.classifier}.yaml", Learner)
        splitter: Split = self.build(split, f"conf/split/{name.split}.yaml", Split)
        clips = self._pieces if splitter.pieces else self._clips
        folder = self.features / tables.PIECES if splitter.pieces else self.features
        if name.split not in self._deals:
            self._deals[name.split] = self._deal(splitter, clips)
        key = (name.features, learner.reads, splitter.pieces)
        if key not in self._readings:
            self._readings[key] = _read_features(folder, name.features, learner.reads, clips["clip_id"], self.build)
        deal, reading = self._deals[name.split], self._readings[key]
        duration_s = float(clips["duration_s"].median())
        plan = CellPlan(
            dataset=self.dataset,
            name=name,
            seed=self.seed,
            search=self.search,
            split=split,
            classifier=classifier,
            features=reading.features,
            index_md5=self._index_md5,
            folds=[FoldSizes(**fold.sizes) for fold in deal.folds],
            excluded=deal.excluded,
            fitted_on=_count_genres(clips["genre"].iloc[deal.fits[-1][0].fit]),
            duration_s=None if np.isnan(duration_s) else round(duration_s, 6),
            texts=_count_texts(reading, clips["genre"], self.build),
        )
        return PlannedCell(plan, clips, deal, learner, reading.values)

    @cached_property
    def _clips(self) -> pd.DataFrame:
        return tables.select_usable(tables.read_clips(self.index))

    @cached_property
    def _pieces(self) -> pd.DataFrame:
        """The clip table with one row per piece; clip_id names the piece."""
        folder = self.features / tables.PIECES
        if not folder.is_dir():
            raise UserError(
                f"{folder} is missing; run `dvc repro extract` with this dataset, and segment_kfold, in params.yaml"
            )
        pieces = pd.read_parquet(min(folder.glob("*.parquet")), columns=["clip_id"])["clip_id"].astype(object)
        clips = self._clips.set_index("clip_id").loc[tables.strip_piece_numbers(pieces)]
        return clips.reset_index(drop=True).assign(clip_id=pieces)

    @cached_property
    def _index_md5(self) -> str:
        return files.compute_md5(self.index)

    def _deal(self, splitter: Split, clips: pd.DataFrame) -> Deal:
        folds = splitter.deal(clips)
        to_fit = folds if len(folds) == 1 else [*folds, Fold(splits.list_used(folds), splits.NOBODY)]
        fits = [(fold, splits.deal_inner(clips, fold, self.search.n_folds, self.seed)) for fold in to_fit]
        return Deal(folds, fits, splitter.list_excluded(clips))


def _read_features(folder: Path, features: str, reads: str, clip_ids: pd.Series, build: Build) -> Reading:
    remedy = f"run `dvc repro extract` with {features} in params.yaml"
    path = folder / f"{features}.json"
    record = records.read_record(path, FeatureSet, remedy)
    framewise = {name: family for name, family in record.families.items() if family.framewise}
    n_copies = record.augment.n if record.augment else 0
    folders = [folder, *(folder / tables.COPIES / features / str(number) for number in range(n_copies))]
    if reads == "frames" and framewise:
        for name, family in framewise.items():
            if family.frames_md5 is None:
                raise UserError(
                    f"{folder}: frames of {name} expected, none found; add a classifier that reads frames (gmm, hmm,"
                    " cnn) to params.yaml and run `dvc repro extract` first"
                )
        families = {name: replace(family, md5=None) for name, family in framewise.items()}
        values, *copies = (
            Values(*tables.read_sequences([own / f"{name}.npz" for name in framewise], clip_ids, record.columns))
            for own in folders
        )
        return Reading(replace(values, copies=tuple(copies)), replace(record, families=families))
    families = {name: replace(family, frames_md5=None) for name, family in record.families.items()}
    values, *copies = (
        _read_pooled([own / f"{name}.parquet" for name in record.families], clip_ids, record.columns, path)
        for own in folders
    )
    if values.array.dtype == object:
        name, text = _find_text(families, build)
        place = next(place for place, column in enumerate(values.columns) if column.startswith(f"{name}__words__"))
        words = Words(place, text.n_words, text.min_clips, tuple(text.ignored), tuple(text.worth))
        values = replace(values, words=words)
    return Reading(replace(values, copies=tuple(copies)), replace(record, families=families, sequences=None))


def _read_pooled(paths: list[Path], clip_ids: pd.Series, patterns: list[str], record: Path) -> Values:
    pooled = tables.read_pooled(paths, clip_ids, patterns, str(record))
    return Values(pooled.to_numpy(), columns=tuple(pooled.columns))


def _find_text(families: dict[str, FamilyRecord], build: Build) -> tuple[str, Text]:
    """Return the name of the family of texts, and the family."""
    target = f"{Text.__module__}.{Text.__name__}"
    name = next(name for name, family in families.items() if family.settings.get("_target_") == target)
    return name, build(families[name].settings, f"conf/family/{name}.yaml", Text)


def _count_genres(genre: pd.Series) -> dict[str, int]:
    return {str(name): int(count) for name, count in genre.value_counts().sort_index().items()}


def _count_texts(reading: Reading, genre: pd.Series, build: Build) -> TextCounts | None:
    words = reading.values.words
    if words is None:
        return None
    _, text = _find_text(reading.features.families, build)
    texts = reading.values.array[:, words.place]
    naming = sum(text.names_genre(clip_text, name) for clip_text, name in zip(texts, genre, strict=True))
    return TextCounts(len(texts), int((texts == "").sum()), naming)
