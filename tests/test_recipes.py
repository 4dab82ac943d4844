import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from omegaconf import OmegaConf

from regenre import config, recipes
from regenre.errors import UserError

NAMES = sorted(path.stem for path in (ROOT / "conf/recipe").glob("*.yaml"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch) -> Path:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "CONF", tmp_path / "conf")
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_names_what_there_is(name: str, project: Path) -> None:
    assert (project / f"conf/recipe/{name}.yaml").read_text().startswith("# ")
    assert recipes.apply(name, "synthetic_sounds") == [Path("params.yaml")]
    assert config.grid().dataset == "synthetic_sounds"
    recipe = OmegaConf.to_container(OmegaConf.load(project / f"conf/recipe/{name}.yaml"))
    assert {key: getattr(config.grid(), key) for key in recipe} == recipe


def test_settings_are_edited_as_by_hand(project: Path, tmp_path: Path) -> None:
    (tmp_path / "my classes").mkdir()
    before = {name: (project / name).read_text().splitlines() for name in ("params.yaml", "conf/dataset/folder.yaml")}
    recipes.apply("speech_music_birds", "my classes")
    assert OmegaConf.load("conf/dataset/folder.yaml").folder == str(tmp_path / "my classes")
    assert config.grid().dataset == "folder"
    for name, lines in before.items():
        after = (project / name).read_text().splitlines()
        assert [line.partition(":")[0] for line in after] == [line.partition(":")[0] for line in lines]
        assert [line.partition("#")[2] for line in after] == [line.partition("#")[2] for line in lines]
    assert "groups: null" in (project / "conf/dataset/folder.yaml").read_text()


def test_what_is_neither_a_folder_nor_a_dataset_is_said(project: Path) -> None:
    with pytest.raises(UserError, match="'x' is not in conf/recipe/; choose from speech_music_birds"):
        recipes.apply("x", "synthetic")
    with pytest.raises(
        UserError, match="nowhere: a folder with a sub-folder a class expected, or one of folder, gtzan"
    ):
        recipes.apply("speech_music_birds", "nowhere")
    with pytest.raises(UserError, match="nothing: a folder"):
        recipes.apply("speech_music_birds", "")
    with pytest.raises(UserError, match="folder: a folder"):
        recipes.apply("speech_music_birds", "folder")
    assert (project / "params.yaml").read_text() == (ROOT / "params.yaml").read_text()
