"""Files from the network, from folders and from archives, checked.

check_dependency refuse a source that `dvc repro` does not watch
check_folder     refuse what is no folder
check_sources    refuse a source that lies where clips are written
download         fetch a file from the first mirror that delivers the expected digest
link_files       link the files of a user's folder
unpack_archive   unpack members of a tar or zip archive
Place            type of the function that decides which files are used, and where they go
"""

import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

import requests
from tqdm import tqdm

from regenre.errors import UserError
from regenre.files import compute_md5

TIMEOUT_S = (10, 60)  # to connect; between two chunks
ATTEMPTS = 5  # per mirror; each resumes where the one before was cut
PIECE = 1 << 16  # bytes in a chunk; a cut connection loses less than one chunk

SOURCES = ("folder", "archive", "table", "groups", "artists")  # settings that name what a dataset is read from

Place = Callable[[PurePosixPath], str | None]
"""Path in an archive or folder -> path in the raw folder, or None for a file that is not used."""


class _MirrorError(Exception):
    """A mirror did not deliver the file; str() is the reason."""


class _CutError(_MirrorError):
    """The connection ended early; the partial file stays on disk."""


def download(
    mirrors: Iterable[Mapping[str, str]], target: Path, remedy: str, digest: Callable[[Path], str] = compute_md5
) -> None:
    """Fetch `target` from the first mirror that delivers the expected digest.

    The partial file is `<target>.<md5>.part`. The next attempt, in this run or a later one, requests the rest
    (HTTP Range), and starts again if the server ignores the range. Nothing is fetched if `target` has the digest.

    Parameters
    ----------
    mirrors : mappings with `url` and `md5`, in order of preference
    target : file to write
    remedy : what the user can do if every mirror fails
    digest : file -> digest, compared with the mirror's `md5`

    Raises
    ------
    UserError
        Every mirror failed. The message has the reason of each and the remedy.
    """
    reasons = []
    for mirror in mirrors:
        if target.is_file() and digest(target) == mirror["md5"]:
            return
        try:
            _fetch_from_mirror(mirror["url"], mirror["md5"], target, digest)
            return
        except _MirrorError as error:
            reasons.append(f"{mirror['url']}: {error}")
    raise UserError(f"no mirror delivered {target.name} ({'; '.join(reasons)}); {remedy}")


def _fetch_from_mirror(url: str, md5: str, target: Path, digest: Callable[[Path], str]) -> None:
    """Fetch `target` from one mirror, with several attempts; raise `_MirrorError` if it does not deliver."""
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
        actual_md5 = digest(part)
        if actual_md5 == md5:
            os.replace(part, target)
            return
        part.unlink()
        if not resumed:
            raise _MirrorError(f"md5 {md5} expected, {actual_md5} found")
    raise _MirrorError("no complete file after resuming")


def _append(url: str, part: Path) -> None:
    """Request the rest of `part` and append it; start again if the server sends the whole file."""
    offset = part.stat().st_size if part.is_file() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                return  # the part is complete or wrong: the digest decides
            _check_response(response)
            resumes = response.status_code == requests.codes.partial_content and response.headers.get(
                "Content-Range", ""
            ).startswith(f"bytes {offset}-")
            _write_body(response, part, offset if resumes else 0)
    except requests.RequestException as error:
        raise _CutError(_find_cause(error)) from error


def _check_response(response: requests.Response) -> None:
    """Raise `_MirrorError` for an HTTP error and for an HTML page."""
    if not response.ok:
        raise _MirrorError(f"HTTP {response.status_code} {response.reason}")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise _MirrorError("an HTML page instead of the file")


def _write_body(response: requests.Response, part: Path, offset: int) -> None:
    """Write the body of a response to `part`, after the first `offset` bytes."""
    length = response.headers.get("Content-Length")
    bar = tqdm(
        total=offset + int(length) if length else None,
        initial=offset,
        unit="B",
        unit_scale=True,
        desc=f"download {part.name.split('.')[0]}",
        disable=None,
    )
    with part.open("ab" if offset else "wb") as file, bar:
        for chunk in response.iter_content(PIECE):
            file.write(chunk)
            bar.update(len(chunk))


