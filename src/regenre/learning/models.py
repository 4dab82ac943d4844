"""Fitted estimators as files of skops: no pickle, and the same bytes for the same model.

skops numbers objects by their memory address and stores the time of writing. Both are replaced here, so that a second
run writes identical bytes. Loading runs no code from the file: it builds objects of trusted types only.

    dump_model  estimator -> content of a file
    load_model  file -> estimator
    TRUSTED     packages whose types may be loaded
"""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

from regenre.errors import UserError

TRUSTED = ("sklearn.", "numpy.", "hmmlearn.", "regenre.", "scipy.")
_ADDRESS = re.compile(r'(?<="__id__": )\d+|(?<!\d)\d+(?=\.np[yz]\b)')
_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can store


def dump_model(estimator: Any) -> bytes:
    """Return the content of the file of a fitted estimator."""
    import skops.io  # takes half a second

    return _normalise(skops.io.dumps(estimator))


def load_model(path: Path) -> Any:
    """Read the file of a fitted estimator.

    Raises
    ------
    UserError
        There is no file, or it contains a type of a package that is not in `TRUSTED`.
    """
    if not path.is_file():
        raise UserError(f"model {path} is missing; run `dvc repro` first")
    import skops.io

    types = skops.io.get_untrusted_types(file=path)
    untrusted = [name for name in types if not name.startswith(TRUSTED)]
    if untrusted:
        packages = ", ".join(name.rstrip(".") for name in TRUSTED)
        raise UserError(f"model {path}: only types of {packages} expected, {untrusted[0]} found; do not use this file")
    return skops.io.load(path, trusted=types)


def _normalise(content: bytes) -> bytes:
    """Return the archive with addresses numbered in order of appearance, and with one fixed time."""
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return numbers.setdefault(match[0], str(len(numbers)))

    archive = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        schema = _ADDRESS.sub(number, source.read(_SCHEMA).decode())
        members = {_ADDRESS.sub(number, name): source.read(name) for name in source.namelist() if name != _SCHEMA}
        for name, member in sorted(members.items() | {(_SCHEMA, schema.encode())}):
            target.writestr(zipfile.ZipInfo(name, _EPOCH), member, zipfile.ZIP_DEFLATED)
    return archive.getvalue()
