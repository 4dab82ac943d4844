"""Fitted estimators on disk, without pickle (skops), the same bytes for the same model.

skops numbers objects by their address and stamps files with the time; both are replaced here, so
that a re-run is byte-identical. Loading runs no code from the file: only the listed types are built.
"""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import skops.io

from regenre.errors import UserError

TRUSTED = ("sklearn.", "numpy.", "hmmlearn.", "regenre.", "scipy.")
_ADDRESS = re.compile(r'(?<="__id__": )\d+|(?<!\d)\d+(?=\.np[yz]\b)')
_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that zip can say


def dumps(estimator: Any) -> bytes:
    """A fitted estimator as the bytes of a file."""
    return _canonical(skops.io.dumps(estimator))


def load(path: Path) -> Any:
    """Read what `dumps` made.

    Raises
    ------
    UserError
        The file holds a type from outside scikit-learn, numpy, scipy, hmmlearn and regenre.
    """
    if not path.is_file():
        raise UserError(f"model {path} is not there; run `dvc repro` first")
    types = skops.io.get_untrusted_types(file=path)
    strange = [name for name in types if not name.startswith(TRUSTED)]
    if strange:
        raise UserError(
            f"model {path}: only types of {', '.join(TRUSTED)} are loaded,"
            f" it holds {strange[0]}; do not trust this file"
        )
    return skops.io.load(path, trusted=types)


def _canonical(content: bytes) -> bytes:
    """The same archive with addresses numbered in order of appearance and without times."""
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return numbers.setdefault(match[0], str(len(numbers)))

    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target:
        schema = _ADDRESS.sub(number, source.read(_SCHEMA).decode())
        members = {_ADDRESS.sub(number, name): source.read(name) for name in source.namelist() if name != _SCHEMA}
        for name, member in sorted(members.items() | {(_SCHEMA, schema.encode())}):
            target.writestr(zipfile.ZipInfo(name, _EPOCH), member, zipfile.ZIP_DEFLATED)
    return result.getvalue()
