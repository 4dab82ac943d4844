"""Contracts that every leaf of conf/ keeps, and how settings are composed and refused."""

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from helpers import ROOT, SR, blobs, frames_of, noise, run_folds, skip_without_keras
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from regenre.audio import MAX_PEAK, SILENCE_PEAK
from regenre.common import config, paths
from regenre.common.compute import Compute
from regenre.common.errors import UserError
from regenre.common.files import compute_sha256
from regenre.common.paths import CellName
from regenre.datasets.dataset import Dataset
from regenre.deformation.deformation import Deformation
from regenre.features import extraction
from regenre.features.family import Family, TableFamily, is_per_clip
from regenre.features.frames import Frames
from regenre.features.pooling import Pooling
from regenre.learning import estimator, models, splits
from regenre.learning.estimator import Learner
from regenre.transcription.transcriber import Transcriber

pytestmark = pytest.mark.slow

CONF = ROOT / "conf"
LEAVES = [(path.parent.name, path.stem) for path in sorted(CONF.glob("*/*.yaml")) if path.parent.name != "recipe"]
KINDS = {
    "classifier": [Learner], "compute": [Compute], "dataset": [Dataset], "deformation": [Deformation],
    "family": [Family, TableFamily],
    "pooling": [Pooling], "split": [splits.Split], "transcriber": [Transcriber],
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGENRE_ROOT", str(ROOT))


@cache
def read_settings() -> config.Settings:
    """Compose once: a composition takes a third of a second."""
    return config.compose_settings()


@cache
def read_group(group: str) -> dict[str, dict[str, Any]]:
    """Compose once for all leaves of a group."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        overrides = [f"+{group}@leaves.{name}={name}" for name in list_leaves(group)]
        leaves = config.resolve_node(compose(None, overrides).leaves)
        leaves = config.fill_words(leaves, {"seed": 7, "source": "data/source"})
        return {name: config.add_members(leaf, 7) for name, leaf in leaves.items()}


def read_leaf(group: str, name: str) -> dict[str, Any]:
    return read_group(group)[name]


def list_leaves(group: str) -> list[str]:
    return [name for leaf_group, name in LEAVES if leaf_group == group]


@cache
def build_once(group: str, name: str) -> Any:
    leaf = read_leaf(group, name)
    if name == "onnx":  # the leaf waits for a network of the user's
        leaf = leaf | {"sha256": compute_sha256(paths.locate_network(leaf["path"]))}
    return config.build(leaf, f"conf/{group}/{name}.yaml", *KINDS[group])


def analyse(name: str, sr: int, n_fft: int = 2048, **changes: Any) -> extraction.Analysis:
    """Make an analysis with one family, some of its settings changed."""
    family = config.build(read_leaf("family", name) | changes, f"conf/family/{name}.yaml", Family)
    return extraction.Analysis({name: family}, build_once("pooling", "mean_std"), sr, n_fft, 512)


COMPUTED = [name for name in list_leaves("family") if name not in ("external", "text")]
LEARNED = ["musicnn", "onnx"]


@pytest.fixture
def build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Any]:
    """Build a leaf once; the test is skipped if that takes a network that is not there."""

    def build_leaf(group: str, name: str) -> Any:
        if name in LEARNED:
            monkeypatch.setenv("REGENRE_ROOT", str(request.getfixturevalue("networks")))
        return build_once(group, name)

    return build_leaf


@pytest.mark.parametrize(("group", "name"), LEAVES)
def test_every_leaf_composes_and_its_first_line_says_what_it_is(group: str, name: str) -> None:
    assert (CONF / group / f"{name}.yaml").read_text().startswith("# ")
    assert read_leaf(group, name)


@pytest.mark.parametrize("name", [*(f"{group}/{name}" for group, name in LEAVES if group != "compute"), "config"])
def test_an_experiment_of_dvc_can_change_every_file(name: str, tmp_path: Path) -> None:
    """DVC resolves a file alone before it writes it back: an interpolation would be an error, or be lost."""
    path = tmp_path / "leaf.yaml"
    shutil.copy(CONF / f"{name}.yaml", path)
    before = yaml.safe_load(path.read_text())
    apply_overrides(str(path), ["+added=1"])
    assert yaml.safe_load(path.read_text()) == before | {"added": 1}


def test_words_of_conf_stand_for_settings_and_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    node = {"a": ["<seed>", {"b": "<source>"}], "c": "<KERAS_BACKEND, jax>", "d": "<other>", "e": "a <seed>"}
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    values = {"seed": 7, "source": "<seed>"}
    expected = {"a": [7, {"b": "<seed>"}], "c": "jax", "d": "<other>", "e": "a <seed>"}
    assert config.fill_words(node, values) == expected


@pytest.mark.parametrize(("group", "name"), [leaf for leaf in LEAVES if leaf[0] in KINDS])
def test_every_leaf_can_be_built(build, group: str, name: str) -> None:
    assert build(group, name)


def test_every_family_is_composed_and_has_a_module_and_a_test() -> None:
    assert sorted(read_settings().family) == list_leaves("family")
    for name in list_leaves("family"):
        room = "features/families" if name in COMPUTED else "tabular"
        assert (ROOT / f"src/regenre/{room}/{name}.py").is_file()
        assert (ROOT / f"tests/{room}/test_{name}.py").is_file()
        assert (read_leaf("family", name)["_target_"].split(".")[1] == "tabular") == (name not in COMPUTED)


@pytest.mark.parametrize("name", list_leaves("dataset"))
def test_every_dataset_has_a_module_and_a_test(name: str) -> None:
    module = build_once("dataset", name).__module__.removeprefix("regenre.datasets.")
    assert module in (name, name.rpartition("_")[0])  # subsets share one: fma_small, fma_medium
    assert (ROOT / f"tests/datasets/test_{module}.py").is_file()


def test_every_transcriber_has_a_module() -> None:
    for name in list_leaves("transcriber"):
        assert build_once("transcriber", name).__module__ == f"regenre.transcription.{name}"


def test_every_module_has_a_test() -> None:
    sources = ROOT / "src/regenre"
    modules = {path.relative_to(sources) for path in sources.rglob("*.py") if path.name != "__init__.py"}
    tests = {path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    assert not {module for module in modules if module.with_name(f"test_{module.name}") not in tests}


@pytest.mark.parametrize("pooling", list_leaves("pooling"))
@pytest.mark.parametrize("name", COMPUTED)
def test_every_pooling_keeps_its_promises(build, pooling: str, name: str) -> None:
    pool, family = build_once("pooling", pooling), build("family", name)
    for y in (noise(2.5), SIGNALS["silence"], SIGNALS["one sample"]):
        frames = frames_of(y)
        values = extraction.pool(family, family(frames), frames.hop_s, pool)
        columns = extraction.name_columns(name, family, pool)
        assert values.shape == (len(columns),)
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert all(column.startswith(f"{name}__") and column.count("__") == 2 for column in columns)


def test_every_family_is_a_feature_set_and_is_in_all_unless_it_was_trained() -> None:
    for name in list_leaves("family"):
        assert config.read_feature_set(name) == config.FeaturesLeaf([name])
    assert sorted([*config.read_feature_set("all").families, *LEARNED]) == COMPUTED
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config._register_settings(CONF)
        assert compose("config", ["features=gfcc"]).features.families == ["gfcc"]


@pytest.mark.parametrize("name", list_leaves("features"))
def test_every_feature_set_names_families(name: str) -> None:
    leaf = config.read_feature_set(name)
    assert set(leaf.families) <= set(list_leaves("family"))
    if leaf.augment:
        assert config.build_leaves(
            "deformation", config.read_deformations(name, leaf.augment.deformations), Deformation
        )


SIGNALS = {
    "silence": np.zeros(SR, np.float32),
    "constant": np.full(SR, 0.5, np.float32),
    "one sample": np.ones(1, np.float32),
    "shorter than a window": noise(0.05),
    "clipping": np.sign(noise()).astype(np.float32),
    "the loudest valid": 10 * np.float32(MAX_PEAK) * noise(),
    "the quietest valid": np.float32(0.1) * np.float32(SILENCE_PEAK) * noise(),
}


@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("sr", [8_000, 16_000, 22_050, 44_100, 96_000])
def test_every_family_keeps_its_promises(build, name: str, signal: str, sr: int) -> None:
    family, y = build("family", name), SIGNALS[signal]
    values = family(frames_of(y, sr))
    assert values.dtype == np.float32
    whole = is_per_clip(family)
    assert values.shape == (len(family.names), *(() if whole else (1 + len(y) // 512,)))
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values, family(frames_of(y.copy(), sr)))
    assert len(set(family.names)) == len(family.names)
    assert all(("__" in feature) == whole for feature in family.names)


@pytest.mark.parametrize("name", [name for name in COMPUTED if {"fmin_hz", "fmax_hz"} <= {*read_leaf("family", name)}])
@pytest.mark.parametrize("sr", [8_000, 16_000, 22_050, 44_100, 96_000])
def test_every_family_with_a_bank_refuses_edges_that_the_rate_does_not_have(name: str, sr: int) -> None:
    place = f"family {name} at {sr} Hz with n_fft 2048: fmin_hz < fmax_hz <= .* found; see conf/family/{name}.yaml"
    for change in ({"fmax_hz": sr / 2}, {"fmin_hz": 3000.0, "fmax_hz": 3000.0}, {"fmin_hz": sr / 2}):
        with pytest.raises(UserError, match=place):
            analyse(name, sr, **change)


@pytest.mark.parametrize("name", COMPUTED)
def test_every_family_has_more_bands_than_coefficients(name: str) -> None:
    settings = read_leaf("family", name)
    bands = next((setting for setting in ("n_bands", "n_mels") if setting in settings), None)
    if bands and f"n_{name}" in settings:
        with pytest.raises(UserError, match=f"n_{name}: at most {bands}, {settings[bands]}, expected"):
            analyse(name, SR, **{f"n_{name}": settings[bands] + 1})


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("rhythm", {"n_mels": 1024}, "a bin in each band expected"),
        ("correlation_pattern", {"n_bands": 1}, "n_bands: at least 2 expected, 1 found"),
        ("fluctuation", {"n_modulations": 60}, "n_modulations: at most 30 expected, 60 found"),
        ("fluctuation", {"segment_s": 0.5}, "n_modulations: at most 5 expected, 20 found"),
        ("logarithmic_fluctuation_pattern", {"slowest_hz": 9.0, "fastest_hz": 0.5}, "fastest_hz: more than 9 "),
    ],
)
def test_settings_without_a_value_for_each_column_are_refused_before_any_clip_is_read(
    name: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=f"family/?.?{name}.*{message}"):
        analyse(name, SR, **changes)


@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize("sr", [8_000, 22_050, 96_000])
@pytest.mark.parametrize("n_fft", [16, 333, 512])
def test_every_family_is_finite_or_refused_whatever_the_transform(name: str, sr: int, n_fft: int) -> None:
    with suppress(UserError):
        analysis = analyse(name, sr, n_fft)
        assert np.isfinite(analysis.families[name](Frames(noise(0.5), sr, n_fft, 512))).all()


@pytest.mark.parametrize("name", COMPUTED)
def test_every_family_bounds_what_it_computes(name: str) -> None:
    """A stranger's cell.json may ask for anything: bands, windows and lists would fill the memory."""
    settings = read_leaf("family", name)
    for setting, value in settings.items():
        if isinstance(value, (int, list)) or setting.endswith("_s"):
            much = [0.5] * 10_000 if isinstance(value, list) else 1_000_000
            with pytest.raises(UserError, match=f"cell.json: .* {setting}: (less than or equal to|at most)"):
                config.build(settings | {setting: much}, "cell.json", Family)


@pytest.mark.parametrize("name", list_leaves("classifier"))
def test_every_classifier_keeps_its_promises(name: str, tmp_path: Path) -> None:
    if name == "cnn":
        skip_without_keras()
    learner, (X, clips) = config.build(read_leaf("classifier", name), name, Learner), blobs()
    for unfitted in [member.estimator for member in learner.members.values()] or [learner.estimator]:
        if "n_estimators" in unfitted.get_params():
            unfitted.set_params(n_estimators=10)  # of two hundred trees, which add time and no promise
        assert repr(clone(unfitted).get_params()) == repr(unfitted.get_params())
        seeds = {value for setting, value in unfitted.get_params().items() if setting.endswith("random_state")}
        assert seeds <= {7, None}
    fold = splits.GroupedKFolds(2, seed=1).deal(clips)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        (first,), (second,) = (run_folds(learner, X, clips, [fold]) for _ in "12")
    np.testing.assert_array_equal(first.proba, second.proba)
    np.testing.assert_allclose(first.proba.sum(axis=1), 1, atol=1e-9)
    assert list(first.genres) == ["a", "b", "c"]
    if name != "dummy":
        assert (first.genres[first.proba.argmax(axis=1)] == clips["genre"].to_numpy()[fold.test]).mean() > 0.7
        (tmp_path / "model.skops").write_bytes(first.model)
        loaded = models.load_model(tmp_path / "model.skops")  # refuses types that are not in its list
        np.testing.assert_array_equal(loaded.predict_proba(X[fold.test]), first.proba)


def test_the_linear_machine_for_size_has_few_ties() -> None:
    """Sigmoids of a machine for each genre saturate, and then the first genre would win."""
    rng = np.random.default_rng(0)
    genre = np.tile(list("abcde"), 40)
    X = rng.normal(size=(200, 60)).astype(np.float32) + 0.5 * rng.normal(size=(5, 60))[np.arange(200) % 5]
    fit = estimator.fit(build_once("classifier", "sgd"), X, genre, np.arange(200), [], "accuracy")
    highest = np.sort(fit.estimator.predict_proba((30 * X).astype(np.float32)), axis=1)[:, -2:]
    assert (highest[:, 1] > highest[:, 0]).mean() > 0.95


def test_the_backend_of_keras_is_a_setting_of_the_leaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it decides the digest of a cell."""
    for name, backend in ((None, "jax"), ("torch", "torch")):
        monkeypatch.setenv("KERAS_BACKEND", name) if name else monkeypatch.delenv("KERAS_BACKEND", raising=False)
        assert read_group.__wrapped__("classifier")["cnn"]["estimator"]["backend"] == backend


@pytest.mark.parametrize("n", [200, 201, 202])
def test_the_network_is_no_worse_with_one_clip_more(n: int) -> None:
    """A last batch of one or two clips would spoil it."""
    genre = np.tile(list("abc"), 70)
    X = np.random.default_rng(0).normal(size=(210, 4)) + 3 * np.tile(np.eye(3, 4), (70, 1))
    fit = estimator.fit(build_once("classifier", "mlp"), X[:n], genre[:n], np.arange(n), [], "accuracy")
    assert (fit.estimator.predict(X[:n]) == genre[:n]).mean() > 0.9


def test_the_grid_of_params_names_what_exists() -> None:
    grid = config.read_grid()
    assert len(grid.cells) == len(grid.splits) * len(grid.features) * len(grid.classifiers) >= 18
    assert grid.cells[0] == CellName(grid.splits[0], grid.features[0], grid.classifiers[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"classifiers": ["svm"]},
            r"params.yaml: classifiers: 'svm' is not in conf/classifier/; choose from cnn, dummy, extra_trees",
        ),
        ({"features": ["mfccs"]}, "params.yaml: features: 'mfccs' is not in conf/features/; choose from all, bfcc"),
        ({"features": "mfcc"}, "params.yaml: features: a valid list expected, 'mfcc' found"),
        ({"dataset": "gtzann"}, "params.yaml: dataset: 'gtzann' is not in conf/dataset/"),
        ({"splits": []}, "params.yaml: splits: at least 1 expected, 0 found"),
        ({"seed": "abc"}, "params.yaml: seed: a valid integer expected, 'abc' found"),
        ({"seed": -1}, "params.yaml: seed: greater than or equal to 0 expected, -1 found"),
        ({"classifiers": ["knn", "knn"]}, "params.yaml: classifiers: each name once expected, 'knn' found twice"),
        ({"metric": "accuracy"}, "params.yaml: metric is unknown"),
    ],
)
def test_a_wrong_name_in_params_is_one_line(tmp_path: Path, monkeypatch, change: dict, message: str) -> None:
    (tmp_path / ".regenre").touch()
    (tmp_path / "conf").symlink_to(CONF)
    OmegaConf.save(OmegaConf.merge(OmegaConf.load(ROOT / "params.yaml"), change), tmp_path / "params.yaml")
    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    with pytest.raises(UserError, match=message) as caught:
        config.read_grid()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audio": {"sr": -1, "min_duration_s": 1}}, "audio.sr: greater than or equal to 1000 expected, -1 found"),
        ({"study": {"cell": None, "shares": [2], "n_repeats": 1, "n_permutations": 1}}, "study.shares.0: less than 1"),
        ({"stress": {"cells": None, "deformations": []}}, "stress.cells: a valid list expected, None found"),
        ({"stress": {"cells": [], "deformations": ["a", "a"]}}, "stress.deformations: each name once expected, 'a'"),
        ({"seed": "abc"}, "seed: a valid integer expected, 'abc' found"),
        ({"metric": "accuracy"}, "metric is unknown"),
    ],
)
def test_settings_of_another_kind_are_one_line(change: dict[str, Any], message: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config._register_settings(CONF)
        settings = compose("config")
    with pytest.raises(UserError, match=message) as caught:
        config._check_settings(OmegaConf.create(config.resolve_node(settings) | change), {})
    assert "\n" not in str(caught.value)


def test_patterns_name_leaves_and_each_has_to_match_one() -> None:
    assert config.match_names("here", "deformation", ["tilt_*", "tilt_6", "hall"]) == [
        "hall", "tilt_12", "tilt_3", "tilt_6",
    ]  # fmt: skip
    assert config.match_names("here", "deformation", ["*"]) == list_leaves("deformation")
    assert config.match_names("here", "deformation", []) == []
    with pytest.raises(UserError, match=r"^here: 'tilts_\*' is not in conf/deformation/; choose from babble_10, "):
        config.match_names("here", "deformation", ["hall", "tilts_*"])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a copy of conf/ that a test may edit."""
    (tmp_path / ".regenre").touch()
    shutil.copytree(CONF, tmp_path / "conf")
    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("group", "name"), [("classifier", "svm_rbf"), ("split", "grouped_kfold")])
