"""The column contract of every table on disk: read, write, check.

    clips        a row a clip, sorted by clip_id (parquet)
    pooled       clip_id and float32 columns `<family>__<feature>__<statistic>` (parquet)
    sequences    frames of all clips, one after the other: values, lengths, clip_ids, names (npz)
    predictions  a row a tested clip and fold: clip_id, group, fold, actual, predicted, proba__<genre> (CSV)

Every file is written under a temporary name in its own folder and then renamed, so that a reader
never meets half a file. Rows are sorted and floats in CSV have a fixed format, so that the same
content is the same bytes.
"""

import fnmatch
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regenre.errors import UserError

CLIPS = ["clip_id", "path", "genre", "group", "duration_s", "sr", "channels", "md5", "status", "fault", "reason"]
PREDICTIONS = ["clip_id", "group", "fold", "actual", "predicted"]
PROBA = "proba__"
CSV_FLOAT = "%.6f"
PIECES = "pieces"  # folder of a dataset's features, of the pieces of its clips
_TEXT = ("clip_id", "related_clip_id")  # though every one be a number, or empty
_PIECE = r".*#\d+"


def atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Call `write` with a temporary path beside `path`, then rename; on any failure leave nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text."""
    atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, content: object) -> None:
    """Write JSON with sorted keys."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a CSV with six decimals."""
    atomically(
        path, lambda temporary: frame.to_csv(temporary, index=False, float_format=CSV_FLOAT, lineterminator="\n")
    )


def write_clips(path: Path, clips: pd.DataFrame) -> None:
    """Write the clip table, sorted by clip_id."""
    _check_columns(path, list(clips.columns), CLIPS)
    repeated = clips["clip_id"][clips["clip_id"].duplicated()]
    if len(repeated):
        raise UserError(
            f"clip {repeated.iloc[0]}: {len(repeated)} clip names occur more than once;"
            " give each clip a name of its own"
        )
    rows = clips.sort_values("clip_id", ignore_index=True)
    atomically(path, lambda temporary: rows.to_parquet(temporary, index=False))


def read_clips(path: Path) -> pd.DataFrame:
    """Read the clip table, excluded clips and all."""
    clips = _read(path, pd.read_parquet, "run `dvc repro index`")
    _check_columns(path, list(clips.columns), CLIPS)
    return clips


def usable(clips: pd.DataFrame) -> pd.DataFrame:
    """The rows whose status is ok."""
    return clips[clips["status"] == "ok"].reset_index(drop=True)


def write_pooled(path: Path, pooled: pd.DataFrame) -> None:
    """Write one family's pooled features, sorted by clip_id."""
    rows = pooled.sort_values("clip_id", ignore_index=True)
    atomically(path, lambda temporary: rows.to_parquet(temporary, index=False))


def read_pooled(paths: list[Path], clip_ids: pd.Series, patterns: Sequence[str] = ("*",)) -> pd.DataFrame:
    """Join the families' tables, a row for each of `clip_ids` in that order, indexed by clip_id.

    Parameters
    ----------
    patterns : the columns to keep, `*` standing for any text

    Raises
    ------
    UserError
        A table is not there, or has no row for one of the clips, or no column fits a pattern.
    """
    tables = [_read(path, pd.read_parquet, "run `dvc repro extract`").set_index("clip_id") for path in paths]
    for path, table in zip(paths, tables, strict=True):
        lost = clip_ids[~clip_ids.isin(table.index)]
        if len(lost):
            raise UserError(
                f"clip {lost.iloc[0]}: no features in {path} ({len(lost)} clips are not there); run `dvc repro extract`"
            )
    joined = pd.concat([table.loc[clip_ids] for table in tables], axis=1)
    for pattern in patterns:
        if not fnmatch.filter(joined.columns, pattern):
            raise UserError(f"conf/features: no column fits {pattern!r}; there are {', '.join(joined.columns[:5])} ...")
    return joined.iloc[:, fitting(list(joined.columns), patterns)]


