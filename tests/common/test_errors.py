import errno
import os
import shlex
import signal
import subprocess
import sys

import pytest
from helpers import heed_signals

from regenre.common.errors import UserError, explain_error, join_lines, report_errors


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UserError("clip a:\n  three lines\nexpected"), "regenre: clip a: three lines expected"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/full/a"),
            "regenre: /full/a: No space left on device; no half",
        ),
        (MemoryError(), "regenre: more memory needed than there is"),
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


def test_an_error_of_one_of_several_is_one_line() -> None:
    assert explain_error(UserError("clip a:\n  bad")) == "clip a: bad"
    assert explain_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/full/a")) == "No space left on device"
    assert explain_error(ValueError()).startswith("ValueError: (a defect of regenre; please report it")
    assert explain_error(MemoryError("Unable to\nallocate 3 TiB")) == (
        "more memory needed than there is (Unable to allocate 3 TiB)"
    )


WAITS = """
import sys, time
from regenre.common.errors import end_process, prepare_process, report_errors
prepare_process()
if "ended" in sys.argv:
    end_process()
print("ready", flush=True)
if "unprotected" in sys.argv:
    time.sleep(1000)
with report_errors():
    time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("place", ["protected", "unprotected"])
def test_a_signal_ends_a_process_in_one_line(number: signal.Signals, place: str) -> None:
    command = heed_signals(sys.executable, "-c", WAITS, place)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, message = process.communicate()
    assert message == "regenre: interrupted; run the same command again to continue\n"
    assert process.returncode != 0


def test_letters_that_the_terminal_lacks_are_escaped() -> None:
    code = "from regenre.common.errors import prepare_process; prepare_process(); print('n\\xf6pe', chr(0xdcff))"
    process = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True
    )
    assert process.stdout == "n\\xf6pe \\udcff\n", process.stderr


def test_a_signal_after_the_work_ends_a_process_without_a_word() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS, "ended"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate()[1] == ""
    assert process.returncode == -signal.SIGTERM


WRITES = """
import sys
from regenre.common.errors import prepare_process, report_errors
prepare_process()
with report_errors():
    print("remark", file=sys.stderr)
    print("result" * 100_000)  # more than a pipe holds
    sys.stdout.flush()
"""


@pytest.mark.parametrize(
    ("redirection", "status", "output", "message"),
    [
        ("| head -c 6", 1, "result", "remark\n"),
        ("2>&-", 0, "result" * 100_000 + "\n", ""),
        (">&-", 1, "", "regenre: a standard output expected, a closed one found; omit `>&-`\n"),
    ],
    ids=["a reader that leaves", "standard error closed", "standard output closed"],
)
def test_an_output_that_is_closed(redirection: str, status: int, output: str, message: str) -> None:
    command = f"set -o pipefail; {shlex.quote(sys.executable)} -c {shlex.quote(WRITES)} {redirection}"
    process = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (process.returncode, process.stdout, process.stderr) == (status, output, message)
