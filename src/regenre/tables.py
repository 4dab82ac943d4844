"""Tables on disk: their columns, how they are written, read and checked.

    clips        one row per clip, sorted by clip_id (Parquet)
    pooled       clip_id and float32 columns `<family>__<feature>__<statistic>` (Parquet)
    sequences    the frames of all clips, one clip after the other: values, lengths, clip_ids, names (npz)
    predictions  one row per tested clip and fold: clip_id, group, fold, actual, predicted, proba__<genre> (CSV)
    reports      the CSV files in reports/
    FeatureSet   the record of what a feature set reads: families, their settings and digests (JSON)

Every file is written under a temporary name and then renamed. Rows are sorted and floats in CSV have a fixed format,
so that the same content gives the same bytes.
"""

import fnmatch
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from pydantic import Field

from regenre import files
from regenre.errors import UserError, join_lines
from regenre.kinds import Names, strict_dataclass
from regenre.settings import AudioSettings, FrameSettings, SequenceSettings

CLIPS = ["clip_id", "path", "genre", "group", "duration_s", "sr", "channels", "md5", "status", "fault", "reason"]
PREDICTIONS = ["clip_id", "group", "fold", "actual", "predicted"]
PROBA = "proba__"
CSV_FLOAT = "%.6f"
PIECES = "pieces"  # folder of the features of pieces, below those of clips
_TEXT = ("clip_id", "related_clip_id")  # columns of text even if every value is a number or empty
_ARRAYS = ("values", "lengths", "clip_ids", "names")
_PIECE = r".*#\d+"


@strict_dataclass
class FamilyRecord:
    """One family of a feature set on disk.

    Attributes
    ----------
    settings : the family's leaf
    md5 : digest of its pooled table; None if the pooled table is not read
    framewise : whether the family describes each frame
    frames_md5 : digest of its sequences; None if they were not written or are not read
    probe : its pooled values of a fixed signal, which tell whether two programs compute the same features; empty for a
        family that is not computed from audio
    """

    settings: dict[str, Any]
    md5: str | None
    framewise: bool = False
    frames_md5: str | None = None
    probe: list[float] | None = None


@strict_dataclass
class FeatureSet:
    """What a feature set reads, and how it was computed.

    Attributes
    ----------
    families : name -> its record
    columns : patterns of the columns that the set takes
    audio, frames : settings of conf/config.yaml
    pooling : the pooling's leaf
    sequences : settings of conf/config.yaml; None where only pooled tables are read
    """

    FORMAT: ClassVar[int] = 1

    families: Annotated[dict[str, FamilyRecord], Field(min_length=1)]
    columns: Names
    audio: AudioSettings
    frames: FrameSettings
    pooling: dict[str, Any]
    sequences: SequenceSettings | None


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a CSV with six decimals."""
    files.write_atomically(
        path, lambda temporary: frame.to_csv(temporary, index=False, float_format=CSV_FLOAT, lineterminator="\n")
    )


def write_clips(path: Path, clips: pd.DataFrame) -> None:
    """Write the clip table, sorted by clip_id."""
    _check_columns(path, list(clips.columns), CLIPS)
    repeated = clips["clip_id"][clips["clip_id"].duplicated()]
    if len(repeated):
        raise UserError(
            f"clip {repeated.iloc[0]}: one clip of each name expected, {len(repeated)} names occur more than once;"
            " rename the clips"
        )
    rows = clips.sort_values("clip_id", ignore_index=True)
    files.write_atomically(path, lambda temporary: rows.to_parquet(temporary, index=False))


def read_clips(path: Path) -> pd.DataFrame:
    """Read the clip table, including the excluded clips."""
    clips = _read(path, pd.read_parquet, "run `dvc repro index`")
    _check_columns(path, list(clips.columns), CLIPS)
    return clips


def select_usable(clips: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with status ok."""
    return clips[clips["status"] == "ok"].reset_index(drop=True)


def write_pooled(path: Path, pooled: pd.DataFrame) -> None:
    """Write one family's pooled features, sorted by clip_id."""
    rows = pooled.sort_values("clip_id", ignore_index=True)
    files.write_atomically(path, lambda temporary: rows.to_parquet(temporary, index=False))


def read_pooled(paths: list[Path], clip_ids: pd.Series, patterns: Sequence[str] = ("*",)) -> pd.DataFrame:
    """Join the families' tables: one row for each of `clip_ids`, in that order, indexed by clip_id.

    Parameters
    ----------
    patterns : columns to keep; `*` stands for any text

    Raises
    ------
    UserError
        A table is missing or has no row for one of the clips, or no column matches a pattern.
    """
    tables = [_read(path, pd.read_parquet, "run `dvc repro extract`").set_index("clip_id") for path in paths]
    for path, table in zip(paths, tables, strict=True):
        missing = clip_ids[~clip_ids.isin(table.index)]
        if len(missing):
            raise UserError(
                f"clip {missing.iloc[0]}: a row in {path} expected, none found ({len(missing)} clips have none);"
                " run `dvc repro extract`"
            )
    joined = pd.concat([table.loc[clip_ids] for table in tables], axis=1)
    for pattern in patterns:
        if not fnmatch.filter(joined.columns, pattern):
            raise UserError(
                f"conf/features: a column that matches {pattern!r} expected, none found among"
                f" {', '.join(joined.columns[:5])} ...; change the pattern"
            )
    return joined.iloc[:, match_columns(list(joined.columns), patterns)]


