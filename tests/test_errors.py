import errno
import os

import pytest

from regenre.errors import UserError, join_lines, report_errors


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UserError("clip a:\n  three lines\nexpected"), "regenre: clip a: three lines expected"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/full/a"),
            "regenre: /full/a: No space left on device; no half",
        ),
        (KeyboardInterrupt(), "regenre: interrupted; run the same command again to continue"),
    ],
)
def test_a_mistake_ends_in_one_line_and_a_status(error: BaseException, message: str) -> None:
    with pytest.raises(SystemExit) as caught, report_errors():
        raise error
    assert str(caught.value.code).startswith(message)
    assert "\n" not in str(caught.value.code)


def test_a_defect_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), report_errors():
        raise ZeroDivisionError


def test_lines_are_joined() -> None:
    assert join_lines(" a\n\n  b\tc ") == "a b c"
