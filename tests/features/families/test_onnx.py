"""Families of ONNX networks: small graphs whose outputs are known, and settings that do not fit them."""

import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import librosa
import numpy as np
import pytest
from helpers import SR, frames_of, noise, silence, sine, write_mean_network, write_network

from regenre.common import config
from regenre.common.errors import UserError
from regenre.common.files import compute_sha256
from regenre.features.families.onnx import Onnx, _open
from regenre.features.family import Family

onnx = pytest.importorskip("onnx", reason="pip install 'regenre[pretrained]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'regenre[pretrained]'")
MEL = {
    "n_fft": 512, "hop_length": 160, "n_mels": 40, "fmin_hz": 50.0, "fmax_hz": 7000.0,
    "gain": 10_000.0, "offset": 1.0, "factor": 1.0,
}  # fmt: skip


def make(path: Path, sha256: str, **changes: Any) -> Onnx:
    """A family of the network; by default windows of 0.1 s that do not overlap, of samples at 22,050 Hz."""
    settings = {
        "path": str(path), "sha256": sha256, "pretrained_on": "noise", "sr": SR, "mel": None, "axes": ["batch", "time"],
        "window_s": 0.1, "hop_s": 0.1, "outputs": {"embedding": ["mean"]},
    } | changes  # fmt: skip
    return Onnx(**settings)


@pytest.fixture
def mean(tmp_path: Path) -> tuple[Path, str]:
    """A network that yields the mean of the samples, and its digest."""
    return tmp_path / "mean.onnx", write_mean_network(tmp_path / "mean.onnx")


@pytest.fixture
def mean_levels(tmp_path: Path) -> tuple[Path, str]:
    """A network that yields the mean of each band over time; its input is (batch, 1, mel, time)."""
    path = tmp_path / "levels.onnx"
    node = ("ReduceMean", ["x"], "levels", {"axes": [1, 3], "keepdims": 0})
    return path, write_network(path, node, shape=("batch", 1, 40, "time"), outputs={"levels": ("batch", 40)})


def test_a_frame_has_the_output_of_the_window_with_the_nearest_centre(mean: tuple[Path, str]) -> None:
    window = round(0.1 * SR)
    y = np.repeat(np.arange(10, dtype=np.float32), window)
    values = make(*mean)(frames_of(y))
    nearest = np.rint((512 * np.arange(values.shape[1]) - (window - 1) / 2) / window).clip(0, 9)
    np.testing.assert_array_equal(values, nearest[None].astype(np.float32))


def test_windows_may_overlap_and_the_rest_of_the_clip_is_dropped(mean: tuple[Path, str]) -> None:
    window, hop = round(0.1 * SR), round(0.025 * SR)
    y = np.append(np.arange(window + 9 * hop), np.full(hop - 1, 1e9)).astype(np.float32)
    values = make(*mean, hop_s=0.025)(frames_of(y))
    starts = hop * np.arange(10)
    assert set(values[0]) <= set((starts + (window - 1) / 2).astype(np.float32))
    assert values[0, -1] == starts[-1] + (window - 1) / 2


def test_a_shorter_clip_is_repeated(mean: tuple[Path, str]) -> None:
    values = make(*mean, window_s=1.0)(frames_of(np.array([1, 2, 6], np.float32)))
    np.testing.assert_allclose(values, 3, rtol=1e-6)


def test_log_mel_input_equals_librosas(mean_levels: tuple[Path, str]) -> None:
    y = noise(1.0, 16_000)
    family = make(
        *mean_levels, sr=16_000, mel=MEL, axes=["batch", 1, "mel", "time"], window_s=0.5, hop_s=0.5,
        outputs={"levels": "band"},
    )  # fmt: skip
    power = librosa.feature.melspectrogram(
        y=y, sr=16_000, n_fft=512, hop_length=160, n_mels=40, fmin=50, fmax=7000, pad_mode="reflect"
    )
    expected = np.log10(1 + 10_000 * power)[:, :100].reshape(40, 2, 50).mean(axis=2)
    values = family(frames_of(y, 16_000))
    np.testing.assert_allclose(values[:, [0, -1]], expected, atol=1e-4)  # float32 spectra
    assert family.names == tuple(f"band_{number:03d}" for number in range(40))


