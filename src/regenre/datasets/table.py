"""Clips that are rows of a table: their features come from elsewhere (family `external`), and there is no audio."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pandas as pd

from regenre.datasets.dataset import CLIP_FACTS
from regenre.errors import UserError
from regenre.kinds import strict_dataclass

CLIPS = "clips.csv"
_READERS: dict[str, Callable[..., pd.DataFrame]] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}


@strict_dataclass
class Table:
    """A table with one row per clip, without audio.

    Parameters
    ----------
    table : CSV or Parquet file with one row per clip
    key, genre : columns of the clip's name and genre
    groups : CSV or Parquet file with the columns clip_id and `group`; None for the column `group` of the table
        itself, if it exists. A clip without a group, or with an empty one, is a group of its own.
    group : column of the group
    """

    table: str | None = None
    key: str = "clip_id"
    genre: str = "genre"
    groups: str | None = None
    group: str = "group"

    audio: ClassVar[bool] = False

    def download(self, raw: Path) -> str:
        """Write the names, genres and groups of the clips into `raw`."""
        if self.table is None:
            raise UserError(
                "dataset table: no table given; set `table:` in conf/dataset/table.yaml or pass dataset.table=/path.csv"
            )
        table = _read_table(self.table, self.key, self.genre)
        clips = pd.DataFrame({"clip_id": table[self.key].astype(str), "genre": table[self.genre].astype(str)})
        if self.groups:
            group_table = _read_table(self.groups, "clip_id", self.group)
        else:
            group_table = table.rename(columns={self.key: "clip_id"})
        if self.group in group_table:
            groups = group_table.astype({"clip_id": str}).drop_duplicates("clip_id").set_index("clip_id")[self.group]
            clips["group"] = clips["clip_id"].map(groups)
        else:
            clips["group"] = None
        clips.to_csv(raw / CLIPS, index=False)
        return f"{len(clips)} rows of {self.table}"

    def list_clips(self, raw: Path) -> pd.DataFrame:
        """Return one row per clip; `path` is "" for all of them."""
        clips = pd.read_csv(raw / CLIPS, dtype=str, keep_default_na=False)
        group = clips["group"].where(clips["group"] != "", clips["clip_id"])
        return clips.assign(path="", group=group)[CLIP_FACTS].astype(object)


def _read_table(table: str, *columns: str) -> pd.DataFrame:
    """Read a CSV or Parquet file and check that it has the columns; the first of them names the clip."""
    path = Path(table).expanduser()
    if not path.is_file() or path.suffix not in _READERS:
        raise UserError(f"dataset table: a CSV or Parquet file expected at {path}, none found")
    rows = _READERS[path.suffix](path)
    missing = [column for column in columns if column not in rows]
    if missing:
        raise UserError(f"{path}: column {missing[0]} expected, {', '.join(map(str, rows.columns[:5]))} ... found")
    unnamed = rows[rows[list(columns[:1])].isna().any(axis=1)]
    if len(unnamed):
        raise UserError(
            f"{path}: a clip's name expected in column {columns[0]}, none found in row {unnamed.index[0] + 1};"
            " fill it in or remove the row"
        )
    return rows
