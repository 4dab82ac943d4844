"""Files from the network: from the first mirror that delivers what is expected.

download  fetch a file
"""

import os
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import responses
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import requests
from tqdm import tqdm

from regenre.common.errors import UserError, find_cause
from regenre.common.files import compute_md5, compute_sha1
from regenre.datasets.limits import MB, PIECE, Bound

TIMEOUT_S = (10, 60)  # to connect; between two bytes
ATTEMPTS = 5  # per mirror; each resumes where the one before was cut


class _MirrorError(Exception):
    """A mirror did not deliver the file; str() is the reason. The partial file stays on disk."""


class _CutError(_MirrorError):
    """The connection ended early; the next attempt resumes."""


class _UselessError(_MirrorError):
    """What arrived is of no use, and the partial file goes."""


def download(
    mirrors: Iterable[Mapping[str, str]],
    target: Path,
    remedy: str,
    most_mb: Bound,
    most_s: Bound,
    digest: Callable[[Path], str] | None = None,
) -> None:
    """Fetch `target` from the first mirror that delivers the expected digest.

    The partial file is `<target>.<digest>.part`. The next attempt, in this run or a later one, requests the rest
    (HTTP Range), and starts again if the server ignores the range. Nothing is fetched if `target` has the digest.

    An alarm (SIGALRM) ends a mirror that takes too long, whatever it is doing. So this runs in the main thread.

    Parameters
    ----------
    mirrors : mappings with `url`, and `md5` or `sha1`, in order of preference
    target : file to write
    remedy : what the user can do if every mirror fails
    most_mb : size of the file
    most_s : seconds that each mirror has
    digest : file -> digest, compared with the mirror's; None for that of the bytes

    Raises
    ------
    UserError
        Every mirror failed. The message has the reason of each and the remedy.
    """
    reasons = []
    for mirror in mirrors:
        kind = "sha1" if "sha1" in mirror else "md5"
        compute = digest or {"md5": compute_md5, "sha1": compute_sha1}[kind]
        if target.is_file() and compute(target) == mirror[kind]:
            return
        try:
            _fetch_from_mirror(mirror["url"], kind, mirror[kind], target, most_mb, most_s, compute)
            return
        except _MirrorError as error:
            reasons.append(f"{mirror['url']}: {error}")
    raise UserError(f"no mirror delivered {target.name} ({'; '.join(reasons)}); {remedy}")


def _fetch_from_mirror(
    url: str, kind: str, expected: str, target: Path, most_mb: Bound, most_s: Bound, digest: Callable[[Path], str]
) -> None:
    """Fetch `target` from one mirror, with several attempts; raise `_MirrorError` if it does not deliver."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{expected}.part")
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
        actual = digest(part)
        if actual == expected:
            os.replace(part, target)
            return
        part.unlink()
        if not resumed or attempt == ATTEMPTS:
            raise _MirrorError(f"{kind} {expected} expected, {actual} found")


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
        raise _CutError(find_cause(error)) from error
    except (requests.RequestException, ValueError) as error:  # ValueError: an address in a redirect is none
        raise _MirrorError(find_cause(error)) from error


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
