"""Clips that are rows of a table: features are given (family `external`), audio is not."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from regenre.datasets import CLIP_FACTS
from regenre.errors import UserError

CLIPS = "clips.csv"
_READ: dict[str, Callable[..., pd.DataFrame]] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}


@dataclass(frozen=True)
class Table:
    """A clip per row, no audio.

    Parameters
    ----------
    table : CSV or Parquet with a column that names the clip and one that names its genre
    key, genre : those columns
    groups : CSV or Parquet with columns clip_id and `group`; None: the table's own column `group` where it has one.
        A clip without a group, or with an empty one, is a group of its own.
    group : that column
    """

    table: str | None = None
    key: str = "clip_id"
    genre: str = "genre"
    groups: str | None = None
    group: str = "group"

    audio: ClassVar[bool] = False

    def download(self, raw: Path) -> str:
        """Write the clips' names, genres and groups into `raw`."""
        if self.table is None:
            raise UserError(
                "dataset table: no table given; set `table:` in conf/dataset/table.yaml or pass dataset.table=/path.csv"
            )
        given = _read(self.table, self.key, self.genre)
        clips = pd.DataFrame({"clip_id": given[self.key].astype(str), "genre": given[self.genre].astype(str)})
        named = (
            _read(self.groups, "clip_id", self.group) if self.groups else given.rename(columns={self.key: "clip_id"})
        )
        if self.group in named:
            groups = named.astype({"clip_id": str}).drop_duplicates("clip_id").set_index("clip_id")[self.group]
            clips["group"] = clips["clip_id"].map(groups)
        else:
            clips["group"] = None
        clips.to_csv(raw / CLIPS, index=False)
        return f"{len(clips)} rows of {self.table}"

    def clips(self, raw: Path) -> pd.DataFrame:
        """A clip per row."""
        clips = pd.read_csv(raw / CLIPS, dtype=str, keep_default_na=False)
        group = clips["group"].where(clips["group"] != "", clips["clip_id"])
        return clips.assign(path="", group=group)[CLIP_FACTS].astype(object)


def _read(table: str, *columns: str) -> pd.DataFrame:
    path = Path(table).expanduser()
    if not path.is_file() or path.suffix not in _READ:
        raise UserError(f"dataset table: a CSV or Parquet file expected at {path}, none found")
    given = _READ[path.suffix](path)
    lost = [column for column in columns if column not in given]
    if lost:
        raise UserError(f"{path}: column {lost[0]} expected, {', '.join(map(str, given.columns[:5]))} ... found")
    empty = given[given[list(columns[:1])].isna().any(axis=1)]
    if len(empty):
        raise UserError(f"{path}: row {empty.index[0] + 1} names no clip")
    return given
