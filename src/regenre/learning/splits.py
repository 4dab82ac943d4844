"""Splits of a clip table into folds of training, validation and test clips.

A split is a frozen dataclass (a leaf of `conf/split/`) with the methods `deal` and `list_excluded` of `Split`.

Conventions: indices are row positions in the clip table. `train`, `valid` and `test` of a fold are disjoint. Models and
their settings are chosen on `train` and `valid` only; `test` is used once, for the final scores.

    Fold              row positions of one fold
    Split             protocol of a split
    StratifiedKFolds  random clips, genres balanced
    SegmentKFolds     random pieces of clips, genres balanced
    GroupedKFolds     genres balanced, each group on one side of a fold
    FaultFiltered     GTZAN's published split without faults
    Official          the split that was published with the dataset (FMA)
    list_used         rows that are in any fold
    add_copies        the fold in which copies of clips are trained on too
    deal_inner        folds inside the training clips, for the search of hyper-parameters
    NOBODY            no rows
"""

import warnings
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from regenre.common.errors import UserError
from regenre.common.kinds import FoldCount, Seed, strict_dataclass
from regenre.common.tables import PART

_MAX_SEEDS = 100
_REMEDY = "add clips of other groups, or use fewer folds (n_folds in conf/split)"
NOBODY = np.array([], dtype=np.intp)


@dataclass(frozen=True, eq=False)
class Fold:
    """Row positions of one fold.

    Attributes
    ----------
    train, test, valid : row positions of the training, test and validation clips; `valid` may be empty
    """

    train: np.ndarray
    test: np.ndarray
    valid: np.ndarray = field(default_factory=lambda: NOBODY)

    @property
    def fit(self) -> np.ndarray:
        """Rows of the final fit: train and valid, in table order."""
        return np.sort(np.concatenate([self.train, self.valid]))

    @property
    def sizes(self) -> dict[str, int]:
        """Number of clips in train, valid and test."""
        return {part: len(getattr(self, part)) for part in ("train", "valid", "test")}


@runtime_checkable
class Split(Protocol):
    """Protocol of a split.

    Attributes
    ----------
    pieces : whether the rows are pieces of clips instead of clips
    """

    pieces: ClassVar[bool]

    def deal(self, clips: pd.DataFrame) -> list[Fold]:
        """Return the folds of a table of usable clips."""
        ...

    def list_excluded(self, clips: pd.DataFrame) -> dict[str, str]:
        """Return the usable clips that are never tested or not used at all, as clip_id -> reason."""
        ...


@strict_dataclass
class StratifiedKFolds:
    """Random split with balanced genres: artists and replicas leak from training to test.

    Most published GTZAN scores use such a split. It is here to show how much it inflates them.

    Parameters
    ----------
    n_folds : number of folds
    seed : seed of the shuffle
    """

    n_folds: FoldCount
    seed: Seed

    pieces: ClassVar[bool] = False

    def deal(self, clips: pd.DataFrame) -> list[Fold]:
        """Return `n_folds` folds; every clip is tested once.

        Raises
        ------
        UserError
            A genre has fewer clips than there are folds.
        """
        counts = clips["genre"].value_counts().sort_index()
        if counts.min() < self.n_folds:
            raise UserError(
                f"genre {counts.idxmin()}: {self.n_folds} folds need at least {self.n_folds} clips per genre,"
                f" {counts.min()} found; use fewer folds (split.n_folds=...) or add clips"
            )
        splitter = StratifiedKFold(self.n_folds, shuffle=True, random_state=self.seed)
        return [Fold(train, test) for train, test in splitter.split(clips, clips["genre"])]

    def list_excluded(self, clips: pd.DataFrame) -> dict[str, str]:
        """Return an empty dict: this split uses every clip."""
        return {}


@strict_dataclass
class SegmentKFolds(StratifiedKFolds):
    """`StratifiedKFolds` of pieces of clips: pieces of one song are in training and in test.

    GTZAN is often "augmented" in this way (the Kaggle copy contains features of 3-second pieces). The split is here to
    show how much that inflates the scores.
    """

    pieces: ClassVar[bool] = True


