"""Files from the network, from folders and from archives, checked and bounded.

Limits           settings: the most that a dataset may fetch and unpack
Bound            one of them, and where it is set
check_dependency refuse a source that `dvc repro` does not watch
check_folder     refuse what is no folder
check_sources    refuse a source that lies where clips are written
download         fetch a file from the first mirror that delivers the expected digest
link_files       link the files of a user's folder
unpack_archive   unpack members of a tar or zip archive
Place            type of the function that decides which files are used, and where they go
"""

import bz2
import errno
import gzip
import io
import lzma
import os
import re
import signal
import stat
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from http.client import responses
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal, NoReturn
from urllib.parse import urlsplit

import requests
from tqdm import tqdm

from regenre.errors import UserError
from regenre.files import compute_md5
from regenre.kinds import Count, strict_dataclass

MB = 10**6
TIMEOUT_S = (10, 60)  # to connect; between two bytes
ATTEMPTS = 5  # per mirror; each resumes where the one before was cut
PIECE = 1 << 16  # bytes in a chunk; a cut connection loses less than one chunk
ZIP_PIECE = 1 << 12  # bytes; zipfile decompresses as many bytes of bzip2 at once, to 80 MB at most
TAR_HEADER = 1 << 16  # bytes before a member; tarfile keeps them in memory
ZIP_HEADER = 1 << 9  # bytes of the zip's table for each entry; zipfile keeps the table in memory
ZIP_TAIL = 1 << 17  # bytes; zipfile looks for the table in a tail of this size at most

SOURCES = ("folder", "archive", "table", "groups", "artists")  # settings that name what a dataset is read from

Place = Callable[[PurePosixPath], str | None]
"""Path in an archive or folder -> path in the raw folder, or None for a file that is not used."""


@strict_dataclass
class Limits:
    """The most that a dataset may fetch and unpack. 1 MB is 10^6 bytes.

    Parameters
    ----------
    fetch_mb : size of the archive to fetch
    index_mb : size of the index of artists to fetch
    fetch_s : seconds that a file may take, from each mirror
    unpack_mb : size of all members of the archive
    entries : number of members of the archive, folders included
    """

    fetch_mb: Count
    index_mb: Count
    fetch_s: Count
    unpack_mb: Count
    entries: Count

    def get_bound(self, name: str, conf: str) -> "Bound":
        """Return one of the limits, with the file that sets it."""
        return Bound(getattr(self, name), f"limits.{name} in {conf}")


@dataclass(frozen=True)
class Bound:
    """The most that is accepted, and where a user can change it."""

    value: int
    place: str

    def explain(self, unit: str) -> str:
        """Return what is wrong beyond the bound."""
        return f"at most {self.value} {unit} expected ({self.place}), more found"


class _MirrorError(Exception):
    """A mirror did not deliver the file; str() is the reason. The partial file stays on disk."""


class _CutError(_MirrorError):
    """The connection ended early; the next attempt resumes."""


class _UselessError(_MirrorError):
    """What arrived is of no use, and the partial file goes."""


class _LimitError(Exception):
    """An archive exceeds a bound; str() says which."""


def download(
    mirrors: Iterable[Mapping[str, str]],
    target: Path,
    remedy: str,
    most_mb: Bound,
    most_s: Bound,
    digest: Callable[[Path], str] = compute_md5,
) -> None:
    """Fetch `target` from the first mirror that delivers the expected digest.

    The partial file is `<target>.<md5>.part`. The next attempt, in this run or a later one, requests the rest
    (HTTP Range), and starts again if the server ignores the range. Nothing is fetched if `target` has the digest.

    An alarm (SIGALRM) ends a mirror that takes too long, whatever it is doing. So this runs in the main thread.

    Parameters
    ----------
    mirrors : mappings with `url` and `md5`, in order of preference
    target : file to write
    remedy : what the user can do if every mirror fails
    most_mb : size of the file
    most_s : seconds that each mirror has
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
            _fetch_from_mirror(mirror["url"], mirror["md5"], target, most_mb, most_s, digest)
            return
        except _MirrorError as error:
            reasons.append(f"{mirror['url']}: {error}")
    raise UserError(f"no mirror delivered {target.name} ({'; '.join(reasons)}); {remedy}")


def _fetch_from_mirror(
    url: str, md5: str, target: Path, most_mb: Bound, most_s: Bound, digest: Callable[[Path], str]
) -> None:
    """Fetch `target` from one mirror, with several attempts; raise `_MirrorError` if it does not deliver."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{md5}.part")
    deadline = time.monotonic() + most_s.value
    for attempt in range(1, ATTEMPTS + 1):
        resumed = part.is_file() and part.stat().st_size > 0
        try:
            with _stop_at(deadline, most_s):
                _append(url, part, most_mb)
        except _CutError as cut:
            if attempt == ATTEMPTS:
                raise _MirrorError(f"cut {ATTEMPTS} times ({cut})") from cut
            continue
        except _UselessError:
            part.unlink(missing_ok=True)
            raise
        actual_md5 = digest(part)
        if actual_md5 == md5:
            os.replace(part, target)
            return
        part.unlink()
        if not resumed or attempt == ATTEMPTS:
            raise _MirrorError(f"md5 {md5} expected, {actual_md5} found")


