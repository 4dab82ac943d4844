"""MusiCNN: the front end against librosa's, columns, weights that lack; pretrained/ has the network's own reference."""

from pathlib import Path

import librosa
import numpy as np
import pytest
from helpers import build_family, frames_of, noise, silence, sine

from regenre.common import config
from regenre.common.config import FeaturesLeaf
from regenre.common.errors import UserError
from regenre.features import extraction
from regenre.features.families.musicnn import Musicnn
from regenre.features.family import Family

onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'regenre[pretrained]'")


@pytest.fixture
def root(networks: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the weights."""
    monkeypatch.setenv("REGENRE_ROOT", str(networks))
    return networks


def test_values_are_those_of_the_networks_for_librosas_log_mel_patches(root: Path) -> None:
    y = (noise(6.5, 16_000) + sine(440, 6.5, 16_000) * np.linspace(0, 1, 104_000)).astype(np.float32)
    power = librosa.feature.melspectrogram(y=y, sr=16_000, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect")
    patches = np.log10(10_000 * power + 1).T[: 2 * 187].reshape(2, 187, 96)
    values = build_family("musicnn")(frames_of(y, 16_000))
    for number, model in enumerate(("msd", "mtt")):
        session = onnxruntime.InferenceSession(root / f"data/pretrained/musicnn_{model}.onnx")
        penultimate, tags = session.run(["penultimate", "tags"], {"log_mel": patches})
        own = values[250 * number :][:250, [0, -1]].T
        np.testing.assert_allclose(own[:, :200], penultimate, atol=1e-3)  # float32 spectra; values are up to 8
        np.testing.assert_allclose(own[:, 200:], tags, atol=1e-4)


def test_columns_bear_the_names_of_the_tags(root: Path) -> None:
    pooling = config.build({"_target_": "regenre.features.pooling.Statistics", "statistics": ["mean"]}, "here", object)
    columns = extraction.name_columns("musicnn", build_family("musicnn"), pooling)
    assert len(columns) == len(set(columns)) == 500
    assert {"musicnn__msd_tag_jazz__mean", "musicnn__msd_tag_hip_hop__mean", "musicnn__mtt_tag_no_vocals__mean"} < set(
        columns
    )
    assert columns[0] == "musicnn__msd_unit_000__mean"


def test_each_model_alone_yields_its_part_of_both(root: Path) -> None:
    frames = frames_of(noise(3.0))
    both = build_family("musicnn")(frames)
    for number, model in enumerate(("msd", "mtt")):
        alone = build_family("musicnn", models=[model])
        np.testing.assert_array_equal(alone(frames), both[250 * number :][:250])
        assert all(name.startswith(f"{model}_") for name in alone.names)


def test_each_model_is_a_feature_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for model in ("msd", "mtt"):
        assert config.read_feature_set(f"musicnn_{model}") == FeaturesLeaf(["musicnn"], [f"musicnn__{model}_*"])


def test_silence_yields_constant_probabilities(root: Path) -> None:
    values = build_family("musicnn")(frames_of(silence(7.0)))
    np.testing.assert_array_equal(values, np.repeat(values[:, :1], values.shape[1], axis=1))
    tags = np.concatenate([values[200:250], values[450:]])
    assert ((tags > 0) & (tags < 1)).all()


def test_it_says_what_it_was_trained_on(root: Path) -> None:
    assert build_family("musicnn", models=["mtt"]).pretrained_on.startswith("mtt: clips of MagnaTagATune")
    assert "; mtt: " in build_family("musicnn").pretrained_on


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, r"weights expected at .*/data/pretrained/musicnn_mtt.onnx, none found; run `regenre pretrained musicnn`"),
        ({"models": []}, "models: at least 1 expected, 0 found"),
        ({"models": ["mtt", "mtt"]}, "models: each name once expected, 'mtt' found twice"),
        ({"hop_s": 100.0}, "hop_s: less than or equal to 60 expected, 100.0 found"),
        ({"models": ["vgg"]}, "models.0: 'msd' or 'mtt' expected, 'vgg' found"),
    ],
)
def test_a_lack_of_weights_and_wrong_models_are_one_line(tmp_path: Path, monkeypatch, changes, message: str) -> None:
    (tmp_path / ".regenre").touch()
    (tmp_path / "conf").mkdir()
    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    leaf = {"_target_": f"{Musicnn.__module__}.Musicnn", "models": ["mtt"], "hop_s": 3.0} | changes
    with pytest.raises(UserError, match=f"^conf/family/musicnn.yaml: .*: {message}$") as caught:
        config.build(leaf, "conf/family/musicnn.yaml", Family)
    assert "\n" not in str(caught.value)


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".regenre").touch()
    (tmp_path / "data/pretrained").mkdir(parents=True)
    (tmp_path / "data/pretrained/musicnn_mtt.onnx").write_text("other weights")
    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    with pytest.raises(UserError, match=r"in .*musicnn_mtt.onnx, others found; run `regenre pretrained musicnn`"):
        Musicnn(models=["mtt"], hop_s=3.0)