@strict_dataclass
class GroupedKFolds:
    """Random split with balanced genres where no group (artist, recording, replica) is in training and in test.

    A genre whose clips are all of one group cannot be tested. Its clips are in training only, and `list_excluded`
    lists them. The seed of the shuffle is the first one, counted from `seed`, whose folds train on every genre that
    they test. This choice depends on genres and groups only, never on features or scores.

    Parameters
    ----------
    n_folds : number of folds
    seed : first seed of the shuffle
    """

    n_folds: FoldCount
    seed: Seed

    pieces: ClassVar[bool] = False

    def deal(self, clips: pd.DataFrame) -> list[Fold]:
        """Return `n_folds` folds; every clip of a genre with at least two groups is tested once.

        Raises
        ------
        UserError
            There are too few groups, genres or clips for so many folds.
        """
        rows = np.flatnonzero(~clips["clip_id"].isin(self.list_excluded(clips)))
        candidates = clips.iloc[rows]
        clips_per_genre, n_groups = candidates["genre"].value_counts(), candidates["group"].nunique()
        need = None
        if n_groups < self.n_folds:
            need = f"at least {self.n_folds} groups in genres with two or more groups, {n_groups} found"
        elif len(clips_per_genre) < 2:
            need = f"two genres with two or more groups, {len(clips_per_genre)} found"
        elif clips_per_genre.max() < self.n_folds:
            need = f"a genre with at least {self.n_folds} clips, at most {clips_per_genre.max()} found"
        if need:
            raise UserError(f"{self.n_folds} folds need {need}; {_REMEDY}")
        for seed in range(self.seed, self.seed + _MAX_SEEDS):
            splitter = StratifiedGroupKFold(self.n_folds, shuffle=True, random_state=seed)
            with warnings.catch_warnings(action="ignore", category=UserWarning):  # fewer clips than folds in a genre
                tests = [test for _, test in splitter.split(candidates, candidates["genre"], candidates["group"])]
            folds = [_make_fold(clips, rows[test]) for test in tests]
            if all(set(candidates["genre"]) <= set(clips["genre"].iloc[fold.train]) for fold in folds):
                return folds
        raise UserError(
            f"{self.n_folds} folds of {n_groups} groups: every genre expected in training, none of {_MAX_SEEDS} random"
            f" splits has that; {_REMEDY}"
        )

    def list_excluded(self, clips: pd.DataFrame) -> dict[str, str]:
        """Return the clips of genres that have only one group: they are in training, but never tested."""
        single_group = clips[clips.groupby("genre")["group"].transform("nunique") < 2]
        return {
            str(row.clip_id): f"all clips of {row.genre} are of one group ({row.group}): trained on, never tested"
            for row in single_group.itertuples()
        }


@strict_dataclass
class FaultFiltered:
    """GTZAN's published split without faulty clips and with no artist both in training and in test.

    C. Kereliuk, B. L. Sturm and J. Larsen, "Deep Learning and Music Adversaries", IEEE Transactions
    on Multimedia 17(11), 2015. It has 443 train, 197 valid and 290 test clips; the other 70 are not used.

    Parameters
    ----------
    train, valid, test : genre -> ranges of clip numbers, e.g. `{"blues": "29-49 73-97"}`
    test_on : "test"; or "valid", to fit on train only and test on valid if the test clips are not available
    """

    train: dict[str, str]
    valid: dict[str, str]
    test: dict[str, str]
    test_on: Literal["test", "valid"] = "test"

    pieces: ClassVar[bool] = False

    def deal(self, clips: pd.DataFrame) -> list[Fold]:
        """Return one fold.

        Raises
        ------
        UserError
            A genre has no clip in the parts to fit on, or none in the part to test on.
        """
        remedy = "fault_filtered needs all of GTZAN (dataset=gtzan); use grouped_kfold here"
        return _deal_parts(clips, self._find_parts(clips), self.test_on, remedy)

    def list_excluded(self, clips: pd.DataFrame) -> dict[str, str]:
        """Return the clips that are not in the published split, and the test part if it is not used.

        The published split leaves out replicas, mislabelled and distorted clips, and clips of artists that would be
        in two parts.
        """
        part = self._find_parts(clips).to_numpy()
        unpublished = dict.fromkeys(clips["clip_id"][part == ""], "not in the published fault-filtered split")
        if self.test_on == "test":
            return unpublished
        return unpublished | dict.fromkeys(
            clips["clip_id"][part == "test"], "of the test part, which this split does not read"
        )

    def _find_parts(self, clips: pd.DataFrame) -> pd.Series:
        """Return the published part of each clip; "" for a clip in none."""
        part_by_clip = {
            f"{genre}.{number:05d}": name
            for name in ("train", "valid", "test")
            for genre, ranges in getattr(self, name).items()
            for number in _parse_ranges(ranges)
        }
        return clips["clip_id"].map(part_by_clip).fillna("")