@contextmanager
def _stop_at(deadline: float, most_s: Bound) -> Iterator[None]:
    """Raise `_MirrorError` in the body at the deadline.

    Timeouts of sockets do not suffice: each byte that arrives starts them anew, in a header as in the body.
    """

    def stop(*_: object) -> NoReturn:
        raise _MirrorError(f"the file in {most_s.value} s expected ({most_s.place}), a part found; run again to resume")

    previous = signal.signal(signal.SIGALRM, stop)
    try:
        try:
            # Python drops an exception that is raised in a destructor: so the alarm repeats
            signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 0.001), 10)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:  # again, for an alarm that came just before the line above
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


class _Session(requests.Session):
    """Follows redirects to http and https alone, and reads no body of a redirect: it may be endless."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return the address that a response redirects to, None if it does not."""
        url = super().get_redirect_target(resp)
        if url is not None:
            resp.close()
            if urlsplit(url).scheme not in ("", "http", "https"):
                raise _MirrorError(f"a redirect to http or https expected, {url!r:.80} found")
        return url


def _append(url: str, part: Path, most_mb: Bound) -> None:
    """Request the rest of `part` and append it; start again if the server sends the whole file."""
    offset = part.stat().st_size if part.is_file() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    try:
        with (
            _Session() as session,
            session.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response,
        ):
            if offset and response.status_code == requests.codes.requested_range_not_satisfiable:
                return  # the part is complete or wrong: the digest decides
            length = _check_response(response, offset)
            resumes = response.status_code == requests.codes.partial_content
            _write_body(response, part, offset if resumes else 0, length, most_mb)
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        raise _CutError(_find_cause(error)) from error
    except (requests.RequestException, ValueError) as error:  # ValueError: an address in a redirect is none
        raise _MirrorError(_find_cause(error)) from error


def _check_response(response: requests.Response, offset: int) -> int | None:
    """Return the length of the body, if it is known; raise `_MirrorError` for anything but the file or its rest."""
    status, headers = response.status_code, response.headers
    if status not in ((200, 206) if offset else (200,)):
        raise _MirrorError(f"HTTP {status} {responses.get(status, '')}".strip())
    if headers.get("Content-Type", "").lower().startswith("text/html"):
        raise _MirrorError("an HTML page instead of the file")
    if (encoding := headers.get("Content-Encoding", "identity")) != "identity":
        raise _MirrorError(f"Content-Encoding: identity expected, {encoding!r:.80} found")
    text = headers.get("Content-Length")
    if text is not None and not re.fullmatch("[0-9]{1,18}", text):
        raise _MirrorError(f"Content-Length: a number of bytes expected, {text!r:.80} found")
    length = int(text) if text else None
    if status == requests.codes.partial_content:
        _check_range(headers.get("Content-Range", ""), offset, length)
    return length


