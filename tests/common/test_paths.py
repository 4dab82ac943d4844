from pathlib import Path

import pytest
from helpers import ROOT

from regenre.common import paths
from regenre.common.errors import UserError
from regenre.common.paths import CellName


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("REGENRE_ROOT", raising=False)
    (tmp_path / "project/notebooks/deep/conf").mkdir(parents=True)
    (tmp_path / "project/notebooks/deep/conf/config.yaml").touch()
    (tmp_path / "project/.regenre").touch()
    (tmp_path / "project/conf").mkdir()
    return tmp_path


@pytest.mark.parametrize("below", [".", "notebooks", "notebooks/deep"])
def test_the_root_is_the_nearest_folder_with_the_marker(folder: Path, below: str, monkeypatch) -> None:
    monkeypatch.chdir(folder / "project" / below)
    assert paths.find_root() == folder / "project"
    assert paths.locate_conf() == folder / "project/conf"


def test_the_variable_comes_before_the_working_directory(folder: Path, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("REGENRE_ROOT", str(folder / "project"))
    assert paths.locate_raw("gtzan") == folder / "project/data/raw/gtzan"
    monkeypatch.setenv("REGENRE_ROOT", str(folder))
    with pytest.raises(UserError, match=r"REGENRE_ROOT=.*: a project's folder \(.*.regenre\) expected, none found"):
        paths.find_root()


def test_without_a_project_the_sources_of_an_editable_installation_are_one(folder: Path, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    assert paths.find_root() == ROOT
    monkeypatch.setattr(paths, "_SOURCES", folder)
    with pytest.raises(
        UserError, match=r"expected here or above, none found; make one with `regenre init FOLDER`, run"
    ):
        paths.find_root()


def test_without_a_project_the_settings_are_those_of_the_package(folder: Path, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(paths, "_SOURCES", folder)
    monkeypatch.setattr(paths, "_SHIPPED", folder / "project")
    assert paths.locate_conf() == folder / "project/conf"
    monkeypatch.setenv("REGENRE_ROOT", str(folder))
    with pytest.raises(UserError, match="REGENRE_ROOT="):
        paths.locate_conf()


def test_a_project_without_settings_is_one_line_that_names_it(folder: Path, monkeypatch) -> None:
    (folder / "project/conf").rmdir()
    monkeypatch.chdir(folder / "project/notebooks/deep")  # which has a conf/
    with pytest.raises(
        UserError, match=r"/project: a folder conf/ with the project's settings expected, none found; restore it, or"
    ):
        paths.locate_conf()


def test_a_cells_name_is_text_columns_and_a_row() -> None:
    name = CellName("grouped_kfold", "mfcc", "knn")
    assert str(name) == "grouped_kfold-mfcc-knn"
    assert CellName.read_row({"dataset": "gtzan", **name.columns}) == name
    assert str(CellName("a", "b", "c", "classifier.search.C=[1]")) == "a-b-c,classifier.search.C=[1]"


def test_paths_below_the_working_directory_are_shortened(folder: Path, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    assert paths.shorten(folder / "project/reports") == "project/reports"
    assert paths.shorten(Path("/elsewhere")) == "/elsewhere"


def test_a_relative_root_still_names_the_project_after_going_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/.regenre").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGENRE_ROOT", "project")
    paths.enter_root()
    assert Path.cwd() == paths.find_root() == tmp_path / "project"


def test_a_queued_experiment_reads_the_clips_of_the_project_unless_it_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "project/.dvc/tmp/exps/tmp123"
    for folder in (tmp_path / "project", copy):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".regenre").touch()
    monkeypatch.setenv("REGENRE_ROOT", str(copy))
    assert paths.find_home() == tmp_path / "project"
    assert paths.locate_raw("x") == tmp_path / "project/data/raw/x"
    (copy / "data/raw/x").mkdir(parents=True)
    assert paths.locate_raw("x") == copy / "data/raw/x"
    assert paths.locate_network("data/pretrained/a.onnx") == tmp_path / "project/data/pretrained/a.onnx"
    assert paths.locate_network("/elsewhere/a.onnx") == Path("/elsewhere/a.onnx")
    assert paths.locate_manifest("x") == copy / "data/raw/x.json"


def test_without_a_project_a_network_is_in_the_users_cache(folder: Path, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(paths, "_SOURCES", folder)
    monkeypatch.setattr(paths.platformdirs, "user_cache_path", lambda name: folder / "cache" / name)
    assert paths.locate_network("data/pretrained/a.onnx") == folder / "cache/regenre/data/pretrained/a.onnx"
    assert paths.locate_network("/elsewhere/a.onnx") == Path("/elsewhere/a.onnx")
