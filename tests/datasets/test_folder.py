from pathlib import Path

import pytest

from regenre.common import tables
from regenre.common.errors import UserError
from regenre.datasets.folder import Folder


def download(raw: Path, dataset: Folder) -> Path:
    raw.mkdir()
    dataset.download(raw)
    return raw


def test_clips_are_found_at_any_depth_and_in_any_format(classes: Path, tmp_path: Path) -> None:
    (classes / "low" / "notes.txt").touch()
    (classes / "low" / ".hidden.wav").touch()
    dataset = Folder(str(classes))
    clips = dataset.list_clips(download(tmp_path / "raw", dataset))
    assert clips["genre"].value_counts().to_dict() == {"high": 6, "low": 6}
    assert clips["clip_id"].iloc[0] == "high/deep/0.flac"
    assert list(clips["group"]) == list(clips["clip_id"])


def test_files_of_the_user_are_linked_and_not_copied(classes: Path, tmp_path: Path) -> None:
    before = sorted(classes.rglob("*"))
    raw = download(tmp_path / "raw", Folder(str(classes)))
    assert all(path.is_symlink() for path in raw.rglob("*.wav"))
    assert sorted(classes.rglob("*")) == before


def test_a_name_that_no_table_can_hold_is_left_out(classes: Path, tmp_path: Path) -> None:
    (classes / "low/bad\udcff.wav").symlink_to("0.wav")
    (classes / "bad\udcff").mkdir()
    (classes / "bad\udcff/0.wav").symlink_to("../low/0.wav")
    dataset, raw = Folder(str(classes)), tmp_path / "raw"
    raw.mkdir()
    message = dataset.download(raw)
    assert message.startswith(f"12 files linked from {classes}; left out: 2 not named in UTF-8; rename it ('bad")
    assert message.isprintable()
    tables.write_csv(tmp_path / "clips.csv", dataset.list_clips(raw))


def test_groups_come_from_groups_csv(classes: Path, tmp_path: Path) -> None:
    (classes / "groups.csv").write_text("clip_id,group\nlow/0.wav,anna\nlow/1.wav,anna\nlow/2.wav,\n")
    dataset = Folder(str(classes))
    clips = dataset.list_clips(download(tmp_path / "raw", dataset)).set_index("clip_id")["group"]
    assert clips["low/0.wav"] == clips["low/1.wav"] == "anna"
    assert clips["low/2.wav"] == "low/2.wav"
    assert clips["high/deep/0.flac"] == "high/deep/0.flac"


def test_a_group_of_an_unknown_clip_is_an_error(classes: Path, tmp_path: Path) -> None:
    (classes / "groups.csv").write_text("clip_id,group\nlow/99.wav,anna\n")
    with pytest.raises(
        UserError, match=r"classes/groups.csv: a clip of the dataset expected, such as high/deep/0.flac"
    ):
        download(tmp_path / "raw", Folder(str(classes)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "groups.csv: a UTF-8 table with columns 'clip_id', 'group' expected, an empty file found"),
        (b"clip_id,group\nlow/0.wav,caf\xe9\n", "groups.csv: UTF-8 expected, byte 0xe9 found in line 2"),
        (b"clip_id,group\nlow/0.wav,a\nlow/0.wav,b\n", "groups.csv: clip low/0.wav: one group expected, 'a' and 'b'"),
    ],
    ids=["empty", "latin-1", "two groups"],
)
def test_errors_name_the_table_of_the_user(classes: Path, tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "groups.csv").write_bytes(content)
    with pytest.raises(UserError, match=f"{tmp_path}/{message}"):
        download(tmp_path / "raw", Folder(str(classes), str(tmp_path / "groups.csv")))


def test_a_group_may_be_called_na(classes: Path, tmp_path: Path) -> None:
    (classes / "groups.csv").write_text("clip_id,group\nlow/0.wav,NA\nlow/1.wav,NA\nlow/2.wav,007\n")
    dataset = Folder(str(classes))
    clips = dataset.list_clips(download(tmp_path / "raw", dataset)).set_index("clip_id")["group"]
    assert list(clips[["low/0.wav", "low/1.wav", "low/2.wav"]]) == ["NA", "NA", "007"]


def test_errors_name_the_folder_and_what_is_wrong_with_it(classes: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with pytest.raises(UserError, match="no folder given"):
        Folder().download(tmp_path / "raw")
    with pytest.raises(UserError, match="nothing found there"):
        Folder(str(tmp_path / "none")).download(tmp_path / "raw")
    with pytest.raises(UserError, match="at least two class sub-folders expected, 1 found"):
        Folder(str(classes / "high")).download(tmp_path / "raw")
    (classes / "silence").mkdir()
    (tmp_path / "raw2").mkdir()
    with pytest.raises(UserError, match="class silence holds no audio file"):
        Folder(str(classes)).download(tmp_path / "raw2")


def test_texts_beside_clips_are_linked_too(classes: Path, tmp_path: Path) -> None:
    (classes / "low/0.txt").write_text("deep")
    (classes / "high/notes.txt").write_text("of no clip")
    raw = tmp_path / "raw"
    raw.mkdir()
    assert Folder(str(classes)).download(raw).startswith("12 files linked")
    assert [path.relative_to(raw).as_posix() for path in raw.rglob("*.txt")] == ["low/0.txt"]
    assert (raw / "low/0.txt").read_text() == "deep"
    assert len(Folder(str(classes)).list_clips(raw)) == 12
