"""Files: their digests, and writing them so that a reader never sees half a file.

compute_md5        digest of a file's bytes
compute_sha1       the same, where others publish it
compute_sha256     the same, where others might choose the bytes
check_raw          refuse a folder of clips that is not on this machine
check_clip         refuse a clip that is not the one that was indexed
clear_leftovers    remove what killed processes were writing
check_target       refuse to write over an input, or over a file unasked
write_atomically   write one file under a temporary name, then rename it
write_text         write UTF-8 text atomically
write_json         write JSON with sorted keys atomically
fill_folder        fill a folder, all or nothing
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from regenre.common.errors import UserError

FETCH_AGAIN = "run `dvc repro --force --single-item download`, then `dvc repro`"
_TEMPORARY = re.compile(r"\.(.+)\.(\d+)\.tmp", re.DOTALL)


def compute_md5(path: Path) -> str:
    """Return the MD5 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def compute_sha1(path: Path) -> str:
    """Return the SHA-1 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_raw(raw: Path) -> None:
    """Raise `UserError` if a dataset's folder of clips is not on this machine."""
    if not raw.is_dir():
        raise UserError(f"{raw}: a folder of clips expected, none found on this machine; {FETCH_AGAIN}")


def check_clip(path: Path, md5: str) -> None:
    """Raise `UserError` if a clip is not on this machine, or was changed since it was indexed."""
    if not path.is_file():
        raise UserError(f"{path}: a clip expected, none found on this machine; {FETCH_AGAIN}")
    if compute_md5(path) != md5:
        raise UserError(f"{path}: the clip that was indexed expected, another file found; {FETCH_AGAIN}")


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Call `write` with a temporary path beside `path`, then rename that file to `path`.

    Missing parent folders are made. If `write` fails, no temporary file remains and an existing file is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # as `_TEMPORARY` reads it
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def clear_leftovers(targets: Iterable[Path]) -> Iterator[None]:
    """Remove temporary files that killed processes left beside the targets: at the start, and when the block fails.

    A block that is interrupted has its worker processes killed, and they cannot remove what they were writing.
    """
    names: dict[Path, set[str]] = {}
    for target in targets:
        names.setdefault(target.parent, set()).add(target.name)
    _remove_leftovers(names)
    try:
        yield
    except BaseException:
        _remove_leftovers(names)
        raise


def _remove_leftovers(names: dict[Path, set[str]]) -> None:
    for folder in filter(Path.is_dir, names):
        for path in folder.iterdir():
            match = _TEMPORARY.fullmatch(path.name)
            if match and match[1] in names[folder] and _is_over(int(match[2])):
                path.unlink(missing_ok=True)


def _is_over(number: int) -> bool:
    """Return whether a process has ended; a worker of this process is ended."""
    try:
        process = psutil.Process(number)
        if psutil.Process() in process.parents():
            process.kill()
            process.wait()
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def check_target(target: Path, sources: Iterable[Path], force: bool) -> None:
    """Refuse to write over a source, and over any other existing file unless `force`.

    Raises
    ------
    UserError
        `target` is a folder, one of the sources, also through a link, or it exists already.
    """
    if not target.exists():
        return
    if target.is_dir():
        raise UserError(f"{target}: a file expected, a folder found there; give another name")
    for source in sources:
        if source.exists() and target.samefile(source):
            raise UserError(f"{target}: a new file expected, the input {source} found; give another name")
    if not force:
        raise UserError(f"{target}: a new file expected, but it is there already; give another name, or --force")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, content: object) -> None:
    """Write JSON with sorted keys atomically."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


@contextmanager
def fill_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; it replaces `folder` when the block ends without an error.

    If the block fails, nothing of the new folder remains and an existing one is unchanged.
    """
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
