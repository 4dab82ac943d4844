"""Clip table -> folds: who is trained on, who chooses, who is tested.

A split is a frozen dataclass (a leaf of `conf/split/`) with

    folds     clip table of usable clips -> list of `Fold`
    excluded  clip table -> the clips that the split leaves out, with the reason

Conventions: indices are row positions in the table given; `train`, `valid` and `test` of a fold are
disjoint. Only `train` and `valid` may choose anything; `test` is read once.
"""

import warnings
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from regenre.errors import UserError

_SEEDS_TRIED = 100
_REMEDY = "add clips by others, or use fewer folds (n_folds in conf/split)"
NOBODY = np.array([], dtype=np.intp)


@dataclass(frozen=True, eq=False)
class Fold:
    """Row positions of one fold. `fit` is what the final fit sees: train and valid together."""

    train: np.ndarray
    test: np.ndarray
    valid: np.ndarray = field(default_factory=lambda: NOBODY)

    @property
    def fit(self) -> np.ndarray:
        """Train and valid, in table order."""
        return np.sort(np.concatenate([self.train, self.valid]))

    @property
    def sizes(self) -> dict[str, int]:
        """Number of clips in each part."""
        return {part: len(getattr(self, part)) for part in ("train", "valid", "test")}


class Split(Protocol):
    """What every split offers.

    Attributes
    ----------
    pieces : whether it deals pieces of clips (`extraction.pieces`) instead of clips
    """

    pieces: ClassVar[bool]

    def folds(self, clips: pd.DataFrame) -> list[Fold]:
        """The folds of a table of usable clips."""
        ...

    def excluded(self, clips: pd.DataFrame) -> dict[str, str]:
        """clip_id -> reason, for usable clips that this split leaves out."""
        ...


@dataclass(frozen=True)
class StratifiedKFolds:
    """Each genre dealt evenly over the folds, clips at random: artists and replicas leak.

    What most published GTZAN numbers use; here to show the inflation, not to be believed.

    Parameters
    ----------
    n_folds : number of folds
    seed : of the shuffle
    """

    n_folds: int
    seed: int

    pieces: ClassVar[bool] = False

    def folds(self, clips: pd.DataFrame) -> list[Fold]:
        """`n_folds` folds; every clip is tested once."""
        counts = clips["genre"].value_counts().sort_index()
        if counts.min() < self.n_folds:
            raise UserError(
                f"genre {counts.idxmin()}: {self.n_folds} folds need at least {self.n_folds} clips a genre,"
                f" {counts.min()} found; use fewer folds (split.n_folds=...) or add clips"
            )
        splitter = StratifiedKFold(self.n_folds, shuffle=True, random_state=self.seed)
        return [Fold(train, test) for train, test in splitter.split(clips, clips["genre"])]

    def excluded(self, clips: pd.DataFrame) -> dict[str, str]:
        """Nobody."""
        return {}


@dataclass(frozen=True)
class SegmentKFolds(StratifiedKFolds):
    """As `StratifiedKFolds`, with pieces of clips dealt as if they were clips: a song is in training and test.

    A usual way to "augment" GTZAN (the Kaggle copy ships 3-second features); here to show what it claims.
    """

    pieces: ClassVar[bool] = True


@dataclass(frozen=True)
class GroupedKFolds:
    """As `StratifiedKFolds`, but no group (artist, recording, replica) is on both sides of a fold.

    A genre whose clips are all of one group cannot be tested so: it is trained on, never tested, and
    its clips are listed as left out. The shuffle's seed is the first from `seed` on whose folds train
    on every genre that they test; genres and groups alone decide that, no feature and no score.

    Parameters
    ----------
    n_folds : number of folds
    seed : of the shuffle
    """

    n_folds: int
    seed: int

    pieces: ClassVar[bool] = False

    def folds(self, clips: pd.DataFrame) -> list[Fold]:
        """`n_folds` folds; every clip of a genre with at least two groups is tested once."""
        testable = np.flatnonzero(~clips["clip_id"].isin(self.excluded(clips)))
        tested = clips.iloc[testable]
        clips_a_genre, n_groups = tested["genre"].value_counts(), tested["group"].nunique()
        lacking = None
        if n_groups < self.n_folds:
            lacking = f"at least {self.n_folds} groups in genres of two groups and more, {n_groups} found"
        elif len(clips_a_genre) < 2:
            lacking = f"two genres of two groups and more, {len(clips_a_genre)} found"
        elif clips_a_genre.max() < self.n_folds:
            lacking = f"a genre with at least {self.n_folds} clips, {clips_a_genre.max()} at most found"
        if lacking:
            raise UserError(f"{self.n_folds} folds need {lacking}; {_REMEDY}")
        for seed in range(self.seed, self.seed + _SEEDS_TRIED):
            splitter = StratifiedGroupKFold(self.n_folds, shuffle=True, random_state=seed)
            with warnings.catch_warnings(action="ignore", category=UserWarning):  # fewer clips than folds in a genre
                parts = [test for _, test in splitter.split(tested, tested["genre"], tested["group"])]
            folds = [_against_all_others(clips, testable[part]) for part in parts]
            if all(set(tested["genre"]) <= set(clips["genre"].iloc[fold.train]) for fold in folds):
                return folds
        raise UserError(f"no deal of {n_groups} groups into {self.n_folds} folds trains on every genre; {_REMEDY}")

    def excluded(self, clips: pd.DataFrame) -> dict[str, str]:
        """The clips of genres that have one group only."""
        alone = clips[clips.groupby("genre")["group"].transform("nunique") < 2]
        return {
            str(row.clip_id): f"all clips of {row.genre} are of one group ({row.group}): trained on, never tested"
            for row in alone.itertuples()
        }


