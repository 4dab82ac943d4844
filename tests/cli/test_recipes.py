import shutil
from pathlib import Path

import pytest
from helpers import ROOT
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from regenre.cli import recipes
from regenre.common import config
from regenre.common.errors import UserError

NAMES = sorted(path.stem for path in (ROOT / "conf/recipe").glob("*.yaml"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch) -> Path:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copy(ROOT / ".regenre", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REGENRE_ROOT", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_sets_the_grid_to_names_in_conf(name: str, project: Path) -> None:
    assert (project / f"conf/recipe/{name}.yaml").read_text().startswith("# ")
    written, left_out = recipes.apply_recipe(name, "synthetic_sounds")
    assert written == [project / "params.yaml"]
    assert config.read_grid().dataset == "synthetic_sounds"
    recipe = OmegaConf.to_container(OmegaConf.load(project / f"conf/recipe/{name}.yaml"))
    assert list(left_out) == recipe.pop("networks", [])  # the project has none
    assert {key: getattr(config.read_grid(), key) for key in recipe} == recipe


def test_features_of_a_network_are_taken_if_it_is_there_and_else_left_out_with_the_reason(
    project: Path, networks: Path
) -> None:
    _, left_out = recipes.apply_recipe("genres", "synthetic_sounds")
    assert left_out["musicnn"].endswith("musicnn_msd.onnx, none found; run `regenre pretrained musicnn`")
    assert "\n" not in left_out["musicnn"]
    shutil.copytree(networks / "data/pretrained", project / "data/pretrained")
    _, left_out = recipes.apply_recipe("genres", "synthetic_sounds")
    assert not left_out
    assert config.read_grid().features == ["mfcc", "timbre", "timbre_rhythm", "all", "musicnn"]


def test_edits_keep_the_order_of_keys_and_the_comments(project: Path, tmp_path: Path) -> None:
    (tmp_path / "my classes").mkdir()
    before = (project / "params.yaml").read_text().splitlines()
    assert recipes.apply_recipe("speech_music_birds", "my classes")[0] == [project / "params.yaml"]
    assert (config.read_grid().dataset, config.read_grid().source) == ("folder", str(tmp_path / "my classes"))
    after = (project / "params.yaml").read_text().splitlines()
    assert [line.partition(":")[0] for line in after] == [line.partition(":")[0] for line in before]
    assert [line.partition("#")[2] for line in after] == [line.partition("#")[2] for line in before]


@pytest.mark.parametrize("name", ["${oc.env:HOME}", r"\${x}", "(2024)", "a=b,c", "it's [x] {y}", '"q" # : &', "%20?#"])
def test_a_folder_of_any_name_reaches_the_dataset_as_it_stands(project: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    recipes.apply_recipe("speech_music_birds", str(tmp_path / name))
    source = config.read_grid().source
    assert source == str(tmp_path / name)
    with initialize_config_dir(str(project / "conf"), version_base="1.3"):
        settings = compose("config", ["dataset=folder"])
    settings.source = config._escape(source)
    assert config._check_settings(settings, {}).dataset["folder"] == source


def test_an_unknown_recipe_or_source_raises_and_changes_no_file(project: Path) -> None:
    with pytest.raises(UserError, match="'x' is not in conf/recipe/; choose from genres, speech_music_birds"):
        recipes.apply_recipe("x", "synthetic")
    with pytest.raises(
        UserError,
        match=r"nowhere: a folder with one sub-folder per class expected, or one of fma_large, .*folder, gtzan",
    ):
        recipes.apply_recipe("speech_music_birds", "nowhere")
    with pytest.raises(UserError, match="nothing: a folder"):
        recipes.apply_recipe("speech_music_birds", "")
    with pytest.raises(UserError, match="folder: a folder"):
        recipes.apply_recipe("speech_music_birds", "folder")
    assert (project / "params.yaml").read_text() == (ROOT / "params.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "splits: [grouped_kfold]\nfeatures: [mfcc]\nclassifiers: [knn]\nseed: '1; touch x'",
            "a.yaml: seed is unknown",
        ),
        ("splits: [grouped_kfold]\nfeatures: [mfcc]", "a.yaml: classifiers is missing"),
        ("splits: [x]\nfeatures: [mfcc]\nclassifiers: [knn]", r"a.yaml: splits: 'x' is not in conf/split/"),
        (
            "splits: [grouped_kfold]\nfeatures: [mfcc]\nnetworks: [x]\nclassifiers: [knn]",
            r"a.yaml: networks: 'x' is not in conf/features/",
        ),
        ("splits: grouped_kfold\nfeatures: [mfcc]\nclassifiers: [knn]", "splits: a valid list expected"),
        ("- 1", r"a.yaml: settings \(key: value\) expected"),
    ],
)
def test_a_recipe_chooses_names_and_nothing_else(project: Path, text: str, message: str) -> None:
    (project / "conf/recipe/a.yaml").write_text(text)
    before = (project / "params.yaml").read_text()
    with pytest.raises(UserError, match=message):
        recipes.apply_recipe("a", "synthetic")
    assert (project / "params.yaml").read_text() == before