def write_sequences(path: Path, clip_ids: pd.Series, sequences: list[np.ndarray], names: Sequence[str]) -> None:
    """Write one family's frames, a matrix (n_frames, n_features) a clip."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:  # a name would get .npz put behind it
            np.savez(
                stream,
                values=np.concatenate(sequences),
                lengths=np.array([len(sequence) for sequence in sequences]),
                clip_ids=np.array(clip_ids, dtype=str),
                names=np.array(names, dtype=str),
            )

    atomically(path, write)


def read_sequences(
    paths: list[Path], clip_ids: pd.Series, patterns: Sequence[str] = ("*",)
) -> tuple[np.ndarray, np.ndarray]:
    """Join the families' frames of the clips, in the order of `clip_ids`.

    Returns
    -------
    values : float32, shape (n_frames of all clips, n_features)
    lengths : frames a clip, int64, shape (n_clips,)
    """
    parts = []
    for path in paths:
        with np.load(path) as stored:
            places = pd.Index(stored["clip_ids"]).get_indexer(pd.Index(clip_ids))
            if (places < 0).any():
                lost = clip_ids[places < 0]
                raise UserError(f"clip {lost.iloc[0]}: no frames in {path}; run `dvc repro extract`")
            names, lengths = list(stored["names"]), stored["lengths"]
            kept = fitting(names, patterns)
            starts = np.cumsum(lengths) - lengths
            rows = np.concatenate([np.arange(starts[place], starts[place] + lengths[place]) for place in places])
            parts.append(stored["values"][np.ix_(rows, np.array(kept))])
    return np.concatenate(parts, axis=1), lengths[places].astype(np.int64)


def write_predictions(path: Path, predictions: pd.DataFrame) -> None:
    """Write predictions, sorted by fold and clip_id."""
    _check_columns(path, [name for name in predictions.columns if not name.startswith(PROBA)], PREDICTIONS)
    write_csv(path, predictions.sort_values(["fold", "clip_id"], ignore_index=True))


def read_predictions(path: Path) -> pd.DataFrame:
    """Read predictions."""
    predictions = _read(
        path,
        pd.read_csv,
        "run `dvc repro`",
        dtype=dict.fromkeys(["clip_id", "group", "actual", "predicted"], str),
        keep_default_na=False,
    )
    _check_columns(path, [name for name in predictions.columns if not name.startswith(PROBA)], PREDICTIONS)
    return predictions


def clips_of_pieces(ids: pd.Series) -> pd.Series:
    """The clip that each piece is of; ids that are no pieces stay as they are."""
    pieces = ids.str.fullmatch(_PIECE)
    return ids.str.replace(r"#\d+$", "", regex=True) if pieces.all() else ids


def read_report(path: Path) -> pd.DataFrame:
    """Read one of the tables in reports/; empty cells of text are ""."""
    table = _read(path, pd.read_csv, "run `dvc repro`")
    if table.empty:
        return table.astype(object)  # of no column can be told what it would hold
    text = [column for column in table if not pd.api.types.is_numeric_dtype(table[column]) or column in _TEXT]
    return table.assign(**{str(column): table[column].astype(object).fillna("").astype(str) for column in text})


def genres_of(predictions: pd.DataFrame) -> list[str]:
    """The genres that the probabilities name, sorted as they stand."""
    return [name.removeprefix(PROBA) for name in predictions.columns if name.startswith(PROBA)]


def fitting(columns: Sequence[str], patterns: Sequence[str]) -> list[int]:
    """Places of the columns that fit any of the patterns, in their own order."""
    kept = {column for pattern in patterns for column in fnmatch.filter(columns, pattern)}
    return [place for place, column in enumerate(columns) if column in kept]


def _read(path: Path, read: Callable[..., pd.DataFrame], remedy: str, **options: Any) -> pd.DataFrame:
    if not path.is_file():
        raise UserError(f"{path} is not there; {remedy} first")
    return read(path, **options)


def _check_columns(path: Path, found: list[str], expected: list[str]) -> None:
    if found != expected:
        raise UserError(
            f"{path}: columns {expected} expected, {found} found; it was written by another version, run `dvc repro -f`"
        )