@strict_dataclass
class Official:
    """The split that was published with the dataset: the column `tables.PART` of its clip table.

    FMA's has four fifths of the clips of each genre in train and a tenth each in valid and in test, and no artist in
    two parts (M. Defferrard, K. Benzi, P. Vandergheynst and X. Bresson, "FMA: A Dataset for Music Analysis", ISMIR
    2017). Recordings that the audit finds in two parts stay there, as published.
    """

    pieces: ClassVar[bool] = False

    def deal(self, clips: pd.DataFrame) -> list[Fold]:
        """Return one fold, whose valid part chooses the settings.

        Raises
        ------
        UserError
            The dataset has no published split, or a genre has no clip in a part.
        """
        remedy = "official needs a dataset with a published split (fma_small, fma_medium, fma_large), whole; use"
        return _deal_parts(clips, _get_parts(clips), "test", f"{remedy} grouped_kfold here")

    def list_excluded(self, clips: pd.DataFrame) -> dict[str, str]:
        """Return the clips that are in no part."""
        return dict.fromkeys(clips["clip_id"][_get_parts(clips) == ""], "in no part of the published split")


def _get_parts(clips: pd.DataFrame) -> pd.Series:
    return clips[PART] if PART in clips else pd.Series("", clips.index)


def _deal_parts(clips: pd.DataFrame, part: pd.Series, test_on: str, remedy: str) -> list[Fold]:
    """Return the fold of a published split, which has clips of every genre to fit on and to test on."""
    train, valid, test = (np.flatnonzero(part == name) for name in ("train", "valid", "test"))
    fold = Fold(train, test, valid) if test_on == "test" else Fold(train, valid)
    _check_genres(clips, fold.fit, "the published training part has no clip of", remedy)
    _check_genres(clips, fold.test, f"the published {test_on} part has no clip of", remedy)
    return [fold]


def _parse_ranges(ranges: str) -> list[int]:
    """Parse ranges of clip numbers, e.g. `"0-2 5"` -> [0, 1, 2, 5]."""
    bounds = [text.partition("-") for text in str(ranges).split()]
    return [number for first, _, last in bounds for number in range(int(first), int(last or first) + 1)]


def list_used(folds: list[Fold]) -> np.ndarray:
    """Return the rows that are in any fold, in table order."""
    return np.unique(np.concatenate([rows for fold in folds for rows in (fold.fit, fold.test)]))


def add_copies(fold: Fold, n_clips: int, n_copies: int) -> Fold:
    """Return the fold in which changed copies of the clips are fitted on too; tested are clips alone.

    Row k * n_clips + i is copy k of clip i. So a copy is on its clip's side, and with it on its group's.
    """
    train, valid = (
        np.concatenate([rows + number * n_clips for number in range(1 + n_copies)]) for rows in (fold.train, fold.valid)
    )
    return Fold(train, fold.test, valid)


def deal_inner(clips: pd.DataFrame, fold: Fold, n_folds: int, seed: int) -> list[Fold]:
    """Return the folds for the search of hyper-parameters.

    If the fold has a valid part, there is one inner fold, which is tested on it. Otherwise the inner folds are
    `GroupedKFolds` of the training clips.

    Parameters
    ----------
    clips : clip table of `fold`
    fold : the outer fold
    n_folds : maximum number of inner folds; with fewer groups there are fewer
    seed : seed of the shuffle

    Returns
    -------
    folds of positions in `fold.fit`; an empty list if the training clips have too few groups for two folds
    """
    rows = fold.fit
    if len(fold.valid):
        return [Fold(np.searchsorted(rows, fold.train), np.searchsorted(rows, fold.valid))]
    candidates = clips.iloc[rows]
    for n_inner in range(n_folds, 1, -1):
        try:
            return GroupedKFolds(n_inner, seed).deal(candidates)
        except UserError:
            continue
    return []


def _make_fold(clips: pd.DataFrame, test: np.ndarray) -> Fold:
    """Return the fold that tests these rows and trains on every clip of the other groups."""
    return Fold(np.flatnonzero(~clips["group"].isin(clips["group"].iloc[test])), test)


def _check_genres(clips: pd.DataFrame, rows: np.ndarray, problem: str, remedy: str) -> None:
    missing = sorted(set(clips["genre"]) - set(clips["genre"].iloc[rows]))
    if missing:
        raise UserError(f"{problem} {', '.join(missing)}; {remedy}")
