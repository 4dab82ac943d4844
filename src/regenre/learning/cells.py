"""A cell on disk: predictions.csv, model.skops, and cell.json, which is written last.

cell.json is the record `Cell`. It holds `inputs`, the digest of everything that decides the cell (`digest`), and the
digests of its other files. A cell whose digests still match is not fitted again, so an edit costs only the cells that
it touches.
"""

import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pandas as pd
from pydantic import Field

from regenre.common import files, paths, records, tables
from regenre.common.errors import UserError
from regenre.common.kinds import Length, strict_dataclass
from regenre.common.paths import CellName
from regenre.common.settings import SearchSettings
from regenre.common.tables import FeatureSet

RECORD = "cell.json"
_FILES = ("predictions.csv", "model.skops")
_REMEDY = "run `dvc repro`"


@strict_dataclass
class FoldSizes:
    """Number of clips in each part of a fold."""

    train: int
    valid: int
    test: int


@strict_dataclass
class Search:
    """What one fit chose.

    Attributes
    ----------
    fold : number of the fold; None for the cell's model, which is fitted on all folds
    chosen : parameter -> value
    score : mean over the inner folds; None where nothing could be chosen
    inner_folds : sizes of the folds that the choice was made on
    warnings : what did not converge or could not be fitted
    """

    fold: int | None
    chosen: dict[str, Any]
    score: float | None
    inner_folds: list[FoldSizes]
    warnings: list[str]


@strict_dataclass
class TextCounts:
    """How many clips there are, how many have no text, and how many texts contain the name of their genre."""

    clips: int
    without: int
    naming_their_genre: int


@strict_dataclass
class CellPlan:
    """What is known of a cell before it is fitted.

    Attributes
    ----------
    search : of the choice of hyper-parameters
    split, classifier : the leaves
    features : the part of the feature set that the classifier reads
    index_md5 : digest of the clip table
    folds : sizes of the folds
    excluded : clip_id -> why the split leaves it out
    fitted_on : genre -> number of clips that the cell's model is fitted on
    duration_s : median length of a clip in seconds; None without audio
    texts : None for features without texts
    """

    dataset: str
    name: CellName
    seed: int
    search: SearchSettings
    split: dict[str, Any]
    classifier: dict[str, Any]
    features: FeatureSet
    index_md5: str
    folds: Annotated[list[FoldSizes], Field(min_length=1)]
    excluded: dict[str, str]
    fitted_on: dict[str, int]
    duration_s: Length | None
    texts: TextCounts | None

    @property
    def md5(self) -> dict[str, str]:
        """Digests of the files that the cell was fitted on: of the clip table, and of each family's values."""
        families = self.features.families.items()
        return {"index": self.index_md5, **{name: str(family.md5 or family.frames_md5) for name, family in families}}


@strict_dataclass
class Cell:
    """The content of cell.json.

    Attributes
    ----------
    inputs : digest of everything that decides the cell
    searches : one per fold, then the model's
    outputs : file -> digest
    """

    FORMAT: ClassVar[int] = 2

    plan: CellPlan
    inputs: str
    searches: Annotated[list[Search], Field(min_length=1)]
    outputs: dict[str, str]

    @classmethod
    def read(cls, folder: Path) -> "Cell":
        """Read cell.json in a folder.

        Raises
        ------
        UserError
            There is no cell, or another version wrote it.
        """
        return records.read_record(folder / RECORD, cls, _REMEDY)

    def write(self, folder: Path, predictions: pd.DataFrame, model: bytes) -> None:
        """Write the cell's files into a folder, emptied first; the record's `outputs` are their digests."""
        shutil.rmtree(folder, ignore_errors=True)  # a killed run may have left temporary files
        tables.write_predictions(folder / "predictions.csv", predictions)
        files.write_atomically(folder / "model.skops", lambda temporary: temporary.write_bytes(model))
        records.write_record(folder / RECORD, replace(self, outputs=_digest_files(folder)))


@strict_dataclass
class Fit:
    """When a cell was fitted; apart from the cell, which has the same bytes whenever it is fitted.

    Attributes
    ----------
    ended : seconds since 1970
    seconds : of all its fits
    """

    FORMAT: ClassVar[int] = 1

    ended: float
    seconds: float

    @classmethod
    def find(cls, inputs: str) -> "Fit | None":
        """Read the fit of the cell with these inputs; None if it was fitted in another copy of the project."""
        path = paths.locate_fit(inputs)
        return records.read_record(path, cls, f"remove {path}") if path.is_file() else None

    def write(self, inputs: str) -> None:
        """Write the fit of the cell with these inputs."""
        records.write_record(paths.locate_fit(inputs), self)


def is_current(folder: Path, plan: CellPlan, inputs: str) -> bool:
    """Return whether the cell in a folder is complete, and has this plan and these inputs."""
    try:
        cell = Cell.read(folder)
    except UserError:
        return False
    has_fits = len(cell.searches) == len(plan.folds) + 1
    return has_fits and (cell.plan, cell.inputs, cell.outputs) == (plan, inputs, _digest_files(folder))


def remove_others(folder: Path, names: Collection[str]) -> list[str]:
    """Remove everything from a folder of cells that has none of these names; return the names of what was removed."""
    others = sorted(path for path in folder.glob("*") if path.name not in names)
    for path in others:
        shutil.rmtree(path)
    return [path.name for path in others]


def _digest_files(folder: Path) -> dict[str, str]:
    return {name: files.compute_md5(folder / name) if (folder / name).is_file() else "" for name in _FILES}
