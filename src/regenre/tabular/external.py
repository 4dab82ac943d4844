"""Features from tables, not from audio: Kaggle's columns, embeddings, features of lyrics or transcriptions.

External  a family that reads its features from CSV or Parquet files
"""

import reprlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from regenre.common import tables
from regenre.common.errors import UserError
from regenre.common.kinds import strict_dataclass

_SUFFIX = r"\.(?:wav|au|flac|mp3|ogg)$"


@strict_dataclass
class External:
    """Tables keyed by clip_id, joined side by side.

    A column is called `<table>_<column>`, or `<column>` if there is only one table. The family is not computed from
    audio and thus not a `Family`: `read_table` takes the place of frames and pooling.

    Parameters
    ----------
    tables : path of a CSV or Parquet file, or of a folder of them
    key : column with the clip_id, with or without the suffix of an audio file
    ignored : columns that are not features, such as labels and names
    """

    tables: str
    key: str
    ignored: Sequence[str]

    def read_table(self, name: str, clips: pd.DataFrame, raw: Path) -> pd.DataFrame:
        """Read the features of the clips.

        Parameters
        ----------
        name : of the family
        clips : clip table with the column clip_id
        raw : folder of the dataset; not used

        Returns
        -------
        table with clip_id and one float32 column `<name>__<column>__clip` per feature, one row per clip in the
        order of `clips`

        Raises
        ------
        UserError
            There is no table, or it cannot be read. It lacks a clip or has two rows for one. It has no feature, or a
            feature without a name. Two features have the same name. A value is text, missing or infinite.
        """
        clip_ids = clips["clip_id"]
        source = Path(self.tables).expanduser()
        paths = tables.list_user_tables(source)
        if not paths or not all(path.is_file() for path in paths):
            raise UserError(
                f"family {name}: a CSV or Parquet table keyed by clip_id expected at {source}, none found;"
                f" put one there or set `tables:` in conf/family/{name}.yaml"
            )
        remedy = f"mend it, or add the column to `ignored:` in conf/family/{name}.yaml"
        parts = [
            self._read_features(path, clip_ids, remedy).add_prefix("" if len(paths) == 1 else f"{path.stem}_")
            for path in paths
        ]
        values = pd.concat(parts, axis=1)
        values.columns = values.columns.str.replace(r"__+", "_", regex=True)  # `__` ends the name of the family
        twice = values.columns[values.columns.duplicated()]
        if len(twice):
            raise UserError(f"{source}: two columns would be called {name}__{twice[0]}; rename one of them")
        values = values.add_prefix(f"{name}__").add_suffix("__clip").astype(np.float32)
        return pd.concat([clip_ids.reset_index(drop=True), values.reset_index(drop=True)], axis=1)

    def _read_features(self, path: Path, clip_ids: pd.Series, remedy: str) -> pd.DataFrame:
        """Read the features of the clips, in their order."""
        table = tables.read_user_table(path, [self.key], others=True)
        keys = table[self.key]
        keys = keys.where(keys.isin(clip_ids), keys.str.replace(_SUFFIX, "", regex=True))
        table = table.set_index(keys).drop(columns=[self.key, *self.ignored], errors="ignore")
        duplicates = table.index[table.index.duplicated()]
        if len(duplicates):
            raise UserError(f"{path}: clip {duplicates[0]} has more than one row; keep one")
        missing = clip_ids[~clip_ids.isin(table.index)]
        if len(missing):
            raise UserError(
                f"{path}: clip {missing.iloc[0]} has no row (clips without a row: {len(missing)}); add them"
            )
        if not len(table.columns):
            raise UserError(f"{path}: a column of features beside {self.key} expected, none found; add one")
        if "" in table:  # often the numbers of the rows, which tell genres apart in a sorted table
            raise UserError(f"{path}: a name expected for each column, one without a name found; name or remove it")
        rows = table.loc[clip_ids]
        numbers = _convert_to_numbers(rows)
        with np.errstate(over="ignore"):  # a value beyond float32 becomes infinite, which is an error below
            bad = ~np.isfinite(numbers.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32))
        if bad.any():
            column = int(bad.any(axis=0).argmax())
            row = int(bad[:, column].argmax())
            value: object = rows.iloc[row, column]
            raise UserError(
                f"{path}: clip {clip_ids.iloc[row]}: a finite number expected in column {rows.columns[column]},"
                f" {reprlib.repr(value) if isinstance(value, str) else value} found (such cells in this column:"
                f" {bad[:, column].sum()}, columns with such cells: {bad.any(axis=0).sum()}); {remedy}"
            )
        return numbers


def _convert_to_numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return numbers, NaN for what is none: a column of text may hold numbers alone in these rows."""
    rows = rows.astype({column: float for column, dtype in rows.dtypes.items() if pd.api.types.is_bool_dtype(dtype)})
    text = [column for column, dtype in rows.dtypes.items() if not pd.api.types.is_numeric_dtype(dtype)]
    return rows.assign(**{str(name): pd.to_numeric(rows[name].astype(str), errors="coerce") for name in text})
