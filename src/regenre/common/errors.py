"""Errors that the user can mend, reported in one line.

A `UserError` is a sentence that names the thing (clip, file, option), what was expected, what was found and what to
do. `report_errors` turns it, a failed disk access, a lack of memory and Ctrl-C into that one line and a non-zero exit
status. Any other exception is a defect of regenre and keeps its traceback. `prepare_process` makes SIGTERM and SIGHUP
end a process as Ctrl-C does, so that its temporary files go.
"""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType

_INTERRUPTED = "regenre: interrupted; run the same command again to continue"


class UserError(Exception):
    """A mistake or a circumstance that the user can mend; str() is the message."""


@contextmanager
def report_errors() -> Iterator[None]:
    """Run the body; print one line on standard error instead of a traceback, and exit with status 1."""
    try:
        yield
    except UserError as error:
        raise SystemExit(f"regenre: {escape_terminal(join_lines(str(error)))}") from error
    except BrokenPipeError:  # the reader of the output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python writes as it ends
        raise SystemExit(1) from None
    except OSError as error:
        path = escape_terminal(f"{error.filename}: ") if error.filename else ""
        raise SystemExit(
            f"regenre: {path}{error.strerror or error}; no half-written file is left, mend the cause and run again"
        ) from error
    except MemoryError as error:
        raise SystemExit(f"regenre: {explain_error(error)}") from error
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None


def prepare_process() -> None:
    """Prepare a process that people start: how signals end it, and what a terminal shows of letters that it lacks.

    SIGTERM and SIGHUP interrupt it as Ctrl-C does, in one line, even while modules are imported. A process whose
    standard output is closed ends at once, for its results would be lost; a closed standard error is done without.
    """
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115 # as long as the process lives
    if sys.stdout is None:
        raise SystemExit("regenre: a standard output expected, a closed one found; omit `>&-`")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # `nohup` ignores SIGHUP
            signal.signal(number, signal.default_int_handler)
    sys.excepthook = _report_interrupt


def end_process() -> None:
    """Let signals end this process at once from now on: all is written, and Python itself is about to end.

    Python then walks through every object of the libraries once more, for up to a second, unless they are frozen.
    """
    gc.freeze()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) == signal.default_int_handler:
            signal.signal(number, signal.SIG_DFL)


def _report_interrupt(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print(_INTERRUPTED, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


def explain_error(error: Exception) -> str:
    """Return in one line what is wrong with one of several files or rows; the caller goes on with the others."""
    if isinstance(error, UserError):
        return join_lines(str(error))
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return f"more memory needed than there is ({join_lines(str(error)) or 'no size stated'})"
    return join_lines(f"{type(error).__name__}: {error} (a defect of regenre; please report it with this input)")


def escape_terminal(text: str) -> str:
    r"""Return one line of text: control characters, line breaks and invisible marks become `\n`, `\x1b`, `\u202e`.

    A terminal obeys control characters: it would move its cursor, change its title or write from right to left. Bytes
    of a file name that are no UTF-8 (`\udcff`) cannot be printed at all.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def find_cause(error: BaseException) -> str:
    """Return the innermost cause of an error whose text a stranger may choose, in one short line."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    text = f"{type(error).__name__}: {error}".split("\n")[0][:120]
    return "".join(char if char.isprintable() else "?" for char in text)  # a server chooses parts of it


def join_lines(text: str) -> str:
    """Return the text as one line."""
    return " ".join(text.split())
