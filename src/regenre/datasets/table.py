"""Clips that are rows of a table: their features come from elsewhere (family `external`), and there is no audio."""

from pathlib import Path
from typing import ClassVar

import pandas as pd

from regenre.common import tables
from regenre.common.errors import UserError
from regenre.common.kinds import strict_dataclass
from regenre.datasets.dataset import read_facts, write_facts


@strict_dataclass
class Table:
    """A table with one row per clip, without audio.

    Parameters
    ----------
    table : CSV or Parquet file with one row per clip
    key, genre : columns of the clip's name and genre; text as it stands. A clip without a genre is excluded.
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
        path = Path(self.table).expanduser()
        table = tables.read_user_table(path, [self.key, self.genre], optional=None if self.groups else self.group)
        clip_ids = table[self.key]
        _check_rows(path, clip_ids)
        if self.groups:
            group = tables.read_groups(Path(self.groups).expanduser(), clip_ids, self.group)
        else:
            group = tables.fill_groups(table[self.group], clip_ids) if self.group in table else clip_ids
        write_facts(raw, pd.DataFrame({"clip_id": clip_ids, "path": "", "genre": table[self.genre], "group": group}))
        return f"{len(clip_ids)} rows of {self.table}"

    def list_clips(self, raw: Path) -> pd.DataFrame:
        """Return one row per clip; `path` is "" for all of them."""
        return read_facts(raw)


def _check_rows(path: Path, clip_ids: pd.Series) -> None:
    """Raise `UserError` for a clip with two rows."""
    twice = clip_ids[clip_ids.duplicated()]
    if len(twice):
        raise UserError(
            f"{path}: one row for each clip expected, clip {twice.iloc[0]} has another one in row"
            f" {twice.index[0] + 1} below the header; keep one, or rename the clip"
        )
