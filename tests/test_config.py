"""Contracts that every leaf of conf/ keeps."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, SR, frames_of, noise
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from regenre import config, extraction, fitting, models, splits
from regenre.errors import UserError
from regenre.families import per_clip

CONF = ROOT / "conf"
MADE = {"compute", "dataset", "pooling", "split"}
LEAVES = [(path.parent.name, path.stem) for path in sorted(CONF.glob("*/*.yaml")) if path.parent.name != "recipe"]


def composed(*overrides: str):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides))


def names(group: str) -> list[str]:
    return [name for found, name in LEAVES if found == group]


COMPUTED = [name for name in names("family") if name not in ("external", "text")]


@pytest.mark.parametrize(("group", "name"), LEAVES)
def test_every_leaf_composes_and_says_in_its_first_line_what_it_is(group: str, name: str) -> None:
    assert (CONF / group / f"{name}.yaml").read_text().startswith("# ")
    assert composed() if group == "family" else composed(f"{group}={name}")


@pytest.mark.parametrize(("group", "name"), [leaf for leaf in LEAVES if leaf[0] in MADE])
def test_every_leaf_can_be_made(group: str, name: str) -> None:
    assert config.build(composed(f"{group}={name}")[group])


def test_every_family_is_composed_and_has_a_module_and_a_test() -> None:
    assert sorted(composed().family) == names("family")
    for name in names("family"):
        assert (ROOT / f"src/regenre/families/{name}.py").is_file()
        assert (ROOT / f"tests/families/test_{name}.py").is_file()


@pytest.mark.parametrize("name", names("dataset"))
def test_every_dataset_has_a_module(name: str) -> None:
    assert (ROOT / f"src/regenre/datasets/{name}.py").is_file()


@pytest.mark.parametrize("pooling", names("pooling"))
def test_every_pooling_keeps_its_promises(pooling: str) -> None:
    pool = config.build(composed(f"pooling={pooling}").pooling)
    for name in COMPUTED:
        family = config.build(composed().family[name])
        for y in (noise(2.5), SIGNALS["silence"], SIGNALS["one sample"]):
            frames = frames_of(y)
            values = extraction.pooled(family, family(frames), frames.hop_s, pool)
            columns = extraction.columns(name, family, pool)
            assert values.shape == (len(columns),)
            assert values.dtype == np.float32
            assert np.isfinite(values).all()
            assert all(column.startswith(f"{name}__") and column.count("__") == 2 for column in columns)


def test_every_family_has_a_feature_set_of_its_own_and_is_in_all() -> None:
    for name in names("family"):
        assert list(composed(f"features={name}").features.families) == [name]
    assert sorted(composed("features=all").features.families) == COMPUTED


@pytest.mark.parametrize("name", names("features"))
def test_every_feature_set_names_families(name: str) -> None:
    families = composed(f"features={name}").features.families
    assert families
    assert set(families) <= set(names("family"))


SIGNALS = {
    "silence": np.zeros(SR, np.float32),
    "constant": np.full(SR, 0.5, np.float32),
    "one sample": np.ones(1, np.float32),
    "shorter than a window": noise(0.05),
    "clipping": np.sign(noise()).astype(np.float32),
}


@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("sr", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_every_family_keeps_its_promises(name: str, signal: str, sr: int) -> None:
    family, y = config.build(composed().family[name]), SIGNALS[signal]
    values = family(frames_of(y, sr))
    assert values.dtype == np.float32
    n_frames = () if per_clip(family) else (1 + len(y) // 512,)
    assert values.shape == (len(family.names), *n_frames)
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values, family(frames_of(y.copy(), sr)))
    assert len(set(family.names)) == len(family.names)
    assert all(("__" in feature) == per_clip(family) for feature in family.names)


@pytest.mark.parametrize("name", names("classifier"))
def test_every_classifier_keeps_its_promises(name: str, tmp_path: Path) -> None:
    from test_training import blobs, done

    with initialize_config_dir(str(CONF), version_base="1.3"):
        learner, (X, clips) = config.build(config.leaves("classifier", [name], 7)[name]), blobs()
    for estimator in [member.estimator for member in learner.members.values()] or [learner.estimator]:
        assert clone(estimator).get_params() == estimator.get_params()
        assert estimator.get_params().get("random_state", 7) in (7, None)
    fold = splits.GroupedKFolds(2, seed=1).folds(clips)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        (first,), (second,) = (done(learner, X, clips, [fold]) for _ in "12")
    np.testing.assert_array_equal(first.proba, second.proba)
    np.testing.assert_allclose(first.proba.sum(axis=1), 1, atol=1e-9)
    assert list(first.genres) == ["a", "b", "c"]
    if name != "dummy":
        assert (first.genres[first.proba.argmax(axis=1)] == clips["genre"].to_numpy()[fold.test]).mean() > 0.9
        (tmp_path / "model.skops").write_bytes(first.model)
        np.testing.assert_array_equal(models.load(tmp_path / "model.skops").predict_proba(X[fold.test]), first.proba)


@pytest.mark.parametrize("n", [200, 201, 202])
def test_the_network_is_no_worse_for_a_clip_more(n: int) -> None:
    """A last batch of a clip or two would spoil it, as it did once."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        learner = config.build(config.leaves("classifier", ["mlp"], 7)["mlp"])
    genre = np.tile(list("abc"), 70)
    X = np.random.default_rng(0).normal(size=(210, 4)) + 3 * np.tile(np.eye(3, 4), (70, 1))
    made, _, _ = fitting.fitted(learner, X[:n], genre[:n], np.arange(n), [], "accuracy")
    assert (made.predict(X[:n]) == genre[:n]).mean() > 0.9


def test_params_names_exist(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    grid = config.grid()
    assert len(grid.cells) == len(grid.splits) * len(grid.features) * len(grid.classifiers) >= 18


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"classifiers": ["svm"]},
            r"params.yaml: classifiers: 'svm' is not in conf/classifier/; choose from dummy, extra_trees",
        ),
        ({"features": ["mfccs"]}, "params.yaml: features: 'mfccs' is not in conf/features/"),
        ({"dataset": "gtzann"}, "params.yaml: dataset: 'gtzann' is not in conf/dataset/"),
        ({"splits": []}, "params.yaml: splits is missing or empty"),
    ],
)
def test_a_wrong_name_in_params_is_one_line(tmp_path: Path, monkeypatch, change: dict, said: str) -> None:
    params = OmegaConf.merge(OmegaConf.load(ROOT / "params.yaml"), change)
    OmegaConf.save(params, tmp_path / "params.yaml")
    monkeypatch.setattr(config, "PARAMS", tmp_path / "params.yaml")
    with pytest.raises(UserError, match=said) as caught:
        config.grid()
    assert "\n" not in str(caught.value)


def test_a_wrong_setting_is_one_line() -> None:
    node = OmegaConf.create({"_target_": "regenre.families.mfcc.Mfcc", "n_mfc": 3})
    with pytest.raises(UserError, match=r"regenre.families.mfcc.Mfcc cannot be made .*n_mfc") as caught:
        config.build(node)
    assert "\n" not in str(caught.value)
