"""Tar and zip archives of strangers: bounded, checked to their end, and written below one folder.

unpack_archive  unpack members
"""

import bz2
import errno
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal, NoReturn

from tqdm import tqdm

from regenre.common.errors import UserError, find_cause
from regenre.datasets.limits import MB, PIECE, Bound
from regenre.datasets.sources import Place, reserve_target

ZIP_PIECE = 1 << 12  # bytes; zipfile decompresses as many bytes of bzip2 at once, to 80 MB at most
TAR_HEADER = 1 << 16  # bytes before a member; tarfile keeps them in memory
ZIP_HEADER = 1 << 9  # bytes of the zip's table for each entry; zipfile keeps the table in memory
ZIP_TAIL = 1 << 17  # bytes; zipfile looks for the table in a tail of this size at most


class _LimitError(Exception):
    """An archive exceeds a bound; str() says which."""


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
            f"archive {archive}: a tar or zip archive expected, but it cannot be read ({find_cause(error)});"
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
            with (reserve_target(raw / target, member.name) if target else Path(os.devnull)).open("wb") as file:
                file.writelines(member.read())
            n_files += bool(target)
    return n_files


def _refuse_member(name: str, reason: str) -> NoReturn:
    raise UserError(
        f"archive member {name!r:.200}: {reason}; this archive is not safe, and nothing of it is kept;"
        " get it from another source"
    )
