"""Downloads from a real HTTP server on loopback, and archives on disk."""

import bz2
import errno
import gzip
import hashlib
import io
import lzma
import signal
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import pytest

from regenre import files
from regenre.datasets import download
from regenre.datasets.download import Bound, check_sources
from regenre.datasets.folder import Folder
from regenre.errors import UserError, report_errors

CONTENT = np.random.default_rng(0).bytes(3_000_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


MOST_MB = Bound(10, "limits.fetch_mb in conf/dataset/x.yaml")
MOST_S = Bound(600, "limits.fetch_s in conf/dataset/x.yaml")

STATUS = {"no_content": 204, "unasked_range": 206, "never_satisfied": 416}
HEADERS = {
    "html": {"Content-Type": "text/html"},
    "abc": {"Content-Length": "abc"},
    "negative": {"Content-Length": "-5"},
    "huge": {"Content-Length": str(10**15)},
    "endless": {"Content-Length": None},
    "endless_chunks": {"Content-Length": None, "Transfer-Encoding": "chunked"},
    "drip": {"Content-Length": None},
    "gzip": {"Content-Encoding": "gzip"},
    "early": {"Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"},
    "short": {"Content-Range": f"bytes 123-999/{len(CONTENT)}"},
    "other_total": {"Content-Range": f"bytes 123-{len(CONTENT) - 1}/999"},
    "no_numbers": {"Content-Range": "bytes x-y/z"},
    "no_content_range": {"Content-Range": None},
    "ftp": {"Location": "ftp://127.0.0.1/file"},
    "local": {"Location": "file:///etc/passwd"},
    "no_address": {"Location": "http://[1/file"},
    "circle": {"Location": "/circle"},
    "endless_redirect": {"Location": "/whole", "Content-Length": None},
}


class Server(ThreadingHTTPServer):
    """Serves CONTENT in the manner that the path names; records the requested ranges."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []
        self.cuts, self.most_cuts = 0, 2
        self.over = threading.Event()

    def handle_error(self, request, client_address) -> None:
        """Ignore clients that hang up: they are part of the tests."""

    def mirror(self, manner: str, md5: str = MD5) -> dict[str, str]:
        return {"url": f"http://127.0.0.1:{self.server_port}/{manner}", "md5": md5}


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.close_connection = True
        manner, asked = self.path.strip("/"), self.headers.get("Range")
        self.server.ranges.append(asked)
        asked = None if manner == "no_range" else asked
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        body = {"html": b"<html>Sign in</html>", "empty": b""}.get(manner, CONTENT[start:])
        if manner == "missing":
            self.send_error(404, "Not \x1b[2JFound")
            return
        if manner == "drip_header":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            self.repeat(b"x", 0.01)
            return
        if start >= len(CONTENT):
            self.send_error(416, "Range Not Satisfiable")
            return
        headers = {"Content-Type": "application/gzip", "Content-Length": str(len(body))}
        if asked:
            headers["Content-Range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        headers |= HEADERS.get(manner, {})
        self.send_response(302 if "Location" in headers else STATUS.get(manner, 206 if asked else 200))
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if manner.startswith("endless"):
            self.repeat(b"10000\r\n" + bytes(1 << 16) + b"\r\n", 0)
        elif manner == "drip":
            self.repeat(b"x", 0.01)
        elif "Location" not in headers:
            cut = manner in {"cut", "no_range"} and self.server.cuts < self.server.most_cuts
            self.server.cuts += cut
            self.wfile.write(body[: len(body) // 3] if cut or manner == "always_cut" else body)

    def repeat(self, piece: bytes, pause_s: float) -> None:
        """Send a piece again and again, until the client hangs up or the test is over."""
        while not self.server.over.wait(pause_s):
            self.wfile.write(piece)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.over.set()
        running.shutdown()


def fetch(mirrors: list[dict[str, str]], target: Path, remedy: str = "", most_s: Bound = MOST_S) -> None:
    download.download(mirrors, target, remedy, MOST_MB, most_s)


def unpack(archive: Path, raw: Path, mb: int = 1, entries: int = 1000) -> int:
    most = [Bound(value, f"limits.{name} in conf/dataset/x.yaml") for name, value in (("mb", mb), ("entries", entries))]
    return download.unpack_archive(archive, place_wav, raw, *most)


def list_partial_files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".part")]


def test_a_complete_file_is_not_fetched_twice(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "genres.tar.gz"
    fetch([server.mirror("whole")], target)
    fetch([server.mirror("whole")], target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None]
    assert not list_partial_files(tmp_path)


def test_a_cut_connection_is_resumed_where_it_was_cut(server: Server, tmp_path: Path) -> None:
    fetch([server.mirror("cut")], tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=983040-", "bytes=1638400-"]  # whole pieces of 64 KiB


def test_a_server_that_ignores_ranges_sends_the_file_from_the_start(server: Server, tmp_path: Path) -> None:
    fetch([server.mirror("no_range")], tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=983040-", "bytes=983040-"]


def test_a_wrong_file_after_the_last_attempt_is_an_error(server: Server, tmp_path: Path) -> None:
    server.most_cuts = 4
    with pytest.raises(UserError, match=f"md5 {'0' * 32} expected, {MD5} found"):
        fetch([server.mirror("cut", md5="0" * 32)], tmp_path / "file")
    assert len(server.ranges) == 5
    assert not list(tmp_path.iterdir())


def test_a_later_run_resumes_where_an_earlier_one_died(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"file.{MD5}.part").write_bytes(CONTENT[:123])
    fetch([server.mirror("whole")], tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.ranges == ["bytes=123-"]


@pytest.mark.parametrize("leftover", [CONTENT, b"x" * 100, b"x" * 4_000_000], ids=["complete", "wrong", "too long"])
def test_the_file_is_right_whatever_an_earlier_run_left(server: Server, tmp_path: Path, leftover: bytes) -> None:
    (tmp_path / f"file.{MD5}.part").write_bytes(leftover)
    fetch([server.mirror("whole")], tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_the_next_mirror_is_tried(server: Server, tmp_path: Path) -> None:
    manners = ["missing", "html", "whole"]
    fetch([server.mirror(manner) for manner in manners], tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_if_every_mirror_fails_one_line_says_why_and_what_to_do(server: Server, tmp_path: Path) -> None:
    unreachable = {"url": "http://127.0.0.1:9/file", "md5": MD5}
    wrong = server.mirror("whole", md5="0" * 32)
    mirrors = [server.mirror("missing"), server.mirror("html"), server.mirror("always_cut"), wrong, unreachable]
    with pytest.raises(SystemExit) as error_info, report_errors():
        fetch(mirrors, tmp_path / "file", "pass dataset.archive=/path")
    message = str(error_info.value)
    assert message.isprintable()
    for reason in (
        "HTTP 404 Not Found",
        "HTML page",
        "cut 5 times",
        f"md5 {'0' * 32} expected, {MD5} found",
        "refused",
    ):
        assert reason in message
    assert message.endswith("pass dataset.archive=/path")
    assert not (tmp_path / "file").exists()


REASONS = {
    "endless": "at most 10 MB expected (limits.fetch_mb in conf/dataset/x.yaml), more found",
    "endless_chunks": "at most 10 MB expected (limits.fetch_mb in conf/dataset/x.yaml), more found",
    "huge": "at most 10 MB expected (limits.fetch_mb in conf/dataset/x.yaml), more found",
    "abc": "Content-Length: a number of bytes expected, 'abc' found",
    "negative": "Content-Length: a number of bytes expected, '-5' found",
    "empty": "an empty body instead of the file",
    "gzip": "Content-Encoding: identity expected, 'gzip' found",
    "no_content": "HTTP 204 No Content",
    "unasked_range": "HTTP 206 Partial Content",
    "never_satisfied": "HTTP 416 Requested Range Not Satisfiable",
    "ftp": "a redirect to http or https expected, 'ftp://127.0.0.1/file' found",
    "local": "a redirect to http or https expected, 'file:///etc/passwd' found",
    "no_address": "ValueError: Invalid IPv6 URL",
    "circle": "TooManyRedirects: Exceeded 30 redirects.",
}


@pytest.mark.parametrize("manner", REASONS)
def test_a_wrong_answer_is_the_reason_and_the_next_mirror_is_tried(server: Server, tmp_path: Path, manner: str) -> None:
    mirror = server.mirror(manner)
    with pytest.raises(UserError) as error_info:
        fetch([mirror], tmp_path / "file", "do this")
    message = f"no mirror delivered file ({mirror['url']}: {REASONS[manner]}); do this"
    assert str(error_info.value) == message
    assert not list(tmp_path.iterdir())
    fetch([mirror, server.mirror("whole")], tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("manner", ["early", "short", "other_total", "no_numbers", "no_content_range"])
def test_a_content_range_that_lies_is_the_reason_and_the_part_goes(server: Server, tmp_path: Path, manner: str) -> None:
    (tmp_path / f"file.{MD5}.part").write_bytes(CONTENT[:123])
    rest = len(CONTENT) - 123
    message = rf"Content-Range: bytes 123- to the end, {rest} bytes, expected, '.*' found"
    with pytest.raises(UserError, match=message):
        fetch([server.mirror(manner)], tmp_path / "file")
    assert not list(tmp_path.iterdir())
    (tmp_path / f"file.{MD5}.part").write_bytes(CONTENT[:123])
    fetch([server.mirror(manner), server.mirror("whole")], tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.ranges == ["bytes=123-", "bytes=123-", None]


def test_the_body_of_a_redirect_is_not_read(server: Server, tmp_path: Path) -> None:
    fetch([server.mirror("endless_redirect")], tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("manner", ["drip", "drip_header"])
def test_a_server_that_drips_is_left_and_the_part_stays(server: Server, tmp_path: Path, manner: str) -> None:
    part, handler = tmp_path / f"file.{MD5}.part", signal.getsignal(signal.SIGALRM)
    part.write_bytes(CONTENT[:123])
    mirrors = [server.mirror(manner), server.mirror(manner, md5="0" * 32)]
    with pytest.raises(UserError) as error_info:
        fetch(mirrors, tmp_path / "file", most_s=Bound(1, "limits.fetch_s in conf/dataset/x.yaml"))
    reason = "the file in 1 s expected (limits.fetch_s in conf/dataset/x.yaml), a part found"
    assert str(error_info.value).count(reason) == 2
    assert part.read_bytes()[:123] == CONTENT[:123]
    assert signal.getsignal(signal.SIGALRM) == handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_full_disk_is_an_error_of_one_line(server: Server, tmp_path: Path, monkeypatch) -> None:
    def raise_disk_full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "genres.tar.gz")

    monkeypatch.setattr(download, "_write_body", raise_disk_full)
    with pytest.raises(SystemExit, match=r"genres.tar.gz: No space left on device; .* run again"), report_errors():
        fetch([server.mirror("whole")], tmp_path / "file")


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
    write_packed(tmp_path / name, CONTENT[:100_000])
    (tmp_path / "raw").mkdir()
    assert unpack(tmp_path / name, tmp_path / "raw") == 1
    assert (tmp_path / "raw/a.wav").read_bytes() == CONTENT[:100_000]


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


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of classes outside the raw folder, and the raw folder with a recording."""
    for path in (tmp_path / "sounds/a/1.wav", tmp_path / "data/raw/folder/a/2.wav"):
        path.parent.mkdir(parents=True)
        path.touch()
    return tmp_path / "sounds"


def check(tmp_path: Path, **settings: str) -> None:
    check_sources(Folder(**settings), tmp_path / "data/raw/folder")


def test_a_source_outside_the_raw_folder_is_accepted(source: Path, tmp_path: Path) -> None:
    check(tmp_path, folder=str(source))
    check(tmp_path, folder=str(tmp_path / "missing"))


@pytest.mark.parametrize("place", ["data/raw/folder", "data/raw/folder/a", "data", "link", "links"])
def test_a_source_inside_the_raw_folder_is_refused_by_whatever_link(source: Path, tmp_path: Path, place: str) -> None:
    """The raw folder is replaced: recordings in it would be lost."""
    (tmp_path / "link").symlink_to(tmp_path / "data/raw/folder")
    (tmp_path / "links/a").mkdir(parents=True)
    (tmp_path / "links/a/2.wav").symlink_to(tmp_path / "data/raw/folder/a/2.wav")
    with pytest.raises(
        UserError, match=r"dataset: folder: a source outside .* expected, .* found; that folder is replaced"
    ):
        check(tmp_path, folder=str(tmp_path / place))


def test_a_table_of_groups_inside_the_raw_folder_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "data/raw/folder/groups.csv").touch()
    with pytest.raises(UserError, match="dataset: groups: a source outside"):
        check(tmp_path, folder=str(source), groups=str(tmp_path / "data/raw/folder/groups.csv"))
