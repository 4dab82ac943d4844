"""MusiCNN (Pons and Serra 2019): the weights of its authors' package on PyPI, as ONNX graphs.

fetch        PyPI -> one graph per model
build_graph  variables of the checkpoint -> the graph
"""

import subprocess
import sys
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from regenre.common import files
from regenre.common.errors import UserError, join_lines
from regenre.pretrained.checkpoint import read_checkpoint

_REQUIREMENT = "musicnn==0.1.0 --hash=sha256:f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa\n"
_FOLDERS = {"msd": "MSD_musicnn", "mtt": "MTT_musicnn"}
_N_FRAMES, _N_MELS = 187, 96  # of a patch
_EPSILON = 0.001  # of tf.layers.batch_normalization
_OPSET, _IR_VERSION = 17, 8


def fetch(folder: Path) -> list[Path]:
    """Write `musicnn_msd.onnx` and `musicnn_mtt.onnx`, from the wheel of musicnn 0.1.0 (ISC licence), 29 MB.

    pip fetches the wheel, so its mirrors and proxies count, and installs nothing.

    Raises
    ------
    UserError
        onnx is not installed, pip delivers no file of the expected SHA-256, or a checksum of the weights differs.
    """
    with TemporaryDirectory() as name:
        wheel = _download(Path(name))
        with zipfile.ZipFile(wheel) as archive:
            checkpoints = {
                model: [archive.read(f"musicnn/{source}/{file}") for file in (".index", ".data-00000-of-00001")]
                for model, source in _FOLDERS.items()
            }
    targets = []
    for model, parts in checkpoints.items():
        targets.append(folder / f"musicnn_{model}.onnx")
        files.write_atomically(targets[-1], partial(_write, build_graph(read_checkpoint(*parts))))
    return targets


def _write(graph: bytes, path: Path) -> None:
    path.write_bytes(graph)


def _download(folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(_REQUIREMENT)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "--requirement", str(requirements), "--dest", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        reason = join_lines(result.stderr.rpartition("ERROR: ")[2])
        raise UserError(f"musicnn: pip cannot download its wheel ({reason}); see that `python -m pip` finds an index")
    return next(folder.glob("*.whl"))


def build_graph(weights: Mapping[str, np.ndarray]) -> bytes:
    """Return the network as an ONNX model.

    Input: `log_mel`, shape (batch, 187, 96). Outputs: `penultimate`, shape (batch, 200), after its batch
    normalisation, and `tags`, shape (batch, 50), probabilities. Layers are those of musicnn/models.py, in inference.

    Parameters
    ----------
    weights : variables of the checkpoint
    """
    try:
        import onnx
        from onnx import TensorProto, helper
    except ImportError as error:
        raise UserError("musicnn: onnx expected, none found; run pip install 'regenre[pretrained]'") from error

    net = _Network(weights)
    x = net.normalise(net.add("Unsqueeze", "log_mel", net.store(np.array([1]))))  # (batch, 1, time, mel)
    front = [net.add("ReduceMax", net.convolve(x, pads), axes=[3], keepdims=0) for pads in _FRONT_PADS]
    front_end = net.add("Concat", *front, axis=1)  # (batch, channel, time)
    first = net.convolve(front_end, [3, 3])
    second = net.add("Add", net.convolve(first, [3, 3]), first)
    third = net.add("Add", net.convolve(second, [3, 3]), second)
    features = net.add("Concat", front_end, first, second, third, axis=1)
    pooled = [net.add(f"Reduce{name}", features, axes=[2], keepdims=1) for name in ("Max", "Mean")]
    flat = net.normalise(net.add("Flatten", net.add("Concat", *pooled, axis=2)))
    penultimate = net.normalise(net.add("Relu", net.connect(flat)), "penultimate")
    net.add("Sigmoid", net.connect(penultimate), output="tags")

    def describe(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        [helper.make_node(op, inputs, [output], **attributes) for op, inputs, output, attributes in net.nodes],
        "musicnn",
        [describe("log_mel", "batch", _N_FRAMES, _N_MELS)],
        [describe("penultimate", "batch", 200), describe("tags", "batch", 50)],
        [onnx.numpy_helper.from_array(values, name) for name, values in net.constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


# begin and end of time and mel: two timbral filters, 7 frames long; three temporal ones, 128, 64 and 32 frames, padded
# as TensorFlow's SAME, with the odd frame at the end
_FRONT_PADS = [[3, 0, 3, 0], [3, 0, 3, 0], [63, 0, 64, 0], [31, 0, 32, 0], [15, 0, 16, 0]]


class _Network:
    """Nodes and constants of a graph. Layers of a kind are numbered in the order in which the checkpoint has them."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self._weights = weights
        self._counts: dict[str, int] = {}
        self.nodes: list[tuple[str, tuple[str, ...], str, dict[str, Any]]] = []
        self.constants: dict[str, np.ndarray] = {}

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        self.nodes.append((op, inputs, output or f"{op}_{len(self.nodes)}", attributes))
        return self.nodes[-1][2]

    def store(self, values: np.ndarray) -> str:
        """Add a constant; return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(values)
        return name

    def normalise(self, x: str, output: str = "") -> str:
        """Add a batch normalisation."""
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        parts = [self.store(part) for part in self._take("batch_normalization", *names)]
        return self.add("BatchNormalization", x, *parts, output=output, epsilon=_EPSILON)

    def convolve(self, x: str, pads: list[int]) -> str:
        """Add a convolution, its ReLU and its batch normalisation; over time alone if there are two pads."""
        kernel, bias = self._take("conv2d", "kernel", "bias")  # (time, mel, in, out); mid-end: (time, in, 1, out)
        kernel = kernel.transpose(3, 2, 0, 1) if len(pads) == 4 else kernel[:, :, 0].transpose(2, 1, 0)
        return self.normalise(self.add("Relu", self.add("Conv", x, self.store(kernel), self.store(bias), pads=pads)))

    def connect(self, x: str) -> str:
        """Add a dense layer."""
        return self.add("Gemm", x, *(self.store(part) for part in self._take("dense", "kernel", "bias")))

    def _take(self, kind: str, *parts: str) -> list[np.ndarray]:
        """Return the variables of the next layer of a kind."""
        number = self._counts[kind] = self._counts.get(kind, -1) + 1
        layer = f"{kind}_{number}" if number else kind
        return [self._weights[f"{layer}/{part}"] for part in parts]
