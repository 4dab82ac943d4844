import json
import os
import subprocess
from pathlib import Path

import pytest

from regenre.common.files import (
    clear_leftovers,
    compute_md5,
    compute_sha256,
    fill_folder,
    write_atomically,
    write_json,
    write_text,
)


def list_names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def write_half(path: Path) -> None:
    path.write_text("half")
    raise OSError("disk full")


def test_md5_is_that_of_rfc_1321(tmp_path: Path) -> None:
    (tmp_path / "message").write_bytes(b"message digest")
    assert compute_md5(tmp_path / "message") == "f96b697d7cb7938d525a2f31aaf161d0"


def test_sha256_is_that_of_fips_180(tmp_path: Path) -> None:
    (tmp_path / "message").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert compute_sha256(tmp_path / "message") == expected


def test_a_write_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "new", write_half)
    assert list_names(tmp_path) == []


def test_a_write_that_fails_keeps_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "old")
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "file", write_half)
    assert list_names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_a_write_replaces_the_old_file_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("new")
        assert path.read_text() == "old"

    write_atomically(path, write)
    assert path.read_text() == "new"
    assert list_names(tmp_path) == ["file"]


def test_missing_parent_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a/b/file", "ä")
    assert (tmp_path / "a/b/file").read_bytes() == "ä".encode()


def test_json_has_sorted_keys_at_every_level(tmp_path: Path) -> None:
    content = {"b": {"d": 1, "c": 2}, "a": [3]}
    write_json(tmp_path / "file.json", content)
    text = (tmp_path / "file.json").read_text()
    assert json.loads(text) == content
    assert [character for character in text if character in "abcd"] == list("abcd")
    assert text.endswith("}\n")


def test_a_folder_that_fails_to_fill_keeps_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/old").touch()
    with pytest.raises(OSError, match="disk full"), fill_folder(tmp_path / "raw") as folder:
        write_half(folder / "new")
    assert list_names(tmp_path) == ["raw", "raw/old"]


def test_a_folder_that_fails_to_fill_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk full"), fill_folder(tmp_path / "raw") as folder:
        write_half(folder / "new")
    assert list_names(tmp_path) == []


def test_a_full_folder_replaces_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/old").touch()
    with fill_folder(tmp_path / "raw") as folder:
        (folder / "new").touch()
        assert list_names(tmp_path / "raw") == ["old"]
    assert list_names(tmp_path) == ["raw", "raw/new"]


def test_leftovers_of_a_killed_run_are_not_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / ".raw.tmp").mkdir()
    (tmp_path / ".raw.tmp/leftover").touch()
    with fill_folder(tmp_path / "raw") as folder:
        assert list_names(folder) == []
    assert list_names(tmp_path) == ["raw"]


def test_temporary_files_of_killed_processes_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    target, other = tmp_path / "a.wav", tmp_path / "b.wav"
    left = tmp_path / f".a.wav.{ended.pid}.tmp"
    kept = [tmp_path / f".a.wav.{os.getppid()}.tmp", tmp_path / f".b.wav.{ended.pid}.tmp", tmp_path / "a.wav.1.tmp"]
    for path in (left, *kept, other):
        path.touch()
    with clear_leftovers([target, tmp_path / "none/c.wav"]):
        assert not left.exists()
    assert all(path.exists() for path in kept)


def test_an_interrupted_block_ends_its_workers_and_removes_their_temporary_files(tmp_path: Path) -> None:
    worker = subprocess.Popen(["sleep", "1000"])
    left = tmp_path / f".a.wav.{worker.pid}.tmp"

    def work() -> None:
        with clear_leftovers([tmp_path / "a.wav"]):
            left.touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert not left.exists()
    assert worker.poll() is not None
