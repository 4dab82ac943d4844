"""What several tests share: signals that we know, tables, learners on points that are easy to tell apart."""

import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from regenre.common.config import Settings
from regenre.common.files import compute_md5, compute_sha256
from regenre.common.paths import CellName
from regenre.common.settings import AudioSettings, FrameSettings, SearchSettings
from regenre.common.tables import FamilyRecord, FeatureSet
from regenre.features.frames import Frames
from regenre.learning import estimator, splits, tasks
from regenre.learning.cells import CellPlan, FoldSizes
from regenre.learning.estimator import Learner
from regenre.learning.splits import Fold
from regenre.learning.tasks import Result, Task, Values
from regenre.quality.clip_table import _inspect_clip as inspect_clip

SR = 22_050
TOP_HZ = 0.907 * SR / 2  # of what features read
BINS_HZ = np.arange(929) * SR / 2048
ROOT = Path(__file__).parents[1]
AUDIO, FRAMES = AudioSettings(SR, 1.0), FrameSettings(2048, 512)


def sine(hz: float, duration_s: float = 1.0, sr: int = SR, peak: float = 0.5) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * hz * np.arange(round(duration_s * sr)) / sr)).astype(np.float32)


def noise(duration_s: float = 1.0, sr: int = SR, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(duration_s * sr))).astype(np.float32)


def clicks(bpm: float, duration_s: float = 30.0, sr: int = SR) -> np.ndarray:
    """Bursts of noise, 20 ms each, one a beat."""
    y, burst = np.zeros(round(duration_s * sr), np.float32), noise(0.02, sr)
    for start in np.arange(0.5, duration_s - 0.1, 60 / bpm):
        y[round(start * sr) :][: len(burst)] += burst
    return y


def silence(duration_s: float = 1.0, sr: int = SR) -> np.ndarray:
    return np.zeros(round(duration_s * sr), np.float32)


def frames_of(y: np.ndarray, sr: int = SR) -> Frames:
    return Frames(y, sr, n_fft=2048, hop_length=512)


def list_clips(folder: Path, clip_ids: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """Return what `extract` needs of the clip table."""
    md5 = [compute_md5(folder / name) for name in names]
    return pd.DataFrame({"clip_id": list(clip_ids), "path": list(names), "md5": md5}, dtype=object)


def clip_table(genres: list[str], groups: list[str]) -> pd.DataFrame:
    clip_ids = [f"{genre}.{number:05d}" for number, genre in enumerate(genres)]
    return pd.DataFrame({"clip_id": clip_ids, "genre": genres, "group": groups}, dtype=object)


def predictions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "clip_id": ["b", "a"],
            "group": ["1", "2"],
            "fold": [0, 0],
            "actual": ["x", "y"],
            "predicted": ["x", "x"],
            "proba__x": [1 / 3, 0.75],
            "proba__y": [2 / 3, 0.25],
        }
    )


LEARNERS = {
    "svm": Learner(SVC(break_ties=True), True, {"C": [10, 0.1]}),
    "knn": Learner(KNeighborsClassifier(), True, {"n_neighbors": [5, 1]}),
    "dummy": Learner(DummyClassifier()),
}
LEARNERS["vote"] = Learner(members={name: LEARNERS[name] for name in ("svm", "knn")})


