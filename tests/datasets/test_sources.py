"""Sources inside and outside of what the pipeline writes."""

from pathlib import Path

import pytest

from regenre.common.errors import UserError
from regenre.datasets.folder import Folder
from regenre.datasets.sources import check_sources, list_unwatched


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of classes outside the raw folder, and the raw folder with a recording."""
    for path in (tmp_path / "sounds/a/1.wav", tmp_path / "data/raw/folder/a/2.wav"):
        path.parent.mkdir(parents=True)
        path.touch()
    return tmp_path / "sounds"


def check(tmp_path: Path, **settings: str) -> None:
    check_sources(Folder(**settings), tmp_path / "data/raw/folder")


def test_a_source_outside_the_raw_folder_is_accepted(source: Path, tmp_path: Path) -> None:
    check(tmp_path, folder=str(source))
    check(tmp_path, folder=str(tmp_path / "missing"))


@pytest.mark.parametrize("place", ["data/raw/folder", "data/raw/folder/a", "data", "link", "links"])
def test_a_source_inside_the_raw_folder_is_refused_by_whatever_link(source: Path, tmp_path: Path, place: str) -> None:
    """The raw folder is replaced: recordings in it would be lost."""
    (tmp_path / "link").symlink_to(tmp_path / "data/raw/folder")
    (tmp_path / "links/a").mkdir(parents=True)
    (tmp_path / "links/a/2.wav").symlink_to(tmp_path / "data/raw/folder/a/2.wav")
    with pytest.raises(
        UserError, match=r"dataset: folder: a source outside .* expected, .* found; that folder is replaced"
    ):
        check(tmp_path, folder=str(tmp_path / place))


def test_a_table_of_groups_inside_the_raw_folder_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "data/raw/folder/groups.csv").touch()
    with pytest.raises(UserError, match="dataset: groups: a source outside"):
        check(tmp_path, folder=str(source), groups=str(tmp_path / "data/raw/folder/groups.csv"))


def test_a_source_that_is_not_watched_is_named(source: Path, tmp_path: Path) -> None:
    dataset = Folder(folder=str(source / "a"))
    assert list_unwatched(dataset, source) == list_unwatched(dataset, source / "a") == []
    (line,) = list_unwatched(dataset, tmp_path / "data")
    assert f"{source / 'a'} is not in `source` of params.yaml" in line
    assert f"set `source: {source / 'a'}`" in line
