"""Errors that the user can mend, reported in one line.

A `UserError` is a sentence that names the thing (clip, file, option), what was expected, what was found and what to
do. `report_errors` turns it, a failed disk access and Ctrl-C into that one line and a non-zero exit status. Any other
exception is a defect of regenre and keeps its traceback.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """A mistake or a circumstance that the user can mend; str() is the message."""


@contextmanager
def report_errors() -> Iterator[None]:
    """Run the body; print one line on standard error instead of a traceback, and exit with status 1."""
    try:
        yield
    except UserError as error:
        raise SystemExit(f"regenre: {join_lines(str(error))}") from error
    except OSError as error:
        path = f"{error.filename}: " if error.filename else ""
        raise SystemExit(
            f"regenre: {path}{error.strerror or error}; no half-written file is left, mend the cause and run again"
        ) from error
    except KeyboardInterrupt:
        raise SystemExit("regenre: interrupted; run the same command again to continue") from None


def join_lines(text: str) -> str:
    """Return the text as one line."""
    return " ".join(text.split())
