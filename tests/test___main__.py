"""`python -m regenre`, in this process."""

import gc
import runpy
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from regenre.cli import main as cli

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@pytest.fixture(autouse=True)
def same_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what the command changes in its process."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    yield
    gc.unfreeze()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    """Run the command, which exits; return its status or message."""
    monkeypatch.setattr(sys, "argv", ["regenre", *arguments])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("regenre", run_name="__main__")
    return caught.value.code


def test_help_and_wrong_arguments_have_their_status(monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--help") == 0
    assert capsys.readouterr().out.startswith("usage: regenre ")
    assert run(monkeypatch) == 2
    assert capsys.readouterr().err.startswith("usage: regenre ")


def test_a_mistake_is_the_exit_message(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    assert str(run(monkeypatch, "init", str(tmp_path))).startswith(f"regenre: {tmp_path}: ")


def test_an_interrupt_is_one_line_and_signals_are_as_before(monkeypatch) -> None:
    def interrupt() -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(cli, "main", interrupt)
    assert run(monkeypatch) == "regenre: interrupted; run the same command again to continue"
    assert [signal.getsignal(number) for number in SIGNALS] == [signal.SIG_DFL] * 3


def test_a_command_that_succeeds_returns(monkeypatch) -> None:
    ran = []
    monkeypatch.setattr(cli, "main", lambda: ran.append(True))
    runpy.run_module("regenre", run_name="__main__")
    assert ran == [True]