@dataclass(frozen=True)
class FaultFiltered:
    """GTZAN's published split without faults and with no artist on two sides.

    C. Kereliuk, B. L. Sturm and J. Larsen, "Deep Learning and Music Adversaries", IEEE Transactions
    on Multimedia 17(11), 2015. 443 train, 197 valid, 290 test clips; the other 70 are left out.

    Parameters
    ----------
    train, valid, test : genre -> ranges of clip numbers, e.g. `{"blues": "29-49 73-97"}`
    test_on : "test"; or "valid", to fit on train alone and test on valid where the test clips are not at hand
    """

    train: dict[str, str]
    valid: dict[str, str]
    test: dict[str, str]
    test_on: str = "test"

    pieces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.test_on not in ("test", "valid"):
            raise TypeError(f"test_on: test or valid expected, {self.test_on!r} found")

    def folds(self, clips: pd.DataFrame) -> list[Fold]:
        """One fold."""
        part = self._part(clips)
        train, valid, test = (np.flatnonzero(part == name) for name in ("train", "valid", "test"))
        fold = Fold(train, test, valid) if self.test_on == "test" else Fold(train, valid)
        remedy = "fault_filtered is made for all of GTZAN (dataset=gtzan): take grouped_kfold here"
        _check_genres(clips, fold.fit, "the published parts to train on hold no clip of", remedy)
        _check_genres(clips, fold.test, f"the published {self.test_on} part holds no clip of", remedy)
        return [fold]

    def excluded(self, clips: pd.DataFrame) -> dict[str, str]:
        """GTZAN's replicas, mislabelled and distorted clips, and what keeps artists apart."""
        part = self._part(clips).to_numpy()
        unread = dict.fromkeys(clips["clip_id"][part == "test"], "of the test part, which this split does not read")
        left_out = dict.fromkeys(clips["clip_id"][part == ""], "not in the published fault-filtered split")
        return left_out if self.test_on == "test" else left_out | unread

    def _part(self, clips: pd.DataFrame) -> pd.Series:
        parts = {
            f"{genre}.{number:05d}": name
            for name in ("train", "valid", "test")
            for genre, ranges in getattr(self, name).items()
            for number in _numbers(ranges)
        }
        return clips["clip_id"].map(parts).fillna("")


def _numbers(ranges: str) -> list[int]:
    """`"0-2 5"` -> [0, 1, 2, 5]."""
    bounds = [part.partition("-") for part in str(ranges).split()]
    return [number for first, _, last in bounds for number in range(int(first), int(last or first) + 1)]


def used(folds: list[Fold]) -> np.ndarray:
    """The rows that are in any part of any fold, in table order."""
    return np.unique(np.concatenate([rows for fold in folds for rows in (fold.fit, fold.test)]))


def inner(clips: pd.DataFrame, fold: Fold, n_folds: int, seed: int) -> list[Fold]:
    """Folds to choose hyper-parameters by: the fold's valid part where it has one, or else grouped folds of its train.

    Parameters
    ----------
    clips : the table that `fold` counts in
    n_folds : fewer where there are fewer groups

    Returns
    -------
    folds whose positions count in `fold.fit`; none where no two groups share a genre, so that nothing can be chosen
    """
    rows = fold.fit
    if len(fold.valid):
        return [Fold(np.searchsorted(rows, fold.train), np.searchsorted(rows, fold.valid))]
    fitted_on = clips.iloc[rows]
    for fewer in range(n_folds, 1, -1):
        try:
            return GroupedKFolds(fewer, seed).folds(fitted_on)
        except UserError:
            continue
    return []


def _against_all_others(clips: pd.DataFrame, test: np.ndarray) -> Fold:
    """Test these rows; train on every clip of another group."""
    return Fold(np.flatnonzero(~clips["group"].isin(clips["group"].iloc[test])), test)


def _check_genres(clips: pd.DataFrame, rows: np.ndarray, complaint: str, remedy: str) -> None:
    lost = sorted(set(clips["genre"]) - set(clips["genre"].iloc[rows]))
    if lost:
        raise UserError(f"{complaint} {', '.join(lost)}; {remedy}")
