from pathlib import Path

import pandas as pd
import pytest
import soundfile
from helpers import SR, inspect_or_die, noise, sine

from regenre.common import tables
from regenre.common.compute import Local
from regenre.common.errors import UserError
from regenre.datasets.dataset import CLIP_FACTS
from regenre.quality import clip_table


def make_clips(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame([(path, path, genre, group) for path, genre, group in rows], columns=CLIP_FACTS, dtype=object)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for number in range(4):
        soundfile.write(tmp_path / f"{number}.wav", noise(1.5, seed=number), SR)
    (tmp_path / "copy.wav").write_bytes((tmp_path / "0.wav").read_bytes())
    (tmp_path / "text.wav").write_text("not audio")
    soundfile.write(tmp_path / "short.wav", sine(440, 0.2), SR)
    return tmp_path


def test_every_clip_has_a_row_with_its_facts_or_its_fault(raw: Path) -> None:
    clips = make_clips(
        ("0.wav", "a", "u"), ("1.wav", "b", "v"), ("text.wav", "a", "u"), ("short.wav", "b", "v"), ("", "b", "v")
    )
    table, _, _ = clip_table.index_clips(clips, raw, 1.0)
    assert list(table.columns) == tables.CLIPS
    assert list(table["fault"]) == ["", "", "unreadable", "too_short", "missing"]
    assert list(table["status"]) == ["ok", "ok", "excluded", "excluded", "excluded"]
    assert table["duration_s"].iloc[0] == 1.5
    assert (table["reason"] != "").sum() == 3


def test_a_clip_that_is_broken_or_has_no_genre_is_left_out_of_all_that_is_measured(raw: Path) -> None:
    clips = make_clips(("0.wav", "a", "u"), ("1.wav", "b", "v"), ("2.wav", "b", "v"), ("copy.wav", "", "w"))
    clips["broken"] = ["", "", "cut too early", ""]
    table, findings, previews = clip_table.index_clips(clips, raw, 1.0)
    assert list(table["fault"]) == ["", "", "broken", "unlabelled"]
    assert table["reason"][2] == "cut too early"
    assert table["md5"][2] != ""
    assert list(previews) == ["0.wav", "1.wav"]
    assert list(findings["finding"]) == ["broken", "unlabelled"]


def test_a_clip_that_ends_the_process_is_left_out_and_the_others_are_read(raw: Path, monkeypatch) -> None:
    monkeypatch.setattr(clip_table, "_inspect_clip", inspect_or_die)
    clips = make_clips(("0.wav", "a", "u"), ("1.wav", "b", "v"), ("2.wav", "b", "v"), ("3.wav", "b", "v"))
    with Local(2).use():
        table, findings, previews = clip_table.index_clips(clips, raw, 1.0)
    assert list(table["fault"]) == ["", "", "unreadable", ""]
    assert table["reason"][2] == "the library that decodes it crashed"
    assert list(previews) == ["0.wav", "1.wav", "3.wav"]
    assert list(findings["clip_id"]) == ["2.wav"]


def test_the_published_part_stays_in_the_table(raw: Path) -> None:
    clips = make_clips(("0.wav", "a", "u"), ("1.wav", "b", "v")).assign(part=["train", "test"])
    table, _, _ = clip_table.index_clips(clips, raw, 1.0)
    tables.write_clips(raw / "clips.parquet", table)
    assert list(tables.read_clips(raw / "clips.parquet")["part"]) == ["train", "test"]


def test_groups_with_exact_replicas_are_joined(raw: Path) -> None:
    clips = make_clips(
        ("0.wav", "a", "u"), ("1.wav", "a", "u"), ("copy.wav", "b", "v"), ("2.wav", "b", "v"), ("3.wav", "b", "w")
    )
    table, _, _ = clip_table.index_clips(clips, raw, 1.0)
    assert list(table["group"]) == ["u", "u", "u", "u", "w"]


def test_the_number_of_workers_changes_nothing(raw: Path) -> None:
    clips = make_clips(*[(f"{number}.wav", "ab"[number % 2], str(number)) for number in range(4)])
    with Local(2).use():
        parallel = clip_table.index_clips(clips, raw, 1.0)
    for first, second in zip(clip_table.index_clips(clips, raw, 1.0)[:2], parallel[:2], strict=True):
        pd.testing.assert_frame_equal(first, second)


def test_a_genre_without_a_usable_clip_and_a_single_genre_are_errors(raw: Path) -> None:
    with pytest.raises(UserError, match=r"genre b: no usable clip \(the first: libsndfile cannot read it"):
        clip_table.index_clips(make_clips(("0.wav", "a", "u"), ("text.wav", "b", "v")), raw, 1.0)
    with pytest.raises(UserError, match=r"at least two genres expected, 1 found \(a\)"):
        clip_table.index_clips(make_clips(("0.wav", "a", "u")), raw, 1.0)


def test_a_dataset_without_clips_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"clips expected, none found; run `dvc repro download`"):
        clip_table.index_clips(make_clips(), tmp_path, 1.0)
