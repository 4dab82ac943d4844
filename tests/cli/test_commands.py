"""What the commands print and write; commands that need a model are tested in test_project.py."""

import io
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from helpers import ROOT, SR, noise, sine
from workers import square_unless_five

from regenre.cli import commands
from regenre.cli.main import main
from regenre.features.families import onnx
from regenre.inference.tagging import open_tagger
from regenre.pretrained import musicnn
from regenre.tabular.transcript import Word

pytestmark = pytest.mark.slow


@pytest.fixture
def sounds(tmp_path: Path, monkeypatch) -> Path:
    """Return a project with the settings, a folder of audio files, and no results."""
    monkeypatch.delenv("REGENRE_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".regenre").touch()
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    (tmp_path / "in/deep").mkdir(parents=True)
    pause = np.zeros(SR)
    for name in ("a.wav", "deep/b.flac"):
        soundfile.write(tmp_path / "in" / name, np.concatenate([sine(440), pause, sine(440)]), SR)
    (tmp_path / "in/bad.mp3").write_text("not audio")
    (tmp_path / "there.png").write_text("precious")
    return tmp_path


def run(*arguments: str) -> str:
    """Run a command that fails; return its message."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return str(caught.value.code)


def count_failed(n_failed: int, n: int) -> str:
    return f"regenre: {n_failed} of {n} files could not be used; mend them as the lines above say, or leave them out"


def test_clean_and_convert_write_new_files_in_their_places(sounds: Path, capsys) -> None:
    before = {path: path.read_bytes() for path in (sounds / "in").rglob("*.*")}
    main(["clean", "in/a.wav"])
    assert soundfile.info("in/a.new.wav").duration == pytest.approx(2.1, abs=0.05)
    Path("in/a.new.wav").unlink()
    assert run("convert", "in", "--to", "ogg", "--rate", "16000", "--out", "out") == count_failed(1, 3)
    printed = capsys.readouterr()
    assert "in/deep/b.flac -> out/deep/b.ogg: 3.00 s -> 3.00 s" in printed.out
    assert "regenre: in/bad.mp3: FFmpeg cannot read it" in printed.err
    assert sorted(str(path.relative_to("out")) for path in Path("out").rglob("*.*")) == ["a.ogg", "deep/b.ogg"]
    assert soundfile.info("out/a.ogg").samplerate == 16_000
    assert {path: path.read_bytes() for path in (sounds / "in").rglob("*.*")} == before
    main(["convert", "in/a.wav", "in/deep/b.flac", "--to", ".wav", "--bits", "24", "--out", "wav"])
    assert soundfile.info("wav/b.wav").subtype == "PCM_24"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("clean", "in"), "--out: a folder for the new files expected"),
        (
            ("convert", "in/a.wav", "--out", "/dev/full", "--force"),
            "--out: a folder expected, something else found at /d",
        ),
        (("show", "in/a.wav", "--out", "there.png"), "there.png: a new file expected, but it is there already"),
        (("show", "in/a.wav", "--out", "a.pdf"), "--out: a name that ends in .png or .html expected"),
        (("show", "in/bad.mp3"), "in/bad.mp3: FFmpeg cannot read it"),
        (("show", "in/a.wav", "--families", "mfc"), "families: 'mfc' is not in conf/family/"),
        (("show", "in/a.wav", "--start", "9"), "in/a.wav: 3.00 s, more than 9.00 s expected"),
        (("classify", "in/a.wav", "--model", "none"), "model 'none': no such cell; there are none; run `dvc repro`"),
        (("classify", "in/a.wav", "--model", ""), "model '': no such cell; there are none; run `dvc repro`"),
        (("classify", "in/a.wav", "--model", "in"), "model in: a cell's folder expected, with a file cell.json, none"),
        (("classify", "in/a.wav"), "summary.csv is missing; run `dvc repro` first"),
        (("register",), "summary.csv is missing; run `dvc repro` first"),
    ],
)
def test_a_wrong_argument_is_one_line(sounds: Path, arguments: tuple[str, ...], message: str) -> None:
    line = run(*arguments)
    assert message in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("clean", "in/a.wav", "--out", "in/a.wav"), "in/a.wav: in/a.wav: a new file expected, an input found"),
        (
            ("convert", "in/a.wav", "in/deep/b.flac", "--to", "flac", "--out", "in/deep", "--force"),
            "in/deep/b.flac: in/deep/b.flac: a new file expected, an input found; choose another name with --out",
        ),
        (
            ("convert", "in/a.wav", "in/deep/../a.wav", "in/deep/b.flac", "--out", "o"),
            "in/a.wav: a target of its own expected, another file has o/a.wav too; name them one by one",
        ),
    ],
)
def test_a_target_that_is_none_is_reported_and_the_others_are_written(
    sounds: Path, capsys, arguments: tuple[str, ...], message: str
) -> None:
    before = {path: path.read_bytes() for path in (sounds / "in").rglob("*.*")}
    assert "files could not be used" in run(*arguments)
    printed = capsys.readouterr()
    assert f"regenre: {message}" in printed.err
    files = [argument for argument in arguments if argument.startswith("in/") and argument.endswith(("wav", "flac"))]
    assert len(printed.out.splitlines()) + printed.err.count("regenre: in/") == len(set(files))
    assert {path: path.read_bytes() for path in before} == before


def test_names_reach_the_terminal_without_control_characters(sounds: Path, capsys) -> None:
    name = "\x1b[31m\u202e\n=a$$`|<b>.wav"
    Path("in/a.wav").rename(name)
    Path("\x1b.mp3").write_text("not audio")
    main(["clean", name])
    assert run("convert", name, "\x1b.mp3", "--to", "flac", "--out", "o") == count_failed(1, 2)
    main(["show", name, "--out", "\x1b.html"])
    printed = capsys.readouterr()
    shown = r"\x1b[31m\u202e\n=a$$`|<b>"
    lines = printed.out.splitlines()
    assert lines[0].startswith(f"{shown}.wav -> {shown}.new.wav: 3.00 s")
    assert lines[1].startswith(f"{shown}.wav -> o/{shown}.flac: 3.00 s")
    assert lines[2:] == [r"\x1b.html"]
    assert r"regenre: \x1b.mp3: FFmpeg" in printed.err
    assert f"<h1>{shown.replace('<', '&lt;').replace('>', '&gt;')}.wav</h1>" in Path("\x1b.html").read_text()


def test_show_writes_a_figure_or_a_page_that_needs_no_network(sounds: Path, capsys) -> None:
    soundfile.write("long.wav", noise(8.0), SR)
    main(["show", "long.wav", "--length", "3"])
    assert Path("long.png").read_bytes().startswith(b"\x89PNG")
    arguments = ["show", "long.wav", "--out", "long.html", "--families", "lpcc,rhythm", "--start", "2", "--length", "4"]
    main(arguments)
    page = Path("long.html").read_text()
    main([*arguments, "--force"])
    assert Path("long.html").read_text() == page
    assert "<h1>long.wav, 2 to 6 s of 8.0 s</h1>" in page
    assert "rhythm__tempo_bpm__clip" in page
    assert "lpcc__01__mean" in page
    assert 'src="data:audio/mpeg;base64,' in page
    assert not re.search(r'(src|href)="http|url\(http', page)
    assert capsys.readouterr().out.split() == ["long.png", "long.html", "long.html"]


def test_whoever_stops_early_hears_nothing_of_the_rest(sounds: Path) -> None:
    results = commands._run_each([(str(number),) for number in range(100)], Path.exists, 2, "work", [])
    assert next(results) == ("0", False)
    results.close()  # a warning would be an error here


def test_a_file_that_ends_a_process_is_reported_and_the_others_are_used(capsys) -> None:
    failed: list[str] = []
    results = list(
        commands._run_each([(f"{number}.wav",) for number in range(20)], square_unless_five, 2, "read", failed)
    )
    assert results == [(f"{number}.wav", [{"square": number**2}]) for number in range(20) if number != 5]
    assert failed == ["5.wav"]
    assert "regenre: 5.wav: the library that decodes it crashed\n" in capsys.readouterr().err


def test_transcribe_writes_texts_and_goes_on_where_it_stopped(sounds: Path, monkeypatch, capsys) -> None:
    words = [Word(0.0, 0.5, "la", 0.5)]
    calls: list[int] = []

    class Stub:
        sr = 8000

        def __call__(self, y: np.ndarray) -> list[Word]:
            calls.append(len(y))
            return words

    monkeypatch.setattr(commands, "_make_transcriber", lambda name: Stub())
    (sounds / "in/deep/b.txt").write_text("by hand")
    assert run("transcribe", "in", "--jobs", "1") == count_failed(1, 3)
    printed = capsys.readouterr()
    assert "in/a.wav: 1 words, confidence 0.50\n" in printed.out
    assert "regenre: in/bad.mp3: FFmpeg cannot read it" in printed.err
    assert "regenre: 1 of 3 files have a text and stay as they are" in printed.err
    assert calls == [0, 3 * 8000]  # nothing, to see whether it works; a.wav
    assert (sounds / "in/a.txt").read_text() == "la\n"
    assert (sounds / "in/deep/b.txt").read_text() == "by hand"
    run("transcribe", "in", "--jobs", "1")
    assert calls == [0, 3 * 8000, 0]
    assert "not audio" not in capsys.readouterr().err  # but texts and transcripts
    Path("in/a.flac").write_bytes(b"")
    assert run("transcribe", "in") == (
        "regenre: in/a.wav: another name expected, in/a.flac would share its text; rename one"
    )


def test_an_unknown_transcriber_names_those_that_there_are(sounds: Path) -> None:
    assert run("transcribe", "in", "--transcriber", "x") == (
        "regenre: --transcriber: 'x' is not in conf/transcriber/; choose from faster_whisper, pocketsphinx"
    )


def test_pretrained_fetches_networks_and_checks_them(networks: Path, sounds: Path, monkeypatch, capsys) -> None:
    """What is fetched is tested in pretrained/; here, weights that are there already."""
    folder = sounds / "data/pretrained"
    monkeypatch.setattr(
        musicnn,
        "fetch",
        lambda target: (
            shutil.copytree(networks / "data/pretrained", target)
            and [target / f"musicnn_{model}.onnx" for model in ("msd", "mtt")]
        ),
    )
    monkeypatch.chdir(sounds / "in")
    main(["pretrained", "musicnn"])
    assert capsys.readouterr().out == (
        f"{folder}/musicnn_msd.onnx, {folder}/musicnn_mtt.onnx: 500 values per frame\n"
        "now: regenre tag FILE; or put musicnn among the features in params.yaml, then dvc repro\n"
    )
    shutil.rmtree(folder)
    monkeypatch.setattr(musicnn, "fetch", lambda target: [])
    assert run("pretrained", "musicnn").endswith("none found; run `regenre pretrained musicnn`")


def test_tag_names_the_tags_of_files_and_goes_on_past_bad_ones(
    networks: Path, sounds: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("REGENRE_ROOT", str(networks))
    soundfile.write("in/long.wav", noise(10.0), SR)
    assert run("tag", "in", "none.wav", "--top", "2", "--jobs", "1") == count_failed(2, 5)
    wrong = run("tag", "in/a.wav", "--plot", "s.txt")
    assert wrong == "regenre: --plot: a name that ends in .png expected, s.txt found"
    printed = capsys.readouterr()
    assert [line.partition(": ")[0] for line in printed.out.splitlines()] == [
        "in/a.wav",
        "in/deep/b.flac",
        "in/long.wav",
    ]
    assert all(re.fullmatch(r".*: [\w -]+ \d\.\d{3}, [\w -]+ \d\.\d{3}", line) for line in printed.out.splitlines())
    assert "regenre: in/bad.mp3: FFmpeg cannot read it" in printed.err
    assert "regenre: none.wav: a file expected" in printed.err
    main(["tag", "in/long.wav", "--json", "--plot", "tags.png"])
    answer = json.loads(capsys.readouterr().out)
    assert (len(answer["proba"]), len(answer["timeline"])) == (50, 3)
    assert Path("tags.png").read_bytes().startswith(b"\x89PNG")
    main(["tag", "in/long.wav", "in/a.wav", "--csv", "--model", "mtt", "--jobs", "1"])
    table = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert list(table["file"]) == ["in/long.wav"] * 3 + ["in/a.wav"]
    assert list(table)[:4] == ["file", "start_s", "proba__guitar", "proba__classical"]
    assert table.shape == (4, 52)
    assert run("tag", "in", "--plot", "all.png") == "regenre: --plot: one file expected, 4 found; take them one by one"
    assert "tags.png: a new file expected" in run("tag", "in/a.wav", "--plot", "tags.png")


def test_tag_without_the_network_or_its_library_says_what_to_run(sounds: Path, networks: Path, monkeypatch) -> None:
    open_tagger.cache_clear()
    assert run("tag", "in/a.wav").endswith("musicnn_msd.onnx, none found; run `regenre pretrained musicnn`")
    shutil.copytree(networks / "data/pretrained", "data/pretrained")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    onnx._open.cache_clear()
    assert run("tag", "in/a.wav").endswith("onnxruntime expected, none found; run pip install 'regenre[pretrained]'")
