"""Downloads from a real HTTP server on loopback, and archives on disk."""

import errno
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from regenre import files
from regenre.datasets import download
from regenre.datasets.download import check_sources
from regenre.datasets.folder import Folder
from regenre.errors import UserError, report_errors

CONTENT = np.random.default_rng(0).bytes(3_000_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT in the manner that the path names; records the requested ranges."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []
        self.cuts = 0

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
        manner, range_header = self.path.strip("/"), self.headers.get("Range")
        self.server.ranges.append(range_header)
        start = int(range_header.removeprefix("bytes=").split("-")[0]) if range_header and manner != "no_range" else 0
        body = b"<html>Sign in</html>" if manner == "html" else CONTENT[start:]
        if manner == "missing":
            self.send_error(404, "Not Found")
            return
        if range_header and start >= len(CONTENT):
            self.send_error(416, "Range Not Satisfiable")
            return
        self.send_response(206 if range_header and manner != "no_range" else 200)
        self.send_header("Content-Type", "text/html" if manner == "html" else "application/gzip")
        self.send_header("Content-Length", str(len(body)))
        if range_header and manner != "no_range":
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        cut = manner in {"cut", "no_range"} and self.server.cuts < 2
        self.server.cuts += cut
        self.wfile.write(body[: len(body) // 3] if cut or manner == "always_cut" else body)
        self.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()


def list_partial_files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".part")]


def test_a_complete_file_is_not_fetched_twice(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "genres.tar.gz"
    download.download([server.mirror("whole")], target, "")
    download.download([server.mirror("whole")], target, "")
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None]
    assert not list_partial_files(tmp_path)


def test_a_cut_connection_is_resumed_where_it_was_cut(server: Server, tmp_path: Path) -> None:
    download.download([server.mirror("cut")], tmp_path / "file", "")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=983040-", "bytes=1638400-"]  # whole pieces of 64 KiB


def test_a_server_that_ignores_ranges_sends_the_file_from_the_start(server: Server, tmp_path: Path) -> None:
    download.download([server.mirror("no_range")], tmp_path / "file", "")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=983040-", "bytes=983040-"]


def test_a_later_run_resumes_where_an_earlier_one_died(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"file.{MD5}.part").write_bytes(CONTENT[:123])
    download.download([server.mirror("whole")], tmp_path / "file", "")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.ranges == ["bytes=123-"]


@pytest.mark.parametrize("leftover", [CONTENT, b"x" * 100, b"x" * 4_000_000], ids=["complete", "wrong", "too long"])
def test_the_file_is_right_whatever_an_earlier_run_left(server: Server, tmp_path: Path, leftover: bytes) -> None:
    (tmp_path / f"file.{MD5}.part").write_bytes(leftover)
    download.download([server.mirror("whole")], tmp_path / "file", "")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_the_next_mirror_is_tried(server: Server, tmp_path: Path) -> None:
    manners = ["missing", "html", "whole"]
    download.download([server.mirror(manner) for manner in manners], tmp_path / "file", "")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_if_every_mirror_fails_one_line_says_why_and_what_to_do(server: Server, tmp_path: Path) -> None:
    unreachable = {"url": "http://127.0.0.1:9/file", "md5": MD5}
    wrong = server.mirror("whole", md5="0" * 32)
    mirrors = [server.mirror("missing"), server.mirror("html"), server.mirror("always_cut"), wrong, unreachable]
    with pytest.raises(SystemExit) as error_info, report_errors():
        download.download(mirrors, tmp_path / "file", "pass dataset.archive=/path")
    message = str(error_info.value)
    assert "\n" not in message
    for reason in ("HTTP 404", "HTML page", "cut 5 times", f"md5 {'0' * 32} expected, {MD5} found", "refused"):
        assert reason in message
    assert message.endswith("pass dataset.archive=/path")
    assert not (tmp_path / "file").exists()


def test_a_full_disk_is_an_error_of_one_line(server: Server, tmp_path: Path, monkeypatch) -> None:
    def raise_disk_full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "genres.tar.gz")

    monkeypatch.setattr(download, "_write_body", raise_disk_full)
    with pytest.raises(SystemExit, match=r"genres.tar.gz: No space left on device; .* run again"), report_errors():
        download.download([server.mirror("whole")], tmp_path / "file", "")


def place_wav(path: PurePosixPath) -> str | None:
    return path.name if path.suffix == ".wav" else None


def write_tar(path: Path, names: list[str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
    return path


def test_only_members_with_a_place_are_unpacked(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "a.tar.gz", ["genres/x/a.wav", "genres/x/a.png"])
    (tmp_path / "raw").mkdir()
    assert download.unpack_archive(archive, place_wav, tmp_path / "raw") == 1
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["a.wav"]


@pytest.mark.parametrize("name", ["../evil.wav", "x/../../evil.wav", "/evil.wav", "..\\evil.wav"])
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
        download.unpack_archive(archive, place_wav, raw)
    assert sorted(path.name for path in tmp_path.iterdir()) == [archive.name]


def test_a_link_in_an_archive_is_not_followed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "link.tar", "w") as archive:
        info = tarfile.TarInfo("link.wav")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    (tmp_path / "raw").mkdir()
    assert download.unpack_archive(tmp_path / "link.tar", place_wav, tmp_path / "raw") == 0


@pytest.mark.parametrize("damage", ["cut", "html", "empty"])
def test_a_damaged_archive_is_an_error(tmp_path: Path, damage: str) -> None:
    archive = write_tar(tmp_path / "a.tar.gz", [f"{number}.wav" for number in range(500)])
    content = archive.read_bytes()
    archive.write_bytes({"cut": content[: len(content) // 2], "html": b"<html></html>", "empty": b""}[damage])
    with pytest.raises(UserError, match="tar or zip archive expected"), files.fill_folder(tmp_path / "raw") as raw:
        download.unpack_archive(archive, place_wav, raw)
    assert not (tmp_path / "raw").exists()


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
