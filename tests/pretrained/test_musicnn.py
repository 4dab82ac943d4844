"""MusiCNN: the graph against a literal forward pass of the package's models.py, and the weights' way from PyPI."""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from regenre.common.errors import UserError
from regenre.common.files import compute_sha256
from regenre.pretrained import musicnn

pytest.importorskip("onnx", reason="pip install 'regenre[pretrained]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'regenre[pretrained]'")

Weights = dict[str, np.ndarray]
SHAPES = {  # of the checkpoint's variables, without those of batch normalisations
    "conv2d": (7, 38, 1, 204), "conv2d_1": (7, 67, 1, 204), "conv2d_2": (128, 1, 1, 51), "conv2d_3": (64, 1, 1, 51),
    "conv2d_4": (32, 1, 1, 51), "conv2d_5": (7, 561, 1, 64), "conv2d_6": (7, 64, 1, 64), "conv2d_7": (7, 64, 1, 64),
    "dense": (1506, 200), "dense_1": (200, 50),
}  # fmt: skip
CHANNELS = [1, 204, 204, 51, 51, 51, 64, 64, 64, 1506, 200]  # of each batch normalisation


def draw_weights() -> Weights:
    """Return weights of the checkpoint's shapes, scaled so that no layer saturates."""
    rng = np.random.default_rng(3)
    weights = {}
    for layer, shape in SHAPES.items():
        weights[f"{layer}/kernel"] = rng.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape)
        weights[f"{layer}/bias"] = rng.normal(0, 0.1, shape[-1])
    for number, n in enumerate(CHANNELS):
        layer = f"batch_normalization_{number}" if number else "batch_normalization"
        for name, low, high in (("gamma", 0.5, 1.5), ("beta", -1, 1), ("moving_mean", -1, 1)):
            weights[f"{layer}/{name}"] = rng.uniform(low, high, n)
        weights[f"{layer}/moving_variance"] = rng.uniform(
            0.1, 1, n
        )  # epsilon moves such a value by up to half a percent
    weights["dense_1/kernel"] *= 0.01
    return {name: values.astype(np.float32) for name, values in weights.items()}


def forward(patches: np.ndarray, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """The network in float64, layer by layer as models.py has it: (batch, time, mel, channel), naive convolutions."""
    convolutions, dense_layers = (
        iter([f"{kind}_{number}" if number else kind for number in range(9)]) for kind in ("conv2d", "dense")
    )
    norms: Iterator[str] = iter([f"batch_normalization_{n}" if n else "batch_normalization" for n in range(11)])

    def batch_norm(x: np.ndarray) -> np.ndarray:
        gamma, beta, mean, variance = (
            weights[f"{name}/{part}"].astype(float)
            for name in [next(norms)]
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return gamma * (x - mean) / np.sqrt(variance + 0.001) + beta

    def conv2d(x: np.ndarray) -> np.ndarray:
        name = next(convolutions)
        kernel, bias = weights[f"{name}/kernel"].astype(float), weights[f"{name}/bias"].astype(float)
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(1, 2))
        return np.maximum(np.tensordot(windows, kernel, ([4, 5, 3], [0, 1, 2])) + bias, 0)

    def pad(x: np.ndarray, before: int, after: int) -> np.ndarray:
        return np.pad(x, [(0, 0), (before, after), (0, 0), (0, 0)])

    def dense(x: np.ndarray) -> np.ndarray:
        name = next(dense_layers)
        return x @ weights[f"{name}/kernel"].astype(float) + weights[f"{name}/bias"]

    normalized = batch_norm(patches.astype(float)[..., None])
    front = [batch_norm(conv2d(pad(normalized, 3, 3))).max(axis=2) for _ in "77"]
    front += [batch_norm(conv2d(pad(normalized, n // 2 - 1, n // 2))).max(axis=2) for n in (128, 64, 32)]
    front_end = np.concatenate(front, axis=2)[..., None]
    conv1 = batch_norm(conv2d(pad(front_end, 3, 3))).transpose(0, 1, 3, 2)
    conv2 = batch_norm(conv2d(pad(conv1, 3, 3))).transpose(0, 1, 3, 2) + conv1
    conv3 = batch_norm(conv2d(pad(conv2, 3, 3))).transpose(0, 1, 3, 2) + conv2
    features = np.concatenate([front_end, conv1, conv2, conv3], axis=2)
    pooled = np.concatenate([features.max(axis=1), features.mean(axis=1)], axis=2)
    penultimate = batch_norm(np.maximum(dense(batch_norm(pooled.reshape(len(pooled), -1))), 0))
    return penultimate, 1 / (1 + np.exp(-dense(penultimate)))


def test_the_graph_is_the_network_of_models_py() -> None:
    weights, patches = draw_weights(), np.random.default_rng(4).uniform(0, 4, (2, 187, 96)).astype(np.float32)
    session = onnxruntime.InferenceSession(musicnn.build_graph(weights))
    penultimate, tags = session.run(["penultimate", "tags"], {"log_mel": patches})
    expected_penultimate, expected_tags = forward(patches, weights)
    # float32 sums of up to 3927 products, eight layers deep
    np.testing.assert_allclose(penultimate, expected_penultimate, atol=1e-5 * np.abs(expected_penultimate).max())
    np.testing.assert_allclose(tags, expected_tags, atol=1e-5)
    assert 0.01 < expected_tags.min() < expected_tags.max() < 0.99


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its index, with a wheel whose checkpoints the test chooses."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "musicnn-0.1.0-py3-none-any.whl", "w") as wheel:
        for model in ("MSD", "MTT"):
            wheel.writestr(f"musicnn/{model}_musicnn/.index", f"index of {model}")
            wheel.writestr(f"musicnn/{model}_musicnn/.data-00000-of-00001", "data")
        wheel.writestr(
            "musicnn-0.1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: musicnn\nVersion: 0.1.0\nRequires-Dist: tensorflow (>=1.14)\n",
        )
        wheel.writestr("musicnn-0.1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("musicnn-0.1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_the_wheel_of_another_digest_is_refused_and_nothing_is_written(index: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^musicnn: pip cannot .* \(.*Expected sha256 f38a4890") as caught:
        musicnn.fetch(tmp_path / "networks")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "networks").exists()


def test_pip_fetches_the_wheel_and_each_model_becomes_a_graph(index: Path, tmp_path: Path, monkeypatch) -> None:
    sha256 = compute_sha256(next(index.iterdir()))
    monkeypatch.setattr(musicnn, "_REQUIREMENT", f"musicnn==0.1.0 --hash=sha256:{sha256}\n")
    weights = draw_weights()
    read = []
    monkeypatch.setattr(musicnn, "read_checkpoint", lambda index, data: read.append((index, data)) or weights)
    targets = musicnn.fetch(tmp_path / "networks")
    assert [path.name for path in targets] == ["musicnn_msd.onnx", "musicnn_mtt.onnx"]
    assert read == [(b"index of MSD", b"data"), (b"index of MTT", b"data")]
    assert sorted((tmp_path / "networks").iterdir()) == targets
    assert all(path.read_bytes() == musicnn.build_graph(weights) for path in targets)


def test_without_an_index_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UserError, match=r"\(No matching distribution found for musicnn==0.1.0\); see that"):
        musicnn.fetch(tmp_path)


def test_without_onnx_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"^musicnn: onnx expected, none found; run pip install 'reg"):
        musicnn.build_graph({})