def test_a_leaf_that_is_a_list_is_named(project: Path, group: str, name: str) -> None:
    (project / f"conf/{group}/{name}.yaml").write_text("- a\n")
    with pytest.raises(UserError, match=f"^conf/{group}/{name}.yaml: {group}: a valid dictionary expected, "):
        config.compose_settings()
    with (
        initialize_config_dir(str(project / "conf"), version_base="1.3"),
        pytest.raises(UserError, match=rf"^conf/{group}/{name}.yaml: settings \(key: value\) expected, a list found"),
    ):
        config.read_leaves([name] if group == "split" else [], [name] if group == "classifier" else [], 1)


def test_a_group_without_leaves_is_named(project: Path) -> None:
    shutil.rmtree(project / "conf/dataset")
    with pytest.raises(UserError, match=f"^here: 'gtzan' is not in conf/dataset/; {project}/conf/dataset has no leaf"):
        config.check_names("here", "dataset", ["gtzan"])


@contextmanager
def run_with(*overrides: str) -> Iterator[DictConfig]:
    """Yield the settings of a stage that runs with these overrides."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config._register_settings(CONF)
        cfg = compose("config", [*overrides], return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        try:
            yield cfg
        finally:
            HydraConfig.instance().cfg = None


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("+classifier.foo=1", "conf/classifier/knn.yaml, or the command line"),
        ("classifier.search.n_neighbors=3", "conf/classifier/knn.yaml, or the command line"),
        ("~classifier.estimator", "conf/classifier/knn.yaml, or the command line"),
        ("seed=3", "conf/classifier/knn.yaml"),
    ],
)
def test_a_wrong_setting_of_a_leaf_names_the_command_line_if_that_changes_the_leaf(override: str, place: str) -> None:
    with run_with("classifier=knn", override) as cfg:
        wrong = config.resolve_node(cfg.classifier) | {"scale": "maybe"}
        with pytest.raises(UserError, match=f"^{place}: "):
            config.build(wrong, "conf/classifier/knn.yaml", Learner)


def test_a_wrong_setting_of_one_family_names_the_command_line_for_that_family() -> None:
    with run_with("family.mfcc.n_mfcc=0") as cfg:
        with pytest.raises(UserError, match=r"^conf/family/mfcc.yaml, or the command line: .*n_mfcc"):
            config.build(cfg.family.mfcc, "conf/family/mfcc.yaml", Family)
        with pytest.raises(UserError, match=r"^conf/family/gfcc.yaml: "):
            config.build({}, "conf/family/gfcc.yaml", Family)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "classifier.reads=frames",
            "classifier.reads is not set in the chosen leaf of conf/classifier/; to add it, put",
        ),
        ("split.pieces=1", "split.pieces is not set in the chosen leaf of conf/split/; see"),
        ("search.foo=1", "search.foo is no setting; see"),
    ],
)
def test_a_setting_that_is_absent_is_explained(override: str, message: str) -> None:
    with pytest.raises(UserError, match=f"^train: {message}"), config._explain_composition("train"), run_with(override):
        pass


LEARNER, KNN = "regenre.learning.estimator.Learner", {"_target_": "sklearn.neighbors.KNeighborsClassifier"}


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({}, "here: `_target_: <class>` expected, a Learner; none found"),
        (None, "here: `_target_: <class>` expected, a Learner; none found"),
        (KNN, "here: _target_: a Learner expected, sklearn.neighbors.KNeighborsClassifier found"),
        ({"_target_": LEARNER}, "estimator, or members of a vote, expected; neither found"),
        (
            {"_target_": LEARNER, "estimator": {"n_neighbors": 3}},
            "estimator: a classifier of scikit-learn's kind expect",
        ),
        ({"_target_": LEARNER, "estimator": KNN, "reads": "rows", "scales": 1}, "scales is unknown"),
        ({"_target_": LEARNER + "s", "estimator": KNN}, "Error loading 'regenre.learning.estimator.Learners'"),
        ({"_target_": LEARNER, "estimator": KNN | {"n": 3}}, "unexpected keyword argument 'n'"),
    ],
)
def test_a_leaf_that_is_no_classifier_is_one_line(node: Any, message: str) -> None:
    with pytest.raises(UserError, match=f"^here: .*{message.removeprefix('here: ')}") as caught:
        config.build(node, "here", Learner)
    assert "\n" not in str(caught.value)


def test_a_wrong_setting_is_one_line() -> None:
    node = OmegaConf.create({"_target_": "regenre.features.families.mfcc.Mfcc", "n_mfc": 3})
    with pytest.raises(
        UserError, match=r"^here: regenre.features.families.mfcc.Mfcc cannot be built .*n_mfc"
    ) as caught:
        config.build(node, "here", Family)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": "os.system", "command": "true"},
        {"_target_": "regenre.learning.estimator.Learner", "estimator": {"_target_": "subprocess.run"}},
        {"_target_": "regenre.learning.estimator.Learner", "members": [{"a": {"_target_": "sklearnish.Evil"}}]},
    ],
)
def test_only_packages_that_the_user_trusts_are_built(node: dict) -> None:
    with pytest.raises(UserError, match="something in regenre, sklearn, hmmlearn expected; if you trust its author"):
        config.build(node, "here", Learner)


@pytest.mark.parametrize(
    "target", ["regenre.common.config.os.getcwd", "regenre.common.config.Path", "regenre.common.config.resolve_node"]
)
def test_only_classes_of_these_packages_are_built(target: str) -> None:
    with pytest.raises(UserError, match=f"a class of regenre, sklearn, hmmlearn expected, {target} found"):
        config.build({"_target_": target}, "here", Learner)


@pytest.mark.parametrize("name", ["${oc.env:HOME}", "a${b", "$${x}\\", "\\${x}", "(2024)/a=b,c [x] {y} 'q'", "100%?#"])
def test_a_setting_reaches_its_object_as_it_stands(name: str) -> None:
    node = {"_target_": "regenre.datasets.folder.Folder", "folder": name}
    assert config.build(node, "here", Dataset).folder == name
    table = read_leaf("family", "external") | {"tables": name, "ignored": [name]}
    built = config.build(table, "here", TableFamily)
    assert (built.tables, built.ignored) == (name, [name])


SWEEPS = ["dataset", "split.*", "features", "classifier.*", "search.*"]
TRAIN = [*SWEEPS, "seed", "compute.*"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("audio.sr=16000", r"audio.sr=16000 changes nothing here, for this stage reads dataset, split, features"),
        ("pooling=five_statistics", "pooling=five_statistics changes nothing here"),
        ("+foo=1", r"\+foo=1 changes nothing here"),
        ("features.families=[mfcc]", "features.families=.* changes nothing here"),
        ("dataset.n_clips=3", "dataset.n_clips=3 changes nothing here"),
        ("~classifier", "~classifier removes a setting that this stage needs"),
        ("classifier=svm", "classifier: 'svm' is not in conf/classifier/; choose from cnn, dummy"),
        ("classifier=knn,lda", "classifier=knn,lda has several values, a run each; add --multirun"),
        ("classifier=[knn,lda]", r"classifier: the name of one leaf expected, classifier=\[knn,lda\] found"),
        ("compute=nope", "compute: 'nope' is not in conf/compute/; choose from dask, local"),
        ("features=mfccs", "features: 'mfccs' is not in conf/features/; choose from all, bfcc"),
        ("nonsense", "SETTING=VALUE expected, 'nonsense' found"),
        ('classifier="knn', "SETTING=VALUE expected, 'classifier=\"knn' found; check its quotes"),
    ],
)
def test_an_override_that_the_stage_does_not_read_is_refused(argument: str, message: str) -> None:
    with pytest.raises(UserError, match=f"^train: {message}") as caught:
        config._check_overrides("train", [argument], TRAIN, SWEEPS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("+family.nope=1", "family: 'nope' is not in conf/family/; choose from bfcc"),
        ("family=1", "a setting of a family expected, e.g. family.mfcc.n_mfcc=13, family=1 found"),
        ("~family.mfcc", "~family.mfcc removes a setting that this stage needs"),
    ],
)
def test_an_override_of_a_family_names_one(argument: str, message: str) -> None:
    with pytest.raises(UserError, match=f"^extract: {message}"):
        config._check_overrides("extract", [argument], ["family.*"])


@pytest.mark.parametrize(
    "argument",
    [
        "dataset=gtzan", "seed=3", "compute.n_jobs=2", "classifier=knn,lda", "features=gfcc", "split.n_folds=3",
        "classifier.search.C=[1.5]", "+classifier.search.weights=[uniform]", "~classifier.search.gamma",
        "search.metric=accuracy", "hydra/launcher=joblib",
    ],
)  # fmt: skip
def test_an_override_that_the_stage_reads_is_taken(argument: str) -> None:
    config._check_overrides("train", [argument], TRAIN, SWEEPS, multirun=True)


@pytest.mark.parametrize("text", ["splits: [", "- mfcc", "families: ${nothing}", "\tfamilies: [mfcc]"])
def test_settings_that_are_no_yaml_are_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=r"a.yaml: (YAML|settings)") as caught:
        config.read_yaml(tmp_path / "a.yaml")
    assert "\n" not in str(caught.value)


def test_the_trusted_packages_follow_the_file(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / ".regenre").touch()
    (tmp_path / "conf").mkdir()
    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    assert config.read_trusted() == ["regenre", "sklearn", "hmmlearn"]
    for number, packages in enumerate((["a"], ["a", "b"])):
        path = tmp_path / "conf/config.yaml"
        path.write_text(f"trusted: {packages}\n")
        os.utime(path, ns=(number, number))
        assert config.read_trusted() == packages
