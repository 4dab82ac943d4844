"""What surrounds the network is tested with a stand-in that records; the network itself is tiny."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers import ROOT, skip_without_keras
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from regenre.common.errors import UserError
from regenre.learning import models
from regenre.learning.classifiers import cnn
from regenre.learning.classifiers.cnn import Cnn

TINY: dict[str, Any] = {"crop": 8, "widths": [4], "epochs": 30, "learning_rate": 0.03, "random_state": 0}


@pytest.fixture
def keras() -> None:
    skip_without_keras()


class Recorder:
    """A network that records its batches and whose logits are the mean of the features."""

    def __init__(self) -> None:
        self.initial: list[np.ndarray] = []
        self.optimizer = SimpleNamespace(variables=[], learning_rate=None)
        self.trained: list[tuple[np.ndarray, np.ndarray, float]] = []
        self.predicted: list[np.ndarray] = []

    def set_weights(self, weights: list[np.ndarray]) -> None:
        pass

    def train_on_batch(self, crops: np.ndarray, targets: np.ndarray) -> None:
        self.trained.append((crops, targets, self.optimizer.learning_rate))

    def predict_on_batch(self, crops: np.ndarray) -> np.ndarray:
        self.predicted.append(crops)
        mean: np.ndarray = crops.mean(axis=1)
        return mean


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    network = Recorder()
    monkeypatch.setattr(cnn, "_build", lambda *_: network)
    monkeypatch.setattr(cnn, "_copy_weights", lambda _: [np.array(len(network.trained))])
    return network


def test_distinct_genres_are_recognised_and_probabilities_sum_to_one(keras, sample_clips) -> None:
    X, y = sample_clips(90)
    model = Cnn(**TINY).fit(X[:60], y[:60])
    assert (model.predict(X[60:]) == y[60:]).mean() > 0.9
    np.testing.assert_allclose(model.predict_proba(X[60:]).sum(axis=1), 1, atol=1e-12)


@pytest.mark.slow
def test_a_fit_has_the_same_bytes_after_another_one_and_in_another_process(keras, sample_clips, tmp_path: Path) -> None:
    """Processes share compiled networks among fits, so the order of fits and the number of workers could matter."""
    X, y = sample_clips(30)
    settings = TINY | {"epochs": 3}
    first = models.dump_model(Cnn(**settings).fit(X, y))
    other = models.dump_model(Cnn(**settings | {"random_state": 1}).fit(X, y))
    assert models.dump_model(Cnn(**settings).fit(X, y)) == first != other
    (tmp_path / "fit.py").write_text(
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests/learning/classifiers')!r})\n"
        "from pathlib import Path; from conftest import sample_clips\n"
        "from regenre.learning import models; from regenre.learning.classifiers.cnn import Cnn\n"
        f"Path(sys.argv[1]).write_bytes(models.dump_model(Cnn(**{settings!r}).fit(*sample_clips(30))))\n"
        "names = [path.read_text().strip() for path in Path('/proc/self/task').glob('*/comm')]\n"
        "assert names.count('tf_XLAEigen') < 2, names"
    )
    subprocess.run([sys.executable, tmp_path / "fit.py", tmp_path / "model.skops"], check=True)
    assert (tmp_path / "model.skops").read_bytes() == first


def test_a_model_is_arrays_and_names_of_types(keras, sample_clips) -> None:
    X, y = sample_clips(30)
    content = models.dump_model(Cnn(**TINY | {"epochs": 1}).fit(X, y))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {Path(name).suffix for name in archive.namelist() if name != "schema.json"} == {".npy"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::Warning")
def test_the_checks_of_scikit_learn_pass(keras) -> None:
    check_estimator(Cnn(**TINY | {"crop": 2, "epochs": 5}))


def test_a_clone_has_the_settings_of_the_original() -> None:
    model = Cnn(**TINY)
    assert clone(model).get_params() == model.get_params() == Cnn().get_params() | TINY


def test_an_epoch_has_a_crop_of_each_clip_in_batches_of_one_size(recorder: Recorder, stack_clips) -> None:
    X = stack_clips([np.full((n_frames, 2), n_frames / 10) for n_frames in (2, 3, 4, 5, 9)])
    Cnn(crop=4, epochs=1, batch_size=3, mask=0, mixup=0, random_state=0).fit(X, ["a"] * 5)
    assert [crops.shape for crops, _, _ in recorder.trained] == [(3, 4, 2)] * 2
    assert len(np.unique(np.concatenate([crops[:, 0, 0] for crops, _, _ in recorder.trained]))) == 5


def test_targets_weigh_as_much_for_each_genre(recorder: Recorder) -> None:
    """n_clips / (n_genres * n_clips of the genre)."""
    Cnn(epochs=1, batch_size=8, mixup=0).fit(np.arange(16.0).reshape(8, 2), list("aaaaaabb"), groups=[0] * 8)
    np.testing.assert_allclose(np.unique(recorder.trained[0][1], axis=0), [[0, 2], [2 / 3, 0]], rtol=1e-6)


def test_the_learning_rate_falls_along_a_cosine(recorder: Recorder) -> None:
    Cnn(epochs=3, batch_size=2, learning_rate=0.8).fit(np.eye(2), ["a", "b"], groups=[0, 0])
    np.testing.assert_allclose([rate for _, _, rate in recorder.trained], [0.8, 0.6, 0.2])


def test_training_stops_when_the_loss_of_the_validating_groups_no_longer_falls(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([3.0, 1.0, 2.0, 1.5, 0.5])
    monkeypatch.setattr(cnn, "log_loss", lambda *_, **__: next(losses))
    model = Cnn(patience=2, batch_size=32).fit(np.random.default_rng(0).normal(size=(20, 2)), list("ab") * 10)
    assert model.n_iter_ == 4
    assert model.weights_ == [2]  # after two steps of one epoch each


def test_without_groups_to_validate_every_epoch_is_trained(recorder: Recorder) -> None:
    model = Cnn(epochs=5, patience=1, batch_size=4).fit(np.eye(4), list("abab"), groups=[0] * 4)
    assert (model.n_iter_, model.weights_, recorder.predicted) == (5, [5], [])


def test_the_groups_that_validate_are_not_trained_on() -> None:
    labels = np.array([0, 1, 2] * 20)
    groups = np.array([f"group_{number // 2}" for number in range(57)] + ["alone"] * 3)
    labels[57:] = 3  # a genre with one group
    train, valid = cnn._deal(labels, groups, 0)
    assert sorted([*train, *valid]) == list(range(60))
    assert not set(groups[train]) & set(groups[valid])
    assert set(labels[train]) == {0, 1, 2, 3}
    assert 8 <= len(valid) <= 16  # about a fifth


def test_probabilities_are_the_mean_over_crops_that_cover_the_clip(recorder: Recorder, stack_clips) -> None:
    rng = np.random.default_rng(0)
    X = stack_clips([rng.normal(size=(n_frames, 2)) for n_frames in (3, 4, 6, 8, 9)])
    model = Cnn(crop=4, epochs=1, batch_size=4).fit(X, list("ababa"), groups=[0] * 5)
    proba = model.predict_proba(X)
    starts = [[0], [0], [0, 2], [0, 4], [0, 2, 5]]  # 2.5 is rounded to the even number
    for clip, own, row in zip(X, starts, proba, strict=True):
        frames = model.scaler_.transform(clip)
        frames = np.concatenate([frames, frames])[: max(4, len(clip))]
        odds = [np.exp(frames[start : start + 4].mean(axis=0)) for start in own]
        np.testing.assert_allclose(row, np.mean([each / each.sum() for each in odds], axis=0), rtol=1e-5)  # float32
    assert {crops.shape for crops in recorder.predicted} == {(4, 4, 2)}


def test_a_mask_hides_consecutive_frames_and_consecutive_features() -> None:
    masked = cnn._mask(np.ones((2000, 10, 20)), 0.3, np.random.default_rng(0))
    for axis, most in ((1, 3), (2, 6)):
        hidden = ~masked.any(axis=3 - axis)
        widths = hidden.sum(axis=1)
        assert set(widths) == set(range(most + 1))
        edges = np.abs(np.diff(np.pad(hidden, ((0, 0), (1, 1))).astype(int), axis=1)).sum(axis=1)
        assert set(edges[widths > 0]) == {2}
        assert (hidden.any(axis=0)).all()
    np.testing.assert_array_equal(masked, masked.any(axis=2)[:, :, None] & masked.any(axis=1)[:, None])
    np.testing.assert_array_equal(cnn._mask(np.ones((5, 3, 3)), 0.3, np.random.default_rng(0)), 1)


def test_mixup_mixes_a_crop_and_its_target_by_the_same_weight() -> None:
    crops = np.eye(50, dtype=np.float32)[:, None]
    mixed, targets = cnn._mix(crops, 3 * crops[:, 0], 0.3, np.random.default_rng(0))
    np.testing.assert_allclose(targets, 3 * mixed[:, 0], rtol=1e-6)
    np.testing.assert_allclose(mixed.sum(axis=2), 1, rtol=1e-6)
    assert ((mixed > 0).sum(axis=2) == 2).sum() > 30
    np.testing.assert_array_equal(cnn._mix(crops, crops[:, 0], 0, np.random.default_rng(0))[0], crops)


def test_a_terminal_shows_progress_and_a_file_does_not(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal in (True, False):
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda terminal=terminal: terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        Cnn(epochs=2).fit(np.eye(2), ["a", "b"])
        assert ("epochs" in stream.getvalue()) == terminal


@pytest.mark.parametrize("library", ["jax", "keras"])
def test_a_missing_library_is_one_line(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UserError, match=r"keras and jax expected, not all found; run pip install 'regenre\[neural\]'"):
        cnn._import_keras.__wrapped__("jax")


def test_a_missing_backend_of_the_users_choice_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        UserError, match="keras and torch expected, not all found; install torch, or unset KERAS_BACKEN"
    ):
        cnn._import_keras.__wrapped__("torch")


def test_another_backend_is_refused_in_one_line(keras, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(os.environ)
    cnn._import_keras.cache_clear()
    cnn._import_keras("jax")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=int))
    for backend, message in (("os", "jax or torch"), ("torch", "jax, which this process uses,")):
        with pytest.raises(UserError, match=f"^backend: {message} expected, '?{backend}'? found"):
            cnn._import_keras(backend)
    assert os.environ == before  # a leaf reads KERAS_BACKEND
