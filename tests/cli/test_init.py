"""A project that `regenre init` makes, without running it; tests/test_package.py runs one."""

import os
import subprocess
from pathlib import Path

import pytest
from helpers import ROOT
from omegaconf import OmegaConf

from regenre.cli import init
from regenre.cli.main import main
from regenre.common import config, paths
from regenre.common.errors import UserError


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REGENRE_ROOT", raising=False)


def read_stages(folder: Path) -> dict:
    return OmegaConf.to_container(OmegaConf.load(folder / "dvc.yaml"), resolve=False)["stages"]


def list_files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_project_is_set_up_and_is_the_root(tmp_path: Path, monkeypatch, capsys) -> None:
    main(["init", "new/p"])
    assert capsys.readouterr().out.startswith("new/p: a project; now, in it: dvc repro, or regenre learn FOLDER\n")
    project = tmp_path / "new/p"
    monkeypatch.chdir(project / "data")
    assert paths.find_root() == project
    assert config.read_grid().cells
    for name in ("conf", "params.yaml", ".gitignore", "data/source/README.md", ".dvc/.gitignore"):
        assert list_files(ROOT / name) == list_files(project / name)
    assert (project / ".git/HEAD").is_file()
    assert not {"src", "tests", "reports"} & {path.name for path in project.iterdir()}


def test_the_stages_depend_on_the_package_instead_of_its_sources(tmp_path: Path) -> None:
    init.make_project(tmp_path)
    stages, expected = read_stages(tmp_path), read_stages(ROOT)
    assert stages.pop("mark")["outs"] == [{".regenre": {"cache": False, "persist": True}}]
    for stage in expected.values():
        stage["deps"] = [".regenre", *(dep for dep in stage["deps"] if not dep.startswith("src/"))]
    assert stages == expected


def test_the_mark_changes_with_the_package(tmp_path: Path, monkeypatch) -> None:
    init.make_project(tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p")
    before = Path(".regenre").read_text()
    init.mark(paths.find_root())
    assert Path(".regenre").read_text() == before
    monkeypatch.setattr(init, "_PACKAGE", ROOT / "src/regenre/cli")
    init.mark(paths.find_root())
    assert Path(".regenre").read_text() != before


@pytest.mark.parametrize("name", ["full", "full/file"])
def test_a_folder_that_is_not_empty_is_refused_and_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(
        SystemExit, match=f"^regenre: {name}: a new or an empty folder expected, but .*; choose another$"
    ):
        main(["init", name])
    assert list_files(tmp_path) == {"full/file"}


def test_a_project_is_made_whole_or_not_at_all(tmp_path: Path, monkeypatch) -> None:
    def fail(_folder: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(init, "mark", fail)
    with pytest.raises(SystemExit, match="disk full"):
        main(["init", "p"])
    assert list(tmp_path.rglob("*")) == [tmp_path / "p"]


def test_a_folder_is_no_project_before_all_files_are_in_it(tmp_path: Path, monkeypatch) -> None:
    replace = os.replace

    def fail_late(source: Path, target: Path) -> None:
        if Path(target) == tmp_path / "params.yaml":
            raise OSError("disk lost")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_late)
    with pytest.raises(OSError, match="disk lost"):
        init.make_project(tmp_path)
    assert not (tmp_path / ".regenre").exists()


def test_without_git_dvc_is_told_so(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    init.make_project(tmp_path)
    assert "no_scm = true" in (tmp_path / ".dvc/config").read_text()
    assert not (tmp_path / ".git").exists()


def test_a_repository_around_the_project_is_used(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    init.make_project(tmp_path / "p")
    assert not (tmp_path / "p/.git").exists()
    assert "no_scm" not in (tmp_path / "p/.dvc/config").read_text()


def test_without_a_project_learn_says_how_to_make_one(tmp_path: Path, monkeypatch, classes: Path) -> None:
    monkeypatch.setattr(paths, "_SOURCES", tmp_path)
    monkeypatch.setattr(paths, "_SHIPPED", ROOT)
    with pytest.raises(SystemExit, match="none found; make one with `regenre init FOLDER`, run from one or set"):
        main(["learn", str(classes)])
    with pytest.raises(UserError, match="'x' is not in conf/recipe/; choose from genres, speech_music_birds"):
        config.check_names("recipe", "recipe", ["x"])