def test_the_clip_is_resampled_to_the_networks_rate(mean_levels: tuple[Path, str]) -> None:
    """A sine has its level in the same band at any rate of the analysis."""
    family = make(
        *mean_levels, sr=16_000, mel=MEL, axes=["batch", 1, "mel", "time"], window_s=0.5, hop_s=0.5,
        outputs={"levels": "band"},
    )  # fmt: skip
    at_home = family(frames_of(sine(1000, 1.0, 16_000), 16_000))[:, -1]
    for sr in (22_050, 44_100):
        np.testing.assert_allclose(family(frames_of(sine(1000, 1.0, sr), sr))[:, -1], at_home, atol=0.05)


def test_outputs_are_joined_and_a_time_axis_is_averaged(tmp_path: Path) -> None:
    """Output `pairs` has shape (batch, time, 2): the samples, in pairs."""
    nodes = [
        ("ReduceMax", ["x"], "top", {"axes": [1], "keepdims": 1}),
        ("Reshape", ["x", "shape"], "pairs", {}),
        ("Constant", [], "shape", {"value_ints": [0, -1, 2]}),
    ]
    outputs = {"top": ("batch", 1), "pairs": ("batch", "half", 2)}
    path = tmp_path / "pairs.onnx"
    sha256 = write_network(path, nodes[2], *nodes[:2], shape=("batch", "time"), outputs=outputs)
    family = make(path, sha256, sr=1000, window_s=1.0, hop_s=1.0, outputs={"pairs": "pair", "top": ["top"]})
    assert family.names == ("pair_000", "pair_001", "top")
    values = family(frames_of(np.arange(1000, dtype=np.float32), 1000))
    np.testing.assert_allclose(values, np.repeat([[499], [500], [999]], values.shape[1], axis=1), rtol=1e-6)


def test_a_family_travels_to_workers_without_its_session(mean: tuple[Path, str]) -> None:
    family = make(*mean)
    assert len(pickle.dumps(family)) < 10_000
    frames = frames_of(noise())
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(family))(frames), family(frames))


def test_a_relative_path_is_below_the_root_wherever_the_family_runs(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / ".regenre").touch()
    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    family = make(Path("data/mean.onnx"), write_mean_network(tmp_path / "data/mean.onnx"))
    packed = pickle.dumps(family)
    monkeypatch.delenv("REGENRE_ROOT")
    monkeypatch.chdir("/")
    assert pickle.loads(packed)(frames_of(silence())).max() == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": ["batch"]}, r"axes: each of batch, time once, and 1, expected, \['batch'\] found"),
        ({"axes": ["batch", "mel", "time"]}, "axes: each of batch, time once"),
        ({"mel": MEL}, "axes: each of batch, mel, time once"),
        (
            {"mel": MEL | {"fmax_hz": 12_000.0}, "axes": ["batch", "time", "mel"]},
            "mel: fmin_hz < fmax_hz <= 11025 expected for sr 22050, fmin_hz 50, fmax_hz 12000.0 found",
        ),
        ({"hop_s": 0.001}, "hop_s: at least 0.0015625 s for windows of 0.1 s expected, 0.001 found"),
        ({"axes": ["batch", 1, "time"]}, r"axes, window_s, mel: .*\('x', 'tensor\(float\)', \['batch', 'time'\]\).*"),
        ({"outputs": {"logits": "l"}}, r"outputs: 'logits' expected in .*, which has {'embedding': \['batch', 1\]}"),
        (
            {"outputs": {"embedding": ["a", "b"]}},
            r"outputs: embedding: .*; \(1, 1\) of a window, and 2 names, found in .*",
        ),
        ({"outputs": {"embedding": [""]}}, "outputs: names without `__`, each once, expected, '' found"),
        ({"outputs": {"embedding": ["a__b"]}}, "outputs: names without `__`, each once, expected, 'a__b' found"),
        ({"sha256": ""}, "sha256: that of the file expected, [0-9a-f]{64} found at .*mean.onnx"),
        ({"sha256": "0" * 64}, "sha256: 0{64} expected, [0-9a-f]{64} found at .*mean.onnx"),
        ({"path": "/nowhere.onnx"}, "path: an ONNX file expected at /nowhere.onnx, none found; docs/networks.md says"),
    ],
)
def test_settings_that_do_not_fit_the_network_are_one_line(mean, changes: dict[str, Any], message: str) -> None:
    path, sha256 = mean
    leaf = make(path, sha256).__dict__
    settings = {key: value for key, value in leaf.items() if key in Onnx.__dataclass_fields__} | changes
    with pytest.raises(UserError, match=f"^conf/family/onnx.yaml: .*: {message}") as caught:
        config.build({"_target_": "regenre.features.families.onnx.Onnx"} | settings, "conf/family/onnx.yaml", Family)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_network_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("not a network")
    with pytest.raises(UserError, match=r"^sha256: that of the file expected, (\w+) found") as caught:
        make(path, "")
    with pytest.raises(UserError, match=r"^path: an ONNX file expected, but .*text.onnx cannot be opened"):
        make(path, str(caught.value).split()[6])