def blobs(n: int = 60, distance: float = 4.0) -> tuple[np.ndarray, pd.DataFrame]:
    clips = clip_table(["a", "b", "c"] * (n // 3), [f"group_{number // 6}" for number in range(n)])
    centres = distance * clips["genre"].map({"a": 0, "b": 1, "c": 2}).to_numpy(float)
    return np.random.default_rng(0).normal(centres[:, None], 1, (n, 4)), clips


def run_folds(learner: Learner, X: np.ndarray, clips: pd.DataFrame, folds: list[Fold]) -> list[Result]:
    genre, group = (clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
    inner = [splits.deal_inner(clips, fold, 3, 1) for fold in folds]
    return [
        tasks.run_task(Task("cell", learner, Values(X), genre, group, fold, parts, "balanced_accuracy", keep=True))
        for fold, parts in zip(folds, inner, strict=True)
    ]


def predict_folds(learner: Learner, X: np.ndarray, clips: pd.DataFrame, folds: list[Fold]) -> pd.DataFrame:
    return tasks.join_predictions(clips, folds, run_folds(learner, X, clips, folds))


def fit_all(learner: Learner, X: np.ndarray, clips: pd.DataFrame) -> Any:
    genre, group = (clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
    return estimator.fit(learner, X, genre, group, [], "balanced_accuracy")[0]


def skip_without_keras() -> None:
    """Skip the test if the extra `neural` is missing; to import it here would give Keras its default backend."""
    if not (find_spec("keras") and find_spec("jax")):
        pytest.skip("pip install 'regenre[neural]'")


def inspect_or_die(raw: Path, path: str, *others: Any) -> list[dict[str, Any]]:
    """Inspect a clip for the clip table; 2.wav ends the process."""
    if path == "2.wav":
        signal.raise_signal(signal.SIGSEGV)
    return inspect_clip(raw, path, *others)


def build_leaf(group: str, name: str, /, **settings: Any) -> Any:
    """What a leaf of conf/ makes, with some of its settings changed; for leaves that interpolate nothing."""
    leaf = OmegaConf.merge(OmegaConf.load(ROOT / "conf" / group / f"{name}.yaml"), settings)
    return hydra.utils.instantiate(leaf, _convert_="all")


def build_family(name: str, **settings: Any) -> Any:
    """A family with the settings of its leaf, some of them changed."""
    return build_leaf("family", name, **settings)


def write_network(path: Path, *nodes: tuple, shape: tuple, outputs: dict[str, tuple]) -> str:
    """Write an ONNX graph with the input `x`; return its SHA-256.

    A node is (operator, its inputs, its output, its attributes); a shape has numbers and names of free axes.
    """
    helper = pytest.importorskip("onnx").helper
    graph = helper.make_graph(
        [helper.make_node(op, inputs, [output], **attributes) for op, inputs, output, attributes in nodes],
        "test",
        [helper.make_tensor_value_info("x", 1, shape)],
        [helper.make_tensor_value_info(name, 1, own) for name, own in outputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return compute_sha256(path)


def write_mean_network(path: Path) -> str:
    """Write a network with the output `embedding`: the mean of the samples of each window; return its SHA-256."""
    mean = ("ReduceMean", ["x"], "embedding", {"axes": [1], "keepdims": 1})
    return write_network(path, mean, shape=("batch", "time"), outputs={"embedding": ("batch", 1)})


def make_settings(**groups: Any) -> Settings:
    """Return the settings of conf/config.yaml, with groups that hold nothing but these."""
    values = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/config.yaml"), resolve=False)
    empty = {group: {} for group in ("dataset", "features", "family", "pooling", "split", "classifier", "compute")}
    own = {key: value for key, value in values.items() if key not in ("defaults", "hydra")}
    return Settings(**own, **empty | groups)


def make_stress(*names: CellName) -> pd.DataFrame:
    """Return the table of `evaluation.stress` for cells: a tilt changes one answer in five, the loudness none."""
    rows = [
        ("none", "", True, 0.7, 0.0, 0.0, "", 0.0),
        ("gain_plus_6", "make it 6 dB louder", True, 0.7, 0.0, 0.0, "", 0.0),
        ("tilt_6", "turn the treble up by 6 dB", True, 0.6, -0.1, 0.2, "<b>x", -0.5),
        ("hall", "play it in a hall", False, 0.3, -0.4, 0.6, "=cmd()", -0.8),
        ("worst_case", "", True, 0.55, -0.15, 0.25, "<b>x", -0.5),
    ]
    scores = ["accuracy", "difference", "changed"]
    columns = ["deformation", "action", "irrelevant", *scores, "worst_genre", "worst_difference"]
    table = pd.DataFrame(rows, columns=columns).assign(n_clips=60, n_groups=15)
    table = table.assign(**{f"{name}_low": table[name] - 0.1 for name in scores})
    table = table.assign(**{f"{name}_high": table[name] + 0.1 for name in scores})
    parts = [table.assign(**name.columns) for name in names]
    return pd.concat(parts, ignore_index=True)


def make_plan(**changes: Any) -> CellPlan:
    """Return the plan of a cell of 16 clips in 4 folds, with some of its fields changed."""
    plan = CellPlan(
        dataset="d",
        name=CellName("grouped_kfold", "mfcc", "knn"),
        seed=1,
        search=SearchSettings("accuracy", 2),
        split={"n_folds": 4},
        classifier={"scale": True},
        features=FeatureSet(
            {"mfcc": FamilyRecord({"n": 13}, "abc", True)},
            ["*"],
            AUDIO,
            FRAMES,
            {},
            None,
        ),
        index_md5="def",
        folds=[FoldSizes(train=12, valid=0, test=4)] * 4,
        excluded={},
        fitted_on={"a": 8, "b": 8},
        duration_s=30.0,
        texts=None,
    )
    return replace(plan, **changes)


HEED = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def heed_signals(*command: str) -> list[str]:
    """Return a command that takes the signals which `nohup`, or `&` in a script, lets the tests ignore."""
    return [sys.executable, "-c", HEED, *command]


def find_port() -> int:
    """Return a port of this machine that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until(condition: Callable[[], bool], step_s: float = 0.05) -> None:
    """Wait for an event; the caller's condition also holds when it can no longer come."""
    while not condition():
        time.sleep(step_s)
