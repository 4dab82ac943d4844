"""Features from elsewhere: Kaggle's columns, embeddings, what a text or a transcription yields."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from regenre.errors import UserError

_READ: dict[str, Callable[[Path], pd.DataFrame]] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
_SUFFIX = r"\.(?:wav|au|flac|mp3|ogg)$"


@dataclass(frozen=True)
class External:
    """Tables keyed by clip_id, joined; the columns are `<table>_<column>`, or `<column>` if there is one table.

    Not computed from audio and so not a `Family`: `table` takes the place of frames and pooling.

    Parameters
    ----------
    tables : a CSV or Parquet file, or a folder of them
    key : the column that holds the clip_id, with or without an audio file's suffix
    ignored : columns that are no features: labels, names
    """

    tables: str
    key: str = "clip_id"
    ignored: Sequence[str] = ()

    def table(self, name: str, clips: pd.DataFrame, raw: Path) -> pd.DataFrame:
        """clip_id and a float32 column `<name>__<column>__clip` a feature, a row a clip in their order.

        Raises
        ------
        UserError
            There is no table, or in one of them: no key column, a clip without or with two rows, a feature that is
            text, or a value that is missing or infinite.
        """
        clip_ids = clips["clip_id"]
        source = Path(self.tables).expanduser()
        paths = sorted(path for path in source.glob("*") if path.suffix in _READ) if source.is_dir() else [source]
        if not paths or not all(path.is_file() and path.suffix in _READ for path in paths):
            raise UserError(
                f"family {name}: a CSV or Parquet table keyed by clip_id expected at {source}, none found;"
                f" put one there or set `tables:` in conf/family/{name}.yaml"
            )
        parts = [
            self._features(path, clip_ids).add_prefix("" if len(paths) == 1 else f"{path.stem}_") for path in paths
        ]
        values = pd.concat(parts, axis=1).add_prefix(f"{name}__").add_suffix("__clip").astype(np.float32)
        return pd.concat([clip_ids.reset_index(drop=True), values.reset_index(drop=True)], axis=1)

    def _features(self, path: Path, clip_ids: pd.Series) -> pd.DataFrame:
        given = _READ[path.suffix](path)
        if self.key not in given:
            raise UserError(f"{path}: column {self.key} expected, {', '.join(map(str, given.columns[:5]))} ... found")
        keys = given[self.key].astype(str)
        keys = keys.where(keys.isin(clip_ids), keys.str.replace(_SUFFIX, "", regex=True))
        given = given.set_index(keys).drop(columns=[self.key, *self.ignored], errors="ignore")
        twice = given.index[given.index.duplicated()]
        if len(twice):
            raise UserError(f"{path}: clip {twice[0]} has more than one row; keep one")
        lost = clip_ids[~clip_ids.isin(given.index)]
        if len(lost):
            raise UserError(f"{path}: clip {lost.iloc[0]} has no row ({len(lost)} clips have none); add them")
        text = [str(column) for column in given.columns if not pd.api.types.is_numeric_dtype(given[column])]
        if text:
            raise UserError(f"{path}: column {text[0]} is not a number; name it under `ignored:` if it is no feature")
        rows = given.loc[clip_ids]
        rows.columns = rows.columns.astype(str).str.replace("__", "_")
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and said
            bad = ~np.isfinite(rows.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise UserError(
                f"{path}: clip {clip_ids.iloc[row]}: a finite number expected in column {rows.columns[column]},"
                f" {rows.iloc[row, column]} found"
            )
        return rows
