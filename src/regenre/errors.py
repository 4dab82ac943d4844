"""What goes wrong through no fault of the code, said in one line.

A `UserError` carries a sentence that names the thing (clip, file, option), what was expected, what
was found and what to do. `reported` turns it, a failed disk write and Ctrl-C into that one line and a
non-zero exit status; any other exception is a defect of regenre and keeps its traceback.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """A mistake or a circumstance that the person at the keyboard can mend; str() is one line."""


@contextmanager
def reported() -> Iterator[None]:
    """Run a stage's body; exit with one line on standard error instead of a traceback."""
    try:
        yield
    except UserError as error:
        raise SystemExit(f"regenre: {' '.join(str(error).split())}") from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise SystemExit(
            f"regenre: {where}{error.strerror or error}; nothing half-written was kept, mend it and run again"
        ) from error
    except KeyboardInterrupt:
        raise SystemExit("regenre: interrupted; run the same command again to go on") from None
