"""Archives on disk, and what is wrong with them."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import pytest

from regenre.common import files
from regenre.common.errors import UserError
from regenre.datasets import archives
from regenre.datasets.limits import Bound

CONTENT = np.random.default_rng(0).bytes(100_000)


def unpack(archive: Path, raw: Path, mb: int = 1, entries: int = 1000) -> int:
    most = [Bound(value, f"limits.{name} in conf/dataset/x.yaml") for name, value in (("mb", mb), ("entries", entries))]
    return archives.unpack_archive(archive, place_wav, raw, *most)


def place_wav(path: PurePosixPath) -> str | None:
    return path.name if path.suffix == ".wav" else None


def write_tar(path: Path, names: list[str], mode: Literal["w:", "w:gz"] = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
    return path


def test_only_members_with_a_place_are_unpacked(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "a.tar.gz", ["genres/x/a.wav", "genres/x/a.png"])
    (tmp_path / "raw").mkdir()
    assert unpack(archive, tmp_path / "raw") == 1
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["a.wav"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil.wav",
        "x/../../evil.wav",
        "/evil.wav",
        "..\\evil.wav",
        "C:evil.wav",
        "c:\\evil.wav",
        "\\\\a\\b\\evil.wav",
    ],
)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_member_that_leaves_the_folder_is_an_error_and_nothing_is_kept(tmp_path: Path, name: str, kind: str) -> None:
    archive = tmp_path / f"evil.{kind}"
    if kind == "tar":
        write_tar(archive, ["good.wav", name])
    else:
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("good.wav", b"abc")
            file.writestr(name, b"abc")
    with pytest.raises(UserError, match="not safe"), files.fill_folder(tmp_path / "raw") as raw:
        unpack(archive, raw)
    assert sorted(path.name for path in tmp_path.iterdir()) == [archive.name]


def test_an_archive_may_have_many_members(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "a.tar.gz", [f"{number}.wav" for number in range(500)])
    (tmp_path / "raw").mkdir()
    assert unpack(archive, tmp_path / "raw", entries=500) == 500


MEMBERS = {"symbolic link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "device": tarfile.CHRTYPE}


@pytest.mark.parametrize("kind", [*MEMBERS, "pipe", "sparse file", "link in a zip"])
def test_what_is_no_file_is_not_written(tmp_path: Path, kind: str) -> None:
    """A member without a place is left out, whatever it is; one with a place is refused."""
    for name in ("link.wav", "link.txt"):
        archive = tmp_path / f"{name}.archive"
        if kind == "link in a zip":
            with zipfile.ZipFile(archive, "w") as file:
                info = zipfile.ZipInfo(name)
                info.external_attr = 0o120777 << 16
                file.writestr(info, "/etc/passwd")
        else:
            with tarfile.open(archive, "w") as file:
                info = tarfile.TarInfo(name)
                info.type = {**MEMBERS, "pipe": tarfile.FIFOTYPE, "sparse file": tarfile.GNUTYPE_SPARSE}[kind]
                info.linkname = "" if kind == "sparse file" else "/etc/passwd"
                file.addfile(info)
    (tmp_path / "raw").mkdir()
    assert unpack(tmp_path / "link.txt.archive", tmp_path / "raw") == 0
    with pytest.raises(UserError, match=r"'link.wav': a file expected, a link or a device found; .* not safe"):
        unpack(tmp_path / "link.wav.archive", tmp_path / "raw")
    assert not list((tmp_path / "raw").iterdir())


def refuse(archive: Path, message: str, **bounds: int) -> None:
    """Check that an archive is refused in one line, and that nothing of it is kept."""
    raw = archive.with_name("raw")
    with pytest.raises(UserError, match=message) as error_info, files.fill_folder(raw) as temporary:
        unpack(archive, temporary, **bounds)
    assert "\n" not in str(error_info.value)
    assert sorted(archive.parent.iterdir()) == [archive]


def write_packed(path: Path, content: bytes) -> None:
    """Write a tar archive with one member, compressed as the name says."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        info = tarfile.TarInfo("a.wav")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".tar": bytes}[path.suffix]
    path.write_bytes(pack(data.getvalue()))


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.tar"])
def test_every_compression_of_tar_is_read(tmp_path: Path, name: str) -> None:
    write_packed(tmp_path / name, CONTENT)
    (tmp_path / "raw").mkdir()
    assert unpack(tmp_path / name, tmp_path / "raw") == 1
    assert (tmp_path / "raw/a.wav").read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tar.bz2", "a.tar.xz", "deflate.zip", "bzip2.zip", "lzma.zip"])
@pytest.mark.parametrize("member", ["a.wav", "a.txt"])
def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, name: str, member: str) -> None:
    """A member that is left out is refused too: it takes the time, though not the disk."""
    archive = tmp_path / name
    if archive.suffix == ".zip":
        method = {"deflate": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}[archive.stem]
        with zipfile.ZipFile(archive, "w", method) as file:
            file.writestr(member, bytes(5_000_000))
    else:
        write_packed(archive, bytes(5_000_000))
    assert archive.stat().st_size < 10_000
    refuse(archive, r"at most 2 MB expected \(limits.mb in conf/dataset/x.yaml\), more found; .*raise the limit", mb=2)


