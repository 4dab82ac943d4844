"""Downloads from a real HTTP server on loopback."""

import errno
import hashlib
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from regenre.common.errors import UserError, report_errors
from regenre.datasets import download
from regenre.datasets.limits import Bound

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

    def mirror(self, manner: str, md5: str = MD5, kind: str = "md5") -> dict[str, str]:
        return {"url": f"http://127.0.0.1:{self.server_port}/{manner}", kind: md5}


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
        if manner == "no_http":
            self.wfile.write(b"\x1b[2Jhello\r\n")
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
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.over.set()
        running.shutdown()


def fetch(mirrors: list[dict[str, str]], target: Path, remedy: str = "", most_s: Bound = MOST_S) -> None:
    download.download(mirrors, target, remedy, MOST_MB, most_s)


def list_partial_files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".part")]


def test_a_mirror_may_publish_the_sha1(server: Server, tmp_path: Path) -> None:
    sha1 = hashlib.sha1(CONTENT).hexdigest()
    with pytest.raises(UserError, match=f"sha1 {MD5} expected, {sha1} found"):
        fetch([server.mirror("whole", MD5, "sha1")], tmp_path / "file")
    fetch([server.mirror("whole", sha1, "sha1")], tmp_path / "file")
    fetch([server.mirror("whole", sha1, "sha1")], tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert len(server.ranges) == 2


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
    manners = ["missing", "html", "always_cut", "no_http"]
    mirrors = [*(server.mirror(manner) for manner in manners), wrong, unreachable]
    with pytest.raises(SystemExit) as error_info, report_errors():
        fetch(mirrors, tmp_path / "file", "pass dataset.archive=/path")
    message = str(error_info.value)
    assert message.isprintable()
    for reason in (
        "HTTP 404 Not Found",
        "HTML page",
        "cut 5 times",
        "?[2Jhello",
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
        fetch(mirrors, tmp_path / "file", most_s=Bound(0.3, "limits.fetch_s in conf/dataset/x.yaml"))
    reason = "the file in 0.3 s expected (limits.fetch_s in conf/dataset/x.yaml), a part found"
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
