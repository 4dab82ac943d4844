"""Tables on disk: their columns, how they are written, read and checked.

    clips        one row per clip, sorted by clip_id (Parquet); with `PART` if the dataset has a published split
    pooled       clip_id and float32 columns `<family>__<feature>__<statistic>` (Parquet)
    sequences    the frames of all clips, one clip after the other: values, lengths, clip_ids, names (npz)
    predictions  one row per tested clip and fold: clip_id, group, fold, actual, predicted, proba__<genre> (CSV)
    reports      the CSV files in reports/
    user tables  CSV or Parquet files that users wrote: they can be wrong in any way (`read_user_table`)
    FeatureSet   the record of what a feature set reads: families, their settings and digests (JSON)

Every file is written under a temporary name and then renamed. Rows are sorted and floats in CSV have a fixed format,
so that the same content gives the same bytes.
"""

import csv
import fnmatch
import os
import re
import reprlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from zipfile import BadZipFile, ZipFile

import numpy as np
import pandas as pd
from pydantic import Field

from regenre.common import files
from regenre.common.errors import UserError, join_lines
from regenre.common.kinds import Count, Names, strict_dataclass
from regenre.common.settings import AudioSettings, FrameSettings, SequenceSettings

CLIPS = ["clip_id", "path", "genre", "group", "duration_s", "sr", "channels", "md5", "status", "fault", "reason"]
PREDICTIONS = ["clip_id", "group", "fold", "actual", "predicted"]
PART = "part"  # of the clip table of a dataset with a published split: train, valid, test or ""
PROBA = "proba__"
CSV_FLOAT = "%.6f"
PIECES, COPIES = "pieces", "copies"  # folders of the features of pieces and of changed copies, below those of clips
_TEXT = (  # columns of the reports that hold names: a class may be called 01, true or nan
    "clip_id", "related_clip_id", "genre", "suspected_genre", "dataset", "split", "honest_split", "features",
    "best_features", "classifier", "best_classifier", "finding", "fault", "reason", "of", "pretrained_on",
    "deformation", "worst_genre", "predicted_genre", "of_genre",
)  # fmt: skip
_ARRAYS = ("lengths", "clip_ids", "names")
USER_SUFFIXES = (".csv", ".parquet")
_MAX_COLUMNS = 100_000  # of a user's table; each becomes a column in Parquet
_MOST_NAMES = 5  # columns in a message


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
    pretrained_on : what its network was trained on, "" if nobody has stated it; None for a family without a network
    """

    settings: dict[str, Any]
    md5: str | None
    framewise: bool = False
    frames_md5: str | None = None
    probe: list[float] | None = None
    pretrained_on: str | None = None


@strict_dataclass
class CopiesRecord:
    """Changed copies of every clip, which a fold's training reads beside its clips: how many, and their leaves."""

    n: Count
    deformations: dict[str, dict[str, Any]]


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
    augment : the copies; None without
    """

    FORMAT: ClassVar[int] = 2

    families: Annotated[dict[str, FamilyRecord], Field(min_length=1)]
    columns: Names
    audio: AudioSettings
    frames: FrameSettings
    pooling: dict[str, Any]
    sequences: SequenceSettings | None
    augment: CopiesRecord | None = None

    @property
    def pretrained_on(self) -> str:
        """What each network whose columns the set takes was trained on, in words; "" without networks."""
        networks = {
            name: record.pretrained_on
            for name, record in self.families.items()
            if any(fnmatch.fnmatchcase(name, pattern.partition("__")[0]) for pattern in self.columns)
        }
        return "; ".join(
            f"{name}: {data or 'data that nobody has stated'}" for name, data in networks.items() if data is not None
        )


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a CSV with six decimals."""
    files.write_text(path, format_csv(frame))


def format_csv(frame: pd.DataFrame, header: bool = True) -> str:
    """Return a table as CSV with six decimals."""
    texts = frame.select_dtypes(exclude="number")
    names = [*map(str, frame.columns), *(str(value) for column in texts for value in texts[column])]
    breaks = any("\r" in name for name in names)
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if breaks else csv.QUOTE_MINIMAL  # pandas does not quote a lone \r
    return frame.to_csv(index=False, header=header, float_format=CSV_FLOAT, lineterminator="\n", quoting=quoting)


