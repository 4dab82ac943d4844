"""Files from the network and out of archives, checked.

download   first mirror that delivers the promised digest; resumes; never leaves a wrong file
links      the files of a user's own folder, linked, not copied
unpack     the wanted members of a tar or zip archive, each to a place that we choose
"""

import hashlib
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

import requests
from tqdm import tqdm

from regenre.errors import UserError

TIMEOUT_S = (10, 60)  # to connect; between two pieces
ATTEMPTS = 5  # a mirror; each goes on where the one before was cut
PIECE = 1 << 16  # bytes; a cut loses less than one

Place = Callable[[PurePosixPath], str | None]
"""Member of an archive or folder -> its path in the raw folder, None for what is not wanted."""


class _MirrorError(Exception):
    """A mirror did not deliver; str() says why."""


class _CutError(_MirrorError):
    """The connection ended early; what came is kept."""


def md5_of(path: Path) -> str:
    """MD5 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def download(
    mirrors: Iterable[Mapping[str, str]], target: Path, remedy: str, digest: Callable[[Path], str] = md5_of
) -> None:
    """Fetch `target` from the first mirror that delivers the promised bytes.

    What has arrived is kept in `<target>.<md5>.part`; the next attempt, of this run or a later one,
    asks for the rest (HTTP Range) and starts anew where the server ignores that.

    Parameters
    ----------
    mirrors : mappings with `url` and `md5`, in order of preference
    remedy : what the user can do when every mirror fails
    digest : file -> what has to equal the mirror's `md5`

    Raises
    ------
    UserError
        Every mirror failed; the message has each one's reason and the remedy.
    """
    reasons = []
    for mirror in mirrors:
        if target.is_file() and digest(target) == mirror["md5"]:
            return
        try:
            _from_mirror(mirror["url"], mirror["md5"], target, digest)
            return
        except _MirrorError as error:
            reasons.append(f"{mirror['url']}: {error}")
    raise UserError(f"no mirror delivered {target.name} ({'; '.join(reasons)}); {remedy}")


def _from_mirror(url: str, md5: str, target: Path, digest: Callable[[Path], str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{md5}.part")
    for attempt in range(ATTEMPTS):
        resumed = part.is_file() and part.stat().st_size > 0
        try:
            _append(url, part)
        except _CutError as cut:
            if attempt == ATTEMPTS - 1:
                raise _MirrorError(f"cut {ATTEMPTS} times ({cut})") from cut
            continue
        found = digest(part)
        if found == md5:
            os.replace(part, target)
            return
        part.unlink()
        if not resumed:
            raise _MirrorError(f"md5 {md5} expected, {found} found")
    raise _MirrorError("no complete file after resuming")


def _append(url: str, part: Path) -> None:
    """Ask for what `part` lacks and append it; start anew where the server sends the whole."""
    have = part.stat().st_size if part.is_file() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                return  # nothing is missing, or the part is wrong: the digest decides
            _check_answer(answer)
            goes_on = answer.status_code == requests.codes.partial_content and answer.headers.get(
                "Content-Range", ""
            ).startswith(f"bytes {have}-")
            _write(answer, part, have if goes_on else 0)
    except requests.RequestException as error:
        raise _CutError(_cause(error)) from error


def _check_answer(answer: requests.Response) -> None:
    if not answer.ok:
        raise _MirrorError(f"HTTP {answer.status_code} {answer.reason}")
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise _MirrorError("an HTML page instead of the file")


def _write(answer: requests.Response, part: Path, have: int) -> None:
    length = answer.headers.get("Content-Length")
    bar = tqdm(
        total=have + int(length) if length else None,
        initial=have,
        unit="B",
        unit_scale=True,
        desc=f"download {part.name.split('.')[0]}",
        disable=None,
    )
    with part.open("ab" if have else "wb") as file, bar:
        for piece in answer.iter_content(PIECE):
            file.write(piece)
            bar.update(len(piece))


def _cause(error: BaseException) -> str:
    """The innermost reason, in a few words."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return f"{type(error).__name__}: {error}".split("\n")[0][:120]


@contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes `folder`'s place when the block ends well."""
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


def links(source: Path, place: Place, raw: Path) -> int:
    """Link the wanted files of `source` into `raw`; the user's folder is neither copied nor touched.

    Returns
    -------
    number of files linked
    """
    if not source.is_dir():
        raise UserError(f"folder {source}: a folder expected, {'a file' if source.exists() else 'nothing'} found there")
    files = sorted(path for path in source.rglob("*") if path.is_file())
    wanted = [(path, target) for path in files if (target := place(PurePosixPath(path.relative_to(source).as_posix())))]
    for path, target in wanted:
        _claim(raw / target, path.name).symlink_to(path.resolve())
    return len(wanted)


def unpack(archive: Path, place: Place, raw: Path) -> int:
    """Unpack the wanted members of a tar (any compression) or zip archive.

    Raises
    ------
    UserError
        Not an archive, damaged, or with a member that would leave the folder.

    Returns
    -------
    number of files unpacked
    """
    try:
        if zipfile.is_zipfile(archive):
            return _take(_zip_members(archive), place, raw)
        return _take(_tar_members(archive), place, raw)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(
            f"archive {archive}: a tar or zip archive expected, but it cannot be read ({_cause(error)}); fetch it again"
        ) from error


Member = tuple[str, Callable[[], IO[bytes] | None]]


def _zip_members(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            yield info.filename, partial(file.open, info) if not info.is_dir() else _nothing


def _tar_members(archive: Path) -> Iterator[Member]:
    with tarfile.open(archive, "r:*") as file:
        for info in file:
            yield info.name, partial(file.extractfile, info) if info.isfile() else _nothing


def _nothing() -> None:
    """A folder or a link: no bytes."""


def _take(members: Iterator[Member], place: Place, raw: Path) -> int:
    taken = 0
    for name, open_member in tqdm(members, desc="unpack", unit=" files", disable=None):
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise UserError(
                f"archive member {name}: a path inside the folder expected;"
                " this archive is not safe, nothing of it was kept"
            )
        target = place(path)
        content = open_member() if target else None
        if target and content:
            with content, _claim(raw / target, name).open("wb") as file:
                shutil.copyfileobj(content, file, PIECE)
            taken += 1
    return taken


def _claim(target: Path, name: str) -> Path:
    if target.exists() or target.is_symlink():
        raise UserError(f"{name}: a second file for {target.name}; keep one format of each clip")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
