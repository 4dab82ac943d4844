"""The command line: its help, and the exit status of wrong arguments."""

import tomllib
from pathlib import Path

import pytest
from helpers import ROOT

from regenre.cli import commands
from regenre.cli.main import main
from regenre.common.errors import UserError

OPTIONS = {
    "init": ["FOLDER"],
    "learn": ["FOLDER", "--recipe"],
    "classify": ["FILE", "--jobs", "--model", "--json", "--csv", "--top", "--window", "--plot", "--stress"],
    "tag": ["FILE", "--jobs", "--model", "--json", "--csv", "--top", "--plot", "--force"],
    "explain": ["FILE", "--model", "--start", "--json", "--out", "--force"],
    "compare": ["A", "B", "--json", "--csv", "--out", "--force", "--mlflow"],
    "show": ["FILE", "--families", "--out", "--start", "--length", "--sr"],
    "clean": ["FILE", "--jobs", "--out", "--force", "--below", "--pause", "--ends"],
    "convert": ["FILE", "--jobs", "--out", "--force", "--to", "--rate", "--bits", "--mono"],
    "pretrained": ["NAME"],
    "register": ["--model", "--name"],
}


def run(*arguments: str) -> int | str | None:
    """Run a command that exits; return its status or message."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    text = capsys.readouterr().out
    assert all(f"\n    {command} " in text for command in OPTIONS)

    assert text.count("regenre learn FOLDER") == 1
    assert 'eval "$(regenre --print-completion bash)"' in " ".join(text.split())


def test_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert capsys.readouterr().out == f"regenre {project['version']}\n"


@pytest.mark.parametrize("command", OPTIONS)
def test_help_of_a_command_lists_its_arguments(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "--help") == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: regenre {command} ")
    listed = text.partition("positional arguments:" if "positional arguments:" in text else "options:")[2]
    assert all(f"\n  {option}" in listed for option in OPTIONS[command])
    assert f"\nExample: regenre {command} " in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("lern",), "invalid choice: 'lern'"),
        (("learn",), "the following arguments are required: FOLDER"),
        (("classify",), "the following arguments are required: FILE"),
        (("classify", "a.wav", "--json", "--csv"), "not allowed with argument"),
        (("classify", "a.wav", "--top", "few"), "argument --top: a valid integer expected, 'few' found"),
        (("classify", "a.wav", "--top", "0"), "argument --top: greater than or equal to 1 expected, '0' found"),
        (
            ("classify", "a.wav", "--jobs", "0"),
            "argument --jobs: -1 (one for each core) or at least 1 expected, 0 found",
        ),
        (("tag", "a.wav", "--model", "mtg"), "argument --model: invalid choice: 'mtg' (choose from"),
        (("classify", "a.wav", "--window", "nan"), "argument --window: a finite number expected, 'nan' found"),
        (("show", "a.wav", "--sr", "4000"), "argument --sr: greater than or equal to 8000 expected, '4000' found"),
        (("show", "a.wav", "--sr", "192000"), "argument --sr: less than or equal to 96000 expected, '192000' found"),
        (("show", "a.wav", "--length", "-1"), "argument --length: greater than 0 expected, '-1' found"),
        (("convert", "a.wav", "--rate", "1"), "argument --rate: greater than or equal to 1000 expected, '1' found"),
        (("convert", "a.wav", "--bits", "12"), "argument --bits: invalid choice: 12"),
        (("clean", "a.wav", "--mono"), "unrecognized arguments: --mono"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_argument_exits_with_status_2(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err


def test_a_command_gets_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    received = []
    monkeypatch.setattr(commands, "clean", received.append)
    main(["clean", "a.wav", "b", "--out", "new", "--below", "40", "--ends"])
    (arguments,) = received
    assert (arguments.files, arguments.out) == (["a.wav", "b"], Path("new"))
    assert (arguments.below, arguments.pause, arguments.ends, arguments.force) == (40.0, 0.3, True, False)


def test_an_error_of_the_user_is_one_line_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise UserError("clip a: two\nlines")

    monkeypatch.setattr(commands, "register", fail)
    assert run("register") == "regenre: clip a: two lines"
