"""Texts beside clips and in tables."""

from pathlib import Path

import pandas as pd
import pytest
from helpers import build_family

from regenre.common.errors import UserError
from regenre.tabular.text import ClipText, read_text_beside
from regenre.tabular.transcript import Transcript, Word

CLIPS = pd.DataFrame({"clip_id": ["a", "b", "c"], "path": ["x/a.wav", "x/b.flac", "x/c.mp3"]}, dtype=object)


def test_the_text_beside_a_clip_comes_before_the_table_and_a_clip_may_have_no_text(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x/b.txt").write_text("\ufeff Flûte \n", encoding="utf-8")
    pd.DataFrame({"clip_id": ["a", "b"], "text": ["Drums", "not this"]}).to_csv(tmp_path / "t.csv", index=False)
    for captions in (tmp_path / "t.csv", tmp_path):
        table = build_family("text", captions=str(captions)).read_table("text", CLIPS, tmp_path)
        assert table.to_dict("list") == {"clip_id": ["a", "b", "c"], "text__words__clip": ["Drums", "Flûte", ""]}


def test_clips_without_audio_have_the_texts_of_the_table(tmp_path: Path) -> None:
    pd.DataFrame({"clip_id": ["a"], "text": ["Drums"]}).to_csv(tmp_path / "t.csv", index=False)
    table = build_family("text", captions=str(tmp_path)).read_table("text", CLIPS.assign(path=""), tmp_path)
    assert table["text__words__clip"].tolist() == ["Drums", "", ""]


def test_clips_and_texts_that_look_like_numbers_or_missing_values_stay_text(tmp_path: Path) -> None:
    clips = pd.DataFrame({"clip_id": ["007", "NA", "1e2"], "path": ""}, dtype=object)
    pd.DataFrame({"clip_id": ["007", "NA"], "text": ["NA", "1e2"]}).to_csv(tmp_path / "t.csv", index=False)
    table = build_family("text", captions=str(tmp_path)).read_table("text", clips, tmp_path)
    assert table["text__words__clip"].tolist() == ["NA", "1e2", ""]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "clip_id,text\na,\n",
            r"text expected beside a clip \(a.txt\) or in .*t.csv .*, none found for any clip; add some",
        ),
        ("clip_id,text\nz,no such clip\n", "none found for any clip"),
        ("clip_id,words\na,x\n", "columns 'clip_id', 'text' expected, columns 'clip_id', 'words' found; rename"),
        ("clip_id,text\n", r"t.csv: rows expected below the header, none found"),
        ("clip_id,text\na,x\na,y\n", "one row per clip expected, clip a has more; keep one"),
    ],
    ids=["no text", "unknown clip", "missing column", "no row", "two rows for a clip"],
)
def test_a_table_without_usable_texts_raises(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        build_family("text", captions=str(tmp_path / "t.csv")).read_table("text", CLIPS, tmp_path)


def test_a_missing_table_raises(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"none.csv: a CSV or Parquet file expected with columns 'clip_id', 'text', none found"
    ):
        build_family("text", captions=str(tmp_path / "none.csv")).read_table("text", CLIPS, tmp_path)


def test_a_text_that_is_not_utf_8_raises(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(UserError, match=r"a.txt: UTF-8 expected, byte 3 is not; save it as UTF-8"):
        read_text_beside(tmp_path / "a.wav")


def test_a_file_without_a_text_has_the_empty_text(tmp_path: Path) -> None:
    assert read_text_beside(tmp_path / "a.wav") == ""


def test_texts_that_contain_the_name_of_their_genre_are_recognised() -> None:
    text = build_family("text", captions="")
    assert text.names_genre("Classic Hip-Hop with scratches", "hiphop")
    assert text.names_genre("a slow blues", "blues")
    assert not text.names_genre("popular in the sixties", "pop")
    assert text.names_genre("a drone organ", "drone_organ")
    assert not build_family("text", captions="", ignored=["blues"]).names_genre("a slow blues", "blues")


def test_measures_of_speech_join_the_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x/a.txt").write_text("one two")
    words = [Word(0.0, 0.5, "one", 0.5), Word(1.0, 1.5, "two", 0.25)]
    Transcript("t", 4.0, words).write(tmp_path / "x/a.wav")
    family = build_family("text", captions=str(tmp_path), speech=True)
    table = family.read_table("text", CLIPS, tmp_path)
    assert table["text__words__clip"].tolist() == ["one two", "", ""]
    assert table["text__words_per_s__clip"].tolist() == [0.5, 0, 0]
    assert table["text__confidence__clip"].tolist() == [0.375, 0, 0]
    assert capsys.readouterr().out == (
        "family text: 2 of 3 clips have no transcript, so their words_per_s and confidence are 0\n"
    )
    for path, row in zip(CLIPS["path"], table.iloc[:, 1:].to_numpy(), strict=True):
        assert family.make_row(ClipText.read(tmp_path / path)).tolist() == row.tolist()


def test_a_text_without_a_transcript_counts_as_recognised() -> None:
    assert ClipText.assume("one two", 4.0) == ClipText("one two", (0.5, 1.0))
    assert ClipText.assume("", 4.0) == ClipText("", (0.0, 0.0))


def test_speech_without_a_transcript_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"clip_id": ["a"], "text": ["Drums"]}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(
        UserError, match=r"speech: a transcript expected .*a.transcript.json.*; run `regenre transcribe`"
    ):
        build_family("text", captions=str(tmp_path), speech=True).read_table("text", CLIPS, tmp_path)