def test_a_gzip_with_gigabytes_after_the_end_of_the_tar_is_refused(tmp_path: Path) -> None:
    write_packed(tmp_path / "a.tar", b"abc")
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress((tmp_path / "a.tar").read_bytes() + bytes(5_000_000)))
    (tmp_path / "a.tar").unlink()
    refuse(tmp_path / "a.tar.gz", "at most 1 MB expected")


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_an_archive_with_too_many_entries_is_refused(tmp_path: Path, kind: str) -> None:
    """The zip with 5000 entries is refused before its table is parsed, the others at the first entry beyond."""
    for number in (11, 5000):
        archive = tmp_path / f"a.{kind}"
        names = [f"{place}.wav" for place in range(number)]
        if kind == "tar":
            write_tar(archive, names)
        else:
            with zipfile.ZipFile(archive, "w") as file:
                for name in names:
                    file.writestr(name, b"")
        refuse(
            archive, r"at most 10 entries expected \(limits.entries in conf/dataset/x.yaml\), more found", entries=10
        )


def damage_crc(content: bytes) -> bytes:
    """Change the checksum at the end of a gzip file."""
    return content[:-8] + bytes([content[-8] ^ 1]) + content[-7:]


def damage_header(content: bytes) -> bytes:
    """Change the header of the last member: tarfile takes that for the end of the archive."""
    plain = bytearray(gzip.decompress(content))
    plain[plain.rindex(b"499.wav")] ^= 1
    return bytes(plain)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[: len(content) // 2],
    "html": lambda content: b"<html></html>",
    "empty": lambda content: b"",
    "checksum": damage_crc,
    "header": damage_header,
    "cut between members": lambda content: gzip.decompress(content)[:1024],
    "cut before the checksum": lambda content: content[:-8],
    "something after it": lambda content: content + b"x",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_archive_is_an_error(tmp_path: Path, damage: str) -> None:
    archive = write_tar(tmp_path / "a.tar.gz", [f"{number}.wav" for number in range(500)])
    archive.write_bytes(DAMAGES[damage](archive.read_bytes()))
    refuse(archive, "tar or zip archive expected, but it cannot be read")


@pytest.mark.parametrize("name", ["a.wav", "a.txt"])
@pytest.mark.parametrize("damage", ["checksum", "method", "password"])
def test_a_damaged_member_of_a_zip_is_an_error(tmp_path: Path, name: str, damage: str) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, b"abc" * 1000)
    content = bytearray(archive.read_bytes())
    table = content.rindex(b"PK\x01\x02")
    if damage == "checksum":
        content[content.index(b"abc")] ^= 1
    elif damage == "method":
        content[table + 10] = content[8] = 77
    else:
        content[table + 8] = content[6] = 1
    archive.write_bytes(content)
    refuse(archive, "tar or zip archive expected, but it cannot be read")


def write_header(size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo("a.wav")
    info.type = kind
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)
    header[482] = kind == tarfile.GNUTYPE_SPARSE  # its map goes on in the next block
    header[148:156] = b"%06o\0 " % tarfile.calc_chksums(header)[0]
    return bytes(header)


LONG = "a header longer than 65536 bytes"
HEADERS_OF_TAR = {
    "negative size": (write_header(-1024), "a member with a negative size"),
    "long name": (write_header(10**11, tarfile.GNUTYPE_LONGNAME), LONG),
    "pax": (write_header(10**11, tarfile.XHDTYPE), LONG),
    "headers in headers": ((write_header(9, tarfile.XHDTYPE) + b"9 a=bcd\n".ljust(512, b"\0")) * 200, LONG),
    "sparse map": (write_header(0, tarfile.GNUTYPE_SPARSE) + (bytes(504) + b"\1" + bytes(7)) * 200, LONG),
    "wrong checksum": (write_header(0).replace(b"ustar", b"ustaR"), "a header or the end expected"),
}


@pytest.mark.parametrize("kind", HEADERS_OF_TAR)
def test_a_header_that_would_fill_the_memory_or_never_end_is_damage(tmp_path: Path, kind: str) -> None:
    content, reason = HEADERS_OF_TAR[kind]
    archive = write_tar(tmp_path / "a.tar", ["first.wav"], "w:")
    archive.write_bytes(archive.read_bytes()[:1024] + content + bytes(1024))
    refuse(archive, f"tar or zip archive expected, but it cannot be read .*{reason}")


def test_a_member_of_a_zip_before_the_first_byte_is_damage(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.wav", b"abc")
    content = bytearray(archive.read_bytes())
    content[content.rindex(b"PK\x05\x06") + 16] += 100  # where the table begins: members shift by as much
    archive.write_bytes(content)
    refuse(archive, "tar or zip archive expected, but it cannot be read")