def write_clips(path: Path, clips: pd.DataFrame) -> None:
    """Write the clip table, sorted by clip_id."""
    _check_columns(path, [name for name in clips.columns if name != PART], CLIPS)
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
    clips = read_file(path, pd.read_parquet, "run `dvc repro index`")
    _check_columns(path, [name for name in clips.columns if name != PART], CLIPS)
    return clips


def select_usable(clips: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with status ok."""
    return clips[clips["status"] == "ok"].reset_index(drop=True)


def write_pooled(path: Path, pooled: pd.DataFrame) -> None:
    """Write one family's pooled features, sorted by clip_id."""
    rows = pooled.sort_values("clip_id", ignore_index=True)
    files.write_atomically(path, lambda temporary: rows.to_parquet(temporary, index=False))


def read_pooled(
    paths: list[Path], clip_ids: pd.Series, patterns: Sequence[str] = ("*",), where: str = "conf/features"
) -> pd.DataFrame:
    """Join the families' tables: one row for each of `clip_ids`, in that order, indexed by clip_id.

    Parameters
    ----------
    patterns : columns to keep; `*` stands for any text
    where : the file that has the patterns, for errors

    Raises
    ------
    UserError
        A table is missing or has no row for one of the clips, or no column matches a pattern.
    """
    tables = [read_file(path, pd.read_parquet, "run `dvc repro extract`").set_index("clip_id") for path in paths]
    for path, table in zip(paths, tables, strict=True):
        missing = clip_ids[~clip_ids.isin(table.index)]
        if len(missing):
            raise UserError(
                f"clip {missing.iloc[0]}: a row in {path} expected, none found ({len(missing)} clips have none);"
                " run `dvc repro extract`"
            )
    joined = pd.concat([table.loc[clip_ids] for table in tables], axis=1)
    columns = list(joined.columns)
    check_patterns(columns, patterns, where)
    return joined.iloc[:, match_columns(columns, patterns)]


def write_sequences(path: Path, clip_ids: pd.Series, sequences: list[np.ndarray], names: Sequence[str]) -> None:
    """Write one family's frames, a matrix of shape (n_frames, n_features) per clip."""
    order: Literal["C", "F"] = "C" if all(sequence.flags.c_contiguous for sequence in sequences) else "F"
    shape = (sum(map(len, sequences)), len(names))

    def write(temporary: Path) -> None:
        # numpy would append .npz to a name
        with temporary.open("wb") as stream, tempfile.TemporaryFile(dir=temporary.parent) as scratch:
            values = np.memmap(scratch, sequences[0].dtype, "w+", shape=shape, order=order)  # may be larger than memory
            np.savez(
                stream,
                values=np.concatenate(sequences, out=values),
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
            values = _map_member(path, "values.npy")
        places = pd.Index(arrays["clip_ids"]).get_indexer(pd.Index(clip_ids))
        if (places < 0).any():
            missing = clip_ids[places < 0]
            raise UserError(f"clip {missing.iloc[0]}: frames in {path} expected, none found; run `dvc repro extract`")
        lengths, columns = arrays["lengths"], match_columns(list(arrays["names"]), patterns)
        starts = np.cumsum(lengths) - lengths
        rows = np.concatenate([np.arange(starts[place], starts[place] + lengths[place]) for place in places])
        parts.append(np.asarray(values[np.ix_(rows, np.array(columns, dtype=np.intp))]))
    if not any(part.shape[1] for part in parts):
        raise UserError(
            f"conf/features: columns of frames, such as {arrays['names'][0]}, expected, none found that match"
            f" {', '.join(patterns)}; frames have no statistic: end a pattern with *, or take another classifier"
        )
    return np.concatenate(parts, axis=1), lengths[places].astype(np.int64)


def _map_member(path: Path, name: str) -> np.ndarray:
    """Return an array of a .npz file without compression, as a memory map."""
    with ZipFile(path) as archive, path.open("rb") as stream:
        stream.seek(archive.getinfo(name).header_offset + 26)  # PKWARE's APPNOTE, 4.3.7: the local header
        sizes = [int.from_bytes(stream.read(2), "little") for _ in range(2)]
        stream.seek(sum(sizes), os.SEEK_CUR)
        np.lib.format.read_magic(stream)
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        if dtype.hasobject:
            raise ValueError("Object arrays are refused: they could run code")
        return np.memmap(stream, dtype, "r", stream.tell(), shape, "F" if is_fortran else "C")


def write_predictions(path: Path, predictions: pd.DataFrame) -> None:
    """Write predictions, sorted by fold and clip_id."""
    _check_columns(path, [name for name in predictions.columns if not name.startswith(PROBA)], PREDICTIONS)
    write_csv(path, predictions.sort_values(["fold", "clip_id"], ignore_index=True))


def read_predictions(path: Path) -> pd.DataFrame:
    """Read predictions."""
    predictions = read_file(
        path,
        pd.read_csv,
        "run `dvc repro`",
        dtype=dict.fromkeys(["clip_id", "group", "actual", "predicted"], str),
        keep_default_na=False,
        lineterminator="\n",  # a name may contain the other line break
    )
    _check_columns(path, [name for name in predictions.columns if not name.startswith(PROBA)], PREDICTIONS)
    if predictions.empty or predictions["clip_id"].duplicated().any():
        raise UserError(f"{path}: one row for each tested clip expected, none or several found; run `dvc repro`")
    return predictions


def strip_piece_numbers(ids: pd.Series) -> pd.Series:
    """Return the clip_id of each piece. A clip may be called `song#1`: pass ids of pieces only."""
    return ids.str.replace(r"#[0-9]+\Z", "", regex=True)


def read_report(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read one of the tables in reports/; missing text is "". The name of a column decides whether it holds text.

    Each `'` that `reporting.escaping.escape_sheet` put before a line of a text is removed.

    Raises
    ------
    UserError
        There is no such table, or it lacks one of the columns.
    """
    table = read_file(path, _read_names_as_text, "run `dvc repro`")
    missing = [column for column in columns if column not in table]
    if missing:
        raise UserError(f"{path}: column {missing[0]} expected, none found; run `dvc repro`")
    if table.empty:
        return table.astype(object)  # pandas cannot infer the types of empty columns
    text = [column for column in table if not pd.api.types.is_numeric_dtype(table[column]) or column in _TEXT]
    texts = {str(column): table[column].astype(object).fillna("").astype(str) for column in text}
    return table.assign(**{name: values.map(_restore_formula) for name, values in texts.items()})


def _restore_formula(value: str) -> str:
    return re.sub(r"(\A|[\r\n])'", r"\1", value)


def _read_names_as_text(path: Path) -> pd.DataFrame:
    numbers = [str(column) for column in pd.read_csv(path, nrows=0) if column not in _TEXT]
    return pd.read_csv(
        path,
        dtype=dict.fromkeys(_TEXT, str),
        keep_default_na=False,
        na_values={column: [""] for column in numbers},
    )


def list_user_tables(source: Path) -> list[Path]:
    """Return the CSV and Parquet files of a folder in the order of their names; of any other path, the path itself."""
    if not source.is_dir():
        return [source]
    return sorted(path for path in source.iterdir() if path.suffix.lower() in USER_SUFFIXES)


def read_user_table(
    path: Path, texts: Sequence[str], optional: str | None = None, others: bool = False
) -> pd.DataFrame:
    """Read a CSV or Parquet table that a user wrote.

    Text is text as it stands: `007`, `1e2`, `NA` and `true` are names. Only an empty cell is "". In Parquet, a number
    in a column of text becomes its shortest text: 7, not 7.0.

    Parameters
    ----------
    texts : columns of text that the table must have; the first names the clip and has no empty cell
    optional : a column of text that the table may have
    others : whether to return all other columns too, of numbers if they hold nothing else

    Raises
    ------
    UserError
        There is no such file, or it has another format; it is not UTF-8; rows have different lengths; a quote does not
        end; a column is missing or occurs twice; there is no row; a row does not name its clip.
    """
    if not path.is_file() or path.suffix.lower() not in USER_SUFFIXES:
        raise UserError(
            f"{path}: a CSV or Parquet file expected with {_name_columns(texts)}, none found; put one there, or change"
            " the setting that names it"
        )
    read_user = _read_user_csv if path.suffix.lower() == ".csv" else _read_user_parquet
    table = read_user(path, list(dict.fromkeys(texts)), [optional] if optional else [], others)
    if table.empty:
        raise UserError(f"{path}: rows expected below the header, none found; add a row for each clip")
    unnamed = np.flatnonzero(is_blank(table[texts[0]]))
    if len(unnamed):
        raise UserError(
            f"{path}: the name of a clip expected in column {texts[0]}, none found in row {unnamed[0] + 1} below the"
            " header; fill it in or remove the row"
        )
    return table


def read_groups(path: Path, clip_ids: pd.Series, column: str = "group") -> pd.Series:
    """Read a user's table of groups: the group of each of `clip_ids`, or the clip itself if it has none.

    Raises
    ------
    UserError
        The table cannot be read, names a clip that does not exist, or has two groups for a clip.
    """
    table = read_user_table(path, ["clip_id", column]).drop_duplicates()
    unknown = table["clip_id"][~table["clip_id"].isin(clip_ids)]
    if len(unknown):
        raise UserError(
            f"{path}: a clip of the dataset expected, such as {clip_ids.iloc[0]}, {unknown.iloc[0]} found; correct its"
            f" name or remove the row (rows of unknown clips: {len(unknown)})"
        )
    rows = table[table["clip_id"].duplicated(keep=False)]
    if len(rows):
        clip_id = rows["clip_id"].iloc[0]
        first, second, *_ = rows[column][rows["clip_id"] == clip_id]
        raise UserError(f"{path}: clip {clip_id}: one group expected, {first!r} and {second!r} found; keep one")
    return fill_groups(clip_ids.map(table.set_index("clip_id")[column]), clip_ids)


def fill_groups(groups: pd.Series, clip_ids: pd.Series) -> pd.Series:
    """Return the groups, and the clip itself where there is none: only an empty cell means that it is unknown."""
    groups = groups.astype(object).fillna("")
    return groups.where(~is_blank(groups), clip_ids).astype(object)


def is_blank(texts: pd.Series) -> pd.Series:
    """Return whether each text is empty or white space."""
    return texts.str.strip() == ""


def list_genres(predictions: pd.DataFrame) -> list[str]:
    """Return the genres of the probability columns, in column order."""
    return [name.removeprefix(PROBA) for name in predictions.columns if name.startswith(PROBA)]


def match_columns(columns: Sequence[str], patterns: Sequence[str]) -> list[int]:
    """Return the places of the columns that match any of the patterns, in column order."""
    matches = {column for pattern in patterns for column in fnmatch.filter(columns, pattern)}
    return [place for place, column in enumerate(columns) if column in matches]


def check_patterns(columns: Sequence[str], patterns: Sequence[str], where: str) -> None:
    """Raise `UserError` if a pattern of a feature set matches no column; `where` is the file that has the patterns."""
    for pattern in patterns:
        if not fnmatch.filter(columns, pattern):
            raise UserError(
                f"{where}: a column that matches {pattern!r} expected, none found among {', '.join(columns[:5])} ...;"
                " change `columns` of the feature set in conf/features and run `dvc repro extract`"
            )


def _read_user_csv(path: Path, texts: list[str], optional: list[str], others: bool) -> pd.DataFrame:
    # csv, because pandas fills short rows, takes the first column of long ones for an index, and strips some blanks
    csv.field_size_limit(2**31 - 1)  # of characters; a text may be long
    start = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream, strict=True)
            header = next((row for row in rows if row), [])
            _check_user_columns(path, header, texts, optional, others)
            columns = {name: header.index(name) for name in [*texts, *optional] if name in header}
            cells: dict[str, list[str]] = {name: [] for name in columns}
            start = rows.line_num + 1
            for row in rows:
                if row and len(row) != len(header):
                    raise UserError(
                        f"{path}: {len(header)} values expected in each row, as in the header, {len(row)} found in line"
                        f" {start}; complete the row, or put quotes around a text with a comma"
                    )
                for name, place in columns.items() if row else ():
                    cells[name].append(row[place])
                start = rows.line_num + 1
    except UnicodeDecodeError as error:
        line, byte = _find_wrong_byte(path)
        raise UserError(
            f"{path}: UTF-8 expected, byte 0x{byte:02x} found in line {line}; save the table as CSV in UTF-8"
        ) from error
    except csv.Error as error:
        raise UserError(
            f"{path}: CSV expected, but the row that begins in line {start} cannot be read ({error}); close its quotes,"
            ' and write "" for a quote inside a text'
        ) from error
    table = pd.DataFrame(cells, dtype=object)
    places = [place for place, name in enumerate(header) if name not in columns]
    if not others or not places or table.empty:
        return table
    values = pd.read_csv(path, encoding="utf-8-sig", usecols=places, index_col=False, low_memory=False)
    values.columns = pd.Index([header[place] for place in places])  # pandas renames columns without a name
    return pd.concat([table, values], axis=1)


def _find_wrong_byte(path: Path) -> tuple[int, int]:
    """Return the line and the value of the first byte that is not UTF-8."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return number, line[error.start]
    raise ValueError(f"{path} is UTF-8")


def _read_user_parquet(path: Path, texts: list[str], optional: list[str], others: bool) -> pd.DataFrame:
    with _explain_unreadable(path, "export it again"):
        table = pd.read_parquet(path, dtype_backend="pyarrow")  # numpy's integers become floats if a value is missing
    if set(table.index.names) & {*texts, *optional}:
        table = table.reset_index()
    header = [str(name) for name in table.columns]
    _check_user_columns(path, header, texts, optional, others)
    table = table.set_axis(header, axis=1).reset_index(drop=True)
    names = [name for name in [*texts, *optional] if name in header]
    with _explain_unreadable(path, f"write text in {_name_columns(names)}"):
        cells = {name: _convert_to_text(table[name]) for name in names}
    return table.assign(**cells) if others else pd.DataFrame(cells)


def _convert_to_text(values: pd.Series) -> pd.Series:
    if pd.api.types.is_float_dtype(values):  # pandas writes whole numbers as 7.0 if one of them is missing
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return pd.Series(
            ["" if np.isnan(number) else str(number).removesuffix(".0") for number in numbers], dtype=object
        )
    return values.astype("string").fillna("").astype(object)


def _check_user_columns(path: Path, header: list[str], texts: list[str], optional: list[str], others: bool) -> None:
    """Raise `UserError` if there are too many columns, one is missing, or one of those that are read occurs twice."""
    if len(header) > _MAX_COLUMNS:
        raise UserError(
            f"{path}: at most {_MAX_COLUMNS} columns expected, {len(header)} found; write one row, not one column, for"
            " each clip"
        )
    if not set(texts) <= set(header):
        remedy = "rename the columns, or change the setting that names them"
        if len(header) == 1 and len(texts) > 1:
            remedy = "separate the columns by commas"
        content = _name_columns(header) if header else "an empty file"
        raise UserError(f"{path}: a UTF-8 table with {_name_columns(texts)} expected, {content} found; {remedy}")
    counts = pd.Series(header).value_counts()
    twice = [name for name in counts.index[counts > 1] if others or name in [*texts, *optional]]
    if twice:
        raise UserError(f"{path}: one column {twice[0]!r} expected, {counts[twice[0]]} found; remove or rename one")


def _name_columns(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"column{'s' * (len(names) > 1)} {', '.join(map(reprlib.repr, names[:_MOST_NAMES]))}{more}"


def read_file(path: Path, read: Callable[..., pd.DataFrame], remedy: str, **options: Any) -> pd.DataFrame:
    """Read a table; one that is missing or broken is a `UserError` that names the remedy."""
    with _explain_unreadable(path, remedy):
        return read(path, **options)


@contextmanager
def _explain_unreadable(path: Path, remedy: str) -> Iterator[None]:
    """Raise `UserError` if a file is missing or is not what its name says."""
    if not path.is_file():
        raise UserError(f"{path} is missing; {remedy} first")
    try:
        yield
    except (ValueError, OSError, BadZipFile, IndexError, KeyError, EOFError) as error:  # pyarrow's are ValueErrors
        reason = join_lines(str(error))
        raise UserError(f"{path}: a table expected, but it cannot be read ({reason}); {remedy}") from error


def _check_columns(path: Path, columns: list[str], expected: list[str]) -> None:
    if columns != expected:
        raise UserError(
            f"{path}: columns {expected} expected, {columns} found; another version wrote it, run `dvc repro -f`"
        )