def test_an_output_whose_first_axis_is_not_the_windows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    node = ("Transpose", ["x"], "embedding", {"perm": [1, 0]})
    sha256 = write_network(path, node, shape=("batch", "time"), outputs={"embedding": ("time", "batch")})
    with pytest.raises(UserError, match=r"outputs: embedding: floats of shape .* expected; \(2205, 1\) of a window"):
        make(path, sha256)


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    """The digest would say nothing about them."""
    path = tmp_path / "network.onnx"
    node = ("MatMul", ["x", "weights"], "embedding", {})
    write_network(path, node, shape=("batch", "time"), outputs={"embedding": ("batch", 300)})
    model = onnx.load(path)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((2205, 300), np.float32), "weights"))
    onnx.save(model, path)
    make(path, compute_sha256(path), outputs={"embedding": "value"})
    onnx.save(model, path, save_as_external_data=True, location="weights.data")
    with pytest.raises(UserError, match=r"path: an ONNX file that holds its weights expected, .* export it with exter"):
        make(path, compute_sha256(path), outputs={"embedding": "value"})


def test_an_output_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "inverse.onnx"
    nodes = [
        ("ReduceMean", ["x"], "mean", {"axes": [1], "keepdims": 1}),
        ("Log", ["mean"], "embedding", {}),
    ]
    family = make(path, write_network(path, *nodes, shape=("batch", "time"), outputs={"embedding": ("batch", 1)}))
    with pytest.raises(UserError, match=r"inverse.onnx: finite outputs expected, others found"):
        family(frames_of(silence()))


def test_without_onnxruntime_one_line_says_what_to_install(mean: tuple[Path, str], monkeypatch) -> None:
    _open.cache_clear()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"onnxruntime expected, none found; run pip install 'regenre\[pretrained\]'"):
        make(*mean)


def test_a_network_runs_in_one_thread_and_on_the_gpu_if_there_is_one(mean: tuple[Path, str], monkeypatch) -> None:
    calls = []
    session = SimpleNamespace(
        get_inputs=lambda: [SimpleNamespace(name="x")], run=lambda *_: [np.zeros((1, 1))],
        get_outputs=lambda: [SimpleNamespace(name="embedding", shape=[])],
    )  # fmt: skip
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *arguments: calls.append(arguments) or session)
    monkeypatch.setattr(
        onnxruntime,
        "get_available_providers",
        lambda: ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    _open.cache_clear()
    make(*mean)
    ((_, options, providers),) = calls
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert [name for name, _ in providers] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    _open.cache_clear()
