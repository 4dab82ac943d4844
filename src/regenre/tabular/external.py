"""Features from tables, not from audio: Kaggle's columns, embeddings, features of lyrics or transcriptions.

External  a family that reads its features from CSV or Parquet files
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from regenre.errors import UserError
from regenre.kinds import strict_dataclass

_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
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
            There is no table. Or a table lacks the key column, lacks a clip, has two rows for a clip, has text in a
            feature, or has a value that is missing or infinite.
        """
        clip_ids = clips["clip_id"]
        source = Path(self.tables).expanduser()
        paths = sorted(path for path in source.glob("*") if path.suffix in _READERS) if source.is_dir() else [source]
        if not paths or not all(path.is_file() and path.suffix in _READERS for path in paths):
            raise UserError(
                f"family {name}: a CSV or Parquet table keyed by clip_id expected at {source}, none found;"
                f" put one there or set `tables:` in conf/family/{name}.yaml"
            )
        tables = [
            self._read_features(path, clip_ids).add_prefix("" if len(paths) == 1 else f"{path.stem}_") for path in paths
        ]
        values = pd.concat(tables, axis=1).add_prefix(f"{name}__").add_suffix("__clip").astype(np.float32)
        return pd.concat([clip_ids.reset_index(drop=True), values.reset_index(drop=True)], axis=1)

    def _read_features(self, path: Path, clip_ids: pd.Series) -> pd.DataFrame:
        table = _READERS[path.suffix](path)
        if self.key not in table:
            raise UserError(
                f"{path}: column {self.key} expected, {', '.join(map(str, table.columns[:5]))} ... found; rename the"
                " column with the clip_ids, or set `key:` to its name"
            )
        keys = table[self.key].astype(str)
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
        text = [str(column) for column in table.columns if not pd.api.types.is_numeric_dtype(table[column])]
        if text:
            raise UserError(
                f"{path}: numbers expected in column {text[0]}, text found; list it under `ignored:` if it is not a"
                " feature"
            )
        rows = table.loc[clip_ids]
        rows.columns = rows.columns.astype(str).str.replace("__", "_")
        with np.errstate(over="ignore"):  # a value beyond float32 becomes infinite, which is an error below
            bad = ~np.isfinite(rows.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise UserError(
                f"{path}: clip {clip_ids.iloc[row]}: a finite number expected in column {rows.columns[column]},"
                f" {rows.iloc[row, column]} found; correct it or remove the column"
            )
        return rows