def write_sequences(path: Path, clip_ids: pd.Series, sequences: list[np.ndarray], names: Sequence[str]) -> None:
    """Write one family's frames, a matrix of shape (n_frames, n_features) per clip."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:  # numpy would append .npz to a name
            np.savez(
                stream,
                values=np.concatenate(sequences),
                lengths=np.array([len(sequence) for sequence in sequences]),
                clip_ids=np.array(clip_ids, dtype=str),
                names=np.array(names, dtype=str),
            )

    files.write_atomically(path, write)


def read_sequences(
    paths: list[Path], clip_ids: pd.Series, patterns: Sequence[str] = ("*",)
) -> tuple[np.ndarray, np.ndarray]:
    """Join the families' frames of the clips, in the order of `clip_ids`.

    Returns
    -------
    values : float32, shape (n_frames of all clips, n_features)
    lengths : number of frames of each clip, int64, shape (n_clips,)
    """
    parts = []
    for path in paths:
        with _explain_unreadable(path, "run `dvc repro extract`"), path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            arrays = {name: archive[name] for name in _ARRAYS}
        places = pd.Index(arrays["clip_ids"]).get_indexer(pd.Index(clip_ids))
        if (places < 0).any():
            missing = clip_ids[places < 0]
            raise UserError(f"clip {missing.iloc[0]}: frames in {path} expected, none found; run `dvc repro extract`")
        names, lengths = list(arrays["names"]), arrays["lengths"]
        columns = match_columns(names, patterns)
        starts = np.cumsum(lengths) - lengths
        rows = np.concatenate([np.arange(starts[place], starts[place] + lengths[place]) for place in places])
        parts.append(arrays["values"][np.ix_(rows, np.array(columns))])
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


def strip_piece_numbers(ids: pd.Series) -> pd.Series:
    """Return the clip_id of each piece; ids of clips stay as they are."""
    are_pieces = ids.str.fullmatch(_PIECE)
    return ids.str.replace(r"#\d+$", "", regex=True) if are_pieces.all() else ids


def read_report(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read one of the tables in reports/; missing text is "".

    Raises
    ------
    UserError
        There is no such table, or it lacks one of the columns.
    """
    table = _read(path, pd.read_csv, "run `dvc repro`")
    missing = [column for column in columns if column not in table]
    if missing:
        raise UserError(f"{path}: column {missing[0]} expected, none found; run `dvc repro`")
    if table.empty:
        return table.astype(object)  # pandas cannot infer the types of empty columns
    text = [column for column in table if not pd.api.types.is_numeric_dtype(table[column]) or column in _TEXT]
    return table.assign(**{str(column): table[column].astype(object).fillna("").astype(str) for column in text})


def list_genres(predictions: pd.DataFrame) -> list[str]:
    """Return the genres of the probability columns, in column order."""
    return [name.removeprefix(PROBA) for name in predictions.columns if name.startswith(PROBA)]


def match_columns(columns: Sequence[str], patterns: Sequence[str]) -> list[int]:
    """Return the places of the columns that match any of the patterns, in column order."""
    matches = {column for pattern in patterns for column in fnmatch.filter(columns, pattern)}
    return [place for place, column in enumerate(columns) if column in matches]


def _read(path: Path, read: Callable[..., pd.DataFrame], remedy: str, **options: Any) -> pd.DataFrame:
    with _explain_unreadable(path, remedy):
        return read(path, **options)


@contextmanager
def _explain_unreadable(path: Path, remedy: str) -> Iterator[None]:
    """Raise `UserError` if a file is missing or is not what its name says."""
    if not path.is_file():
        raise UserError(f"{path} is missing; {remedy} first")
    try:
        yield
    except (
        ValueError,
        OSError,
        BadZipFile,
        IndexError,
        KeyError,
        EOFError,
    ) as error:  # pyarrow's errors are ValueErrors too
        reason = join_lines(str(error))
        raise UserError(f"{path}: a table expected, but it cannot be read ({reason}); {remedy}") from error


def _check_columns(path: Path, columns: list[str], expected: list[str]) -> None:
    if columns != expected:
        raise UserError(
            f"{path}: columns {expected} expected, {columns} found; another version wrote it, run `dvc repro -f`"
        )