def _check_range(text: str, offset: int, length: int | None) -> None:
    """Raise `_UselessError` unless a Content-Range has all bytes from `offset` on.

    The partial file goes, so that the next run requests no range of this mirror.
    """
    match = re.fullmatch(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", text)
    if match:
        end = int(match[2]) + 1
        if int(match[1]) == offset and match[3] in ("*", str(end)) and length in (None, end - offset):
            return
    expected = f"bytes {offset}- to the end" + (f", {length} bytes," if length is not None else "")
    raise _UselessError(f"Content-Range: {expected} expected, {text!r:.80} found")


def _write_body(response: requests.Response, part: Path, offset: int, length: int | None, most_mb: Bound) -> None:
    """Write the body of a response to `part`, after the first `offset` bytes."""
    total = None if length is None else offset + length
    if (total or 0) > most_mb.value * MB:
        raise _UselessError(most_mb.explain("MB"))
    name, size = part.name.split(".")[0], offset
    bar = tqdm(total=total, initial=offset, unit="B", unit_scale=True, desc=f"download {name}", disable=None)
    with part.open("ab" if offset else "wb") as file, bar:
        for chunk in response.iter_content(PIECE):
            size += len(chunk)
            if size > most_mb.value * MB:
                raise _UselessError(most_mb.explain("MB"))
            file.write(chunk)
            bar.update(len(chunk))
    if size == 0:
        raise _UselessError("an empty body instead of the file")


def _find_cause(error: BaseException) -> str:
    """Return the innermost cause of an error, in one short line."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    text = f"{type(error).__name__}: {error}".split("\n")[0][:120]
    return "".join(char if char.isprintable() else "?" for char in text)  # a server chooses parts of it


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


def unpack_archive(archive: Path, place: Place, raw: Path, most_mb: Bound, most_entries: Bound) -> int:
    """Unpack members of a tar (any compression) or zip archive.

    The archive is read to its end, members that are left out too, so that every checksum in it is verified. Nothing
    but files is written.

    Parameters
    ----------
    archive : the tar or zip file
    place : path in the archive -> path below `raw`, or None to leave the member out
    raw : folder to fill
    most_mb : size of all members
    most_entries : number of members, folders included

    Returns
    -------
    number of files unpacked

    Raises
    ------
    UserError
        The file is no archive or damaged, it exceeds a bound, a member would leave the folder, a member with a place
        is a link or a device, or two members have the same place.
    """
    try:
        members = (_read_zip if zipfile.is_zipfile(archive) else _read_tar)(archive, most_mb, most_entries)
        return _unpack_members(_count_members(members, most_entries), place, raw)
    except _LimitError as error:
        raise UserError(f"archive {archive}: {error}; if you trust it, raise the limit") from error
    except _DAMAGES as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # EINVAL: a position before byte 0
            raise
        raise UserError(
            f"archive {archive}: a tar or zip archive expected, but it cannot be read ({_find_cause(error)});"
            " fetch it again"
        ) from error


_DAMAGES = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,  # a number or a text in a header is none
    ArithmeticError,
    LookupError,
    RuntimeError,  # a password, an unknown compression, headers in headers
)
"""What the readers of archives raise for damaged ones."""

Kind = Literal["file", "folder", "link or device"]


@dataclass(frozen=True)
class _Member:
    """A member of an archive; `read` yields the bytes of a file."""

    name: str
    kind: Kind
    read: Callable[[], Iterator[bytes]]


def _read_zip(archive: Path, most_mb: Bound, most_entries: Bound) -> Iterator[_Member]:
    n_bytes = 0

    def read(info: zipfile.ZipInfo) -> Iterator[bytes]:
        nonlocal n_bytes
        with file.open(info) as content:
            while piece := content.read(ZIP_PIECE):
                n_bytes += len(piece)
                if n_bytes > most_mb.value * MB:
                    raise _LimitError(most_mb.explain("MB"))
                yield piece

    with (
        archive.open("rb", buffering=0) as raw,
        _ZipReader(raw, most_entries) as reader,
        zipfile.ZipFile(reader) as file,
    ):
        for info in file.infolist():
            mode = stat.S_IFMT(info.external_attr >> 16)
            kind: Kind = "folder" if info.is_dir() else "file" if mode in (0, stat.S_IFREG) else "link or device"
            yield _Member(info.filename, kind, partial(read, info))


class _ZipReader(io.BufferedReader):
    """A zip archive with a bounded table of entries."""

    def __init__(self, raw: io.RawIOBase, most_entries: Bound) -> None:
        super().__init__(raw)
        self.bound = most_entries
        self.most = ZIP_TAIL + most_entries.value * ZIP_HEADER

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most as many bytes as the table may have."""
        content = super().read(self.most + 1 if size is None or size < 0 else min(size, self.most + 1))
        if len(content) > self.most:
            raise _LimitError(self.bound.explain("entries"))
        return content


def _read_tar(archive: Path, most_mb: Bound, most_entries: Bound) -> Iterator[_Member]:
    with _open_packed(archive) as packed:
        reader = _TarReader(packed, most_mb)
        with tarfile.open(fileobj=reader, mode="r:") as file:
            for info in file:
                plain = info.isreg() and not info.issparse()
                kind: Kind = "folder" if info.isdir() else "file" if plain else "link or device"
                yield _Member(info.name, kind, partial(reader.read_member, info))
                reader.n_header_bytes = 0
        reader.read_end()


def _open_packed(archive: Path) -> io.BufferedIOBase:
    """Open a file that may be compressed."""
    with archive.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(archive)
    if start.startswith(b"BZh"):
        return bz2.open(archive)
    if start.startswith((b"\xfd7zXZ", b"]\0\0")):
        return lzma.open(archive)
    return archive.open("rb")


class _TarReader:
    """A tar archive, decompressed, for `tarfile`: it is read forwards, and within bounds."""

    def __init__(self, file: io.BufferedIOBase, most_mb: Bound) -> None:
        self._file = file
        self._bound = most_mb
        self._block = b""
        self.n_header_bytes = 0

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def seek(self, position: int) -> None:
        """Skip bytes. A damaged header may have a negative size, and `tarfile` would read in circles."""
        if position < self.tell():
            raise tarfile.ReadError("a member with a negative size")
        self._check(position)
        self._file.seek(position)

    def read(self, size: int) -> bytes:
        """Read a piece of a header."""
        self.n_header_bytes += size
        if size < 0 or self.n_header_bytes > TAR_HEADER:
            raise tarfile.ReadError(f"a header longer than {TAR_HEADER} bytes")
        self._block = self._read(size)
        return self._block

    def read_member(self, info: tarfile.TarInfo) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        left = info.size
        while left > 0:
            piece = self._read(min(left, PIECE))
            if not piece:
                raise tarfile.ReadError("unexpected end of data")
            left -= len(piece)
            yield piece

    def read_end(self) -> None:
        """Read the rest, which has the checksum of the compressed data.

        `tarfile` takes a damaged header for the end. The end is a block of zeros.
        """
        if self._block != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("a header or the end expected, other bytes found")
        while self._read(PIECE):
            pass

    def write(self, content: bytes) -> NoReturn:
        """Refuse: `tarfile` expects this method of a file."""
        raise io.UnsupportedOperation("write")

    def close(self) -> None:
        """Leave the file open: who opened it closes it."""

    def _read(self, size: int) -> bytes:
        content = self._file.read(size)
        self._check(self.tell())
        return content

    def _check(self, position: int) -> None:
        if position > self._bound.value * MB:
            raise _LimitError(self._bound.explain("MB"))


def _count_members(members: Iterator[_Member], most: Bound) -> Iterator[_Member]:
    for number, member in enumerate(members):
        if number == most.value:
            raise _LimitError(most.explain("entries"))
        yield member


def _unpack_members(members: Iterator[_Member], place: Place, raw: Path) -> int:
    """Write the members that have a place; return their number."""
    n_files = 0
    for member in tqdm(members, desc="unpack", unit=" files", disable=None):
        path = PureWindowsPath(member.name)  # both separators, and drives
        if path.anchor or ".." in path.parts:
            _refuse_member(member.name, "a path inside the folder expected")
        target = place(PurePosixPath(path.as_posix()))
        if target and member.kind == "link or device":
            _refuse_member(member.name, "a file expected, a link or a device found")
        if member.kind == "file":
            with (_reserve_target(raw / target, member.name) if target else Path(os.devnull)).open("wb") as file:
                file.writelines(member.read())
            n_files += bool(target)
    return n_files


def _refuse_member(name: str, reason: str) -> NoReturn:
    raise UserError(
        f"archive member {name!r:.200}: {reason}; this archive is not safe, and nothing of it is kept;"
        " get it from another source"
    )


def _reserve_target(target: Path, name: str) -> Path:
    """Make the parent folder of a target; raise `UserError` if the target exists."""
    if target.exists() or target.is_symlink():
        raise UserError(f"{name!r:.200}: a second file for {target.name}; keep one format of each clip")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
