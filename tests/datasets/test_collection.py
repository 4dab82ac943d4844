"""What the datasets that are fetched share; their layouts are in tests of their own."""

import zipfile
from pathlib import Path, PurePosixPath

import pytest
from helpers import build_leaf

from regenre.common.errors import UserError


def place(path: PurePosixPath) -> str | None:
    return path.name if path.suffix == ".wav" else None


def test_the_folder_goes_before_the_archive_and_the_archive_before_the_mirrors(tmp_path: Path) -> None:
    for name in ("folder", "raw", "unpacked"):
        (tmp_path / name).mkdir()
    (tmp_path / "folder/a.wav").touch()
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("b.wav", "c.wav", "notes.txt"):
            archive.writestr(name, "x")
    sources = {"archive": str(tmp_path / "x.zip"), "folder": str(tmp_path / "folder")}
    assert build_leaf("dataset", "gtzan", **sources).collect(place, tmp_path / "raw")[0] == 1
    del sources["folder"]
    assert build_leaf("dataset", "gtzan", **sources).collect(place, tmp_path / "unpacked")[0] == 2


def test_an_archive_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"archive .*x.zip: a tar or zip archive expected, no file found"):
        build_leaf("dataset", "gtzan", archive=str(tmp_path / "x.zip")).collect(place, tmp_path)
