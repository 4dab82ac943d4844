"""Records on disk: a frozen dataclass as a JSON file with a format number.

    write_record  dataclass -> file
    read_record   file -> dataclass; a file that is not such a record is a `UserError`

A record's class has a class variable `FORMAT`. Raise it when a field changes its meaning: files of another format are
refused with the number that was expected and the one that was found.
"""

import json
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from regenre.common import files
from regenre.common.errors import UserError
from regenre.common.kinds import explain_invalid


class Record(Protocol):
    """A dataclass with a format number."""

    FORMAT: ClassVar[int]


R = TypeVar("R", bound=Record)


def write_record(path: Path, record: Record) -> None:
    """Write a record as JSON with sorted keys."""
    files.write_json(path, {"format": record.FORMAT} | convert_to_plain(record))


def convert_to_plain(record: object) -> dict[str, Any]:
    """Return a dataclass as dictionaries, lists, text and numbers."""
    plain: dict[str, Any] = TypeAdapter(type(record)).dump_python(record, mode="json")
    return plain


def read_record(path: Path, kind: type[R], remedy: str) -> R:
    """Read a record.

    Parameters
    ----------
    kind : class of the record
    remedy : what the user can do if the file is missing or wrong, e.g. "run `dvc repro`"

    Raises
    ------
    UserError
        There is no file, or it is not JSON, has another format number, lacks a field, or a field has another type.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; {remedy} first")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: JSON expected, but it cannot be read ({error}); {remedy}") from error
    number = content.pop("format", None) if isinstance(content, dict) else None
    if number != kind.FORMAT or isinstance(number, bool):
        raise UserError(
            f"{path}: format {kind.FORMAT} expected, {'no format' if number is None else repr(number)} found;"
            f" another version wrote it, {remedy}"
        )
    try:
        record: R = TypeAdapter(kind).validate_json(json.dumps(content), strict=True)  # "1" is no number
    except ValidationError as error:
        raise UserError(f"{path}: {explain_invalid(error)}; {remedy}") from error
    return record