def _find_cause(error: BaseException) -> str:
    """Return the innermost cause of an error, in one short line."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return f"{type(error).__name__}: {error}".split("\n")[0][:120]


def check_dependency(dataset: object, source: Path) -> None:
    """Refuse a file or folder of the user's that `dvc repro` does not watch: it would not see a change.

    Parameters
    ----------
    source : what params.yaml names, a dependency of the stage

    Raises
    ------
    UserError
        A setting of the dataset names something that is neither `source` nor below it.
    """
    watched = source.expanduser().absolute()
    for setting, path in _list_sources(dataset):
        if not path.absolute().is_relative_to(watched):
            raise UserError(
                f"dataset: {setting}: something in {source} expected, {path} found; set `source: {path.absolute()}` in"
                " params.yaml (or a folder above all sources), so that `dvc repro` sees a change"
            )


def check_sources(dataset: object, raw: Path) -> None:
    """Refuse a source that lies in the raw folder, by whatever link: the raw folder is replaced.

    Raises
    ------
    UserError
        A setting of the dataset names such a file or folder, or one that contains the raw folder.
    """
    target = raw.resolve()
    for setting, source in _list_sources(dataset):
        inside = [source.resolve(), *(path.resolve() for path in source.rglob("*") if path.is_symlink())]
        if any(path.is_relative_to(target) for path in inside) or target.is_relative_to(source.resolve()):
            raise UserError(
                f"dataset: {setting}: a source outside {raw} expected, {source} found; that folder is replaced by"
                " download, so move the source elsewhere"
            )


def _list_sources(dataset: object) -> Iterator[tuple[str, Path]]:
    """Yield the settings of a dataset that name a file or folder of the user's, with its path."""
    for field in fields(dataset):  # type: ignore[arg-type]
        value = getattr(dataset, field.name)
        if field.name in SOURCES and isinstance(value, str) and Path(value).expanduser().exists():
            yield field.name, Path(value).expanduser()


def check_folder(source: Path) -> None:
    """Raise `UserError` if a user's folder is none."""
    if not source.is_dir():
        raise UserError(f"folder {source}: a folder expected, {'a file' if source.exists() else 'nothing'} found there")


def link_files(source: Path, place: Place, raw: Path) -> int:
    """Link files of a user's folder into `raw`; the folder is neither copied nor changed.

    Parameters
    ----------
    source : the user's folder
    place : path below `source` -> path below `raw`, or None to leave the file out
    raw : folder to fill

    Returns
    -------
    number of files linked

    Raises
    ------
    UserError
        `source` is no folder, or two files have the same place.
    """
    check_folder(source)
    files = sorted(path for path in source.rglob("*") if path.is_file())
    links = [(path, target) for path in files if (target := place(PurePosixPath(path.relative_to(source).as_posix())))]
    for path, target in links:
        _reserve_target(raw / target, path.name).symlink_to(path.resolve())
    return len(links)


def unpack_archive(archive: Path, place: Place, raw: Path) -> int:
    """Unpack members of a tar (any compression) or zip archive.

    Parameters
    ----------
    archive : the tar or zip file
    place : path in the archive -> path below `raw`, or None to leave the member out
    raw : folder to fill

    Returns
    -------
    number of files unpacked

    Raises
    ------
    UserError
        The file is no archive or damaged, a member would leave the folder, or two members have the same place.
    """
    try:
        if zipfile.is_zipfile(archive):
            return _unpack_members(_read_zip(archive), place, raw)
        return _unpack_members(_read_tar(archive), place, raw)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(
            f"archive {archive}: a tar or zip archive expected, but it cannot be read ({_find_cause(error)});"
            " fetch it again"
        ) from error


Member = tuple[str, Callable[[], IO[bytes] | None]]
"""Name of a member of an archive, and a function that opens it."""


def _read_zip(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            yield info.filename, partial(file.open, info) if not info.is_dir() else _open_nothing


def _read_tar(archive: Path) -> Iterator[Member]:
    with tarfile.open(archive, "r:*") as file:
        for info in file:
            yield info.name, partial(file.extractfile, info) if info.isfile() else _open_nothing


def _open_nothing() -> None:
    """Return None, for a folder or a link: it has no bytes."""


def _unpack_members(members: Iterator[Member], place: Place, raw: Path) -> int:
    """Write the members that have a place; return their number."""
    n_files = 0
    for name, open_member in tqdm(members, desc="unpack", unit=" files", disable=None):
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise UserError(
                f"archive member {name}: a path inside the folder expected;"
                " this archive is not safe, and nothing of it is kept; get it from another source"
            )
        target = place(path)
        content = open_member() if target else None
        if target and content:
            with content, _reserve_target(raw / target, name).open("wb") as file:
                shutil.copyfileobj(content, file, PIECE)
            n_files += 1
    return n_files


def _reserve_target(target: Path, name: str) -> Path:
    """Make the parent folder of a target; raise `UserError` if the target exists."""
    if target.exists() or target.is_symlink():
        raise UserError(f"{name}: a second file for {target.name}; keep one format of each clip")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
