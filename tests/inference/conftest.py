"""A small corpus with audio and texts, its features, and a cell for each kind of model."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from helpers import ROOT, SR, noise, sine

from regenre.common import compute, config, tables
from regenre.common.config import FeaturesLeaf, Settings
from regenre.common.files import compute_md5
from regenre.common.paths import CellName
from regenre.common.settings import SearchSettings
from regenre.features import feature_files
from regenre.features.extraction import Analysis
from regenre.features.family import Family, TableFamily
from regenre.features.pooling import Pooling
from regenre.inference.model import Model
from regenre.learning.grid import fit_cells
from regenre.learning.plan import Planner

N_CLIPS = 12
DURATION_S = 1.5
SETS = {
    "spectral_shape": ["spectral_shape"],
    "spectral_shape_text": ["spectral_shape", "text"],
    "text": ["text"],
    "mfcc": ["mfcc"],
}
TEXTS = {"low": "deep rumble", "high": "bright whistle"}


@dataclass(frozen=True)
class Corpus:
    """A project's folder with the cells of a grid."""

    root: Path

    @property
    def raw(self) -> Path:
        return self.root / "data/raw/corpus"

    @property
    def features(self) -> Path:
        return self.root / "data/features/corpus"

    def locate(self, name: str) -> Path:
        """Return the folder of a cell, e.g. `mfcc-gmm`."""
        return self.root / "data/cells/corpus" / f"grouped_kfold-{name}"

    def read(self, name: str) -> Model:
        """Return the model of a cell, e.g. `mfcc-gmm`."""
        return Model.read(self.locate(name))


def write_clips(corpus: Corpus) -> pd.DataFrame:
    """Write tones of two genres with noise, with a text beside each; return the clip table."""
    rows = []
    for number in range(N_CLIPS):
        genre = ("low", "high")[number % 2]
        path = corpus.raw / genre / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        y = sine({"low": 200, "high": 3000}[genre] + 20 * number, DURATION_S) + noise(DURATION_S, seed=number) * 0.1
        soundfile.write(path, y, SR)
        path.with_suffix(".txt").write_text(TEXTS[genre])
        facts = {
            "duration_s": DURATION_S,
            "sr": SR,
            "channels": 1,
            "md5": compute_md5(path),
            "status": "ok",
            "fault": "",
            "reason": "",
        }
        name = f"{genre}/{number}.wav"
        rows.append({"clip_id": name, "path": name, "genre": genre, "group": str(number), **facts})
    clips = pd.DataFrame(rows).sort_values("clip_id", ignore_index=True)[tables.CLIPS]
    tables.write_clips(corpus.root / "data/index/corpus.parquet", clips)
    return clips


def write_features(corpus: Corpus, clips: pd.DataFrame, settings: Settings) -> None:
    settings.family["text"]["captions"] = str(corpus.root)  # no table: the texts lie beside the clips
    names = ("mfcc", "spectral_shape", "text")
    families = {name: config.build(settings.family[name], name, Family, TableFamily) for name in names}
    computed = {name: family for name, family in families.items() if name != "text"}
    pooling, frames = config.build(settings.pooling, "pooling", Pooling), settings.frames
    analysis = Analysis(
        computed, pooling, settings.audio.sr, frames.n_fft, frames.hop_length, settings.sequences.n_averaged
    )
    sets = {name: FeaturesLeaf(list(names)) for name, names in SETS.items()}
    feature_files.write_features(corpus.features, clips, corpus.raw, families, analysis, 0.0, sets, settings)


def fit_grid(corpus: Corpus) -> None:
    learner = {"_target_": "regenre.learning.estimator.Learner"}
    split = {"_target_": "regenre.learning.splits.GroupedKFolds", "n_folds": 2, "seed": 1}
    logistic = {**learner, "scale": True, "estimator": {"_target_": "sklearn.linear_model.LogisticRegression"}}
    gmm = {"_target_": "regenre.learning.classifiers.gmm.Gmm", "n_components": 1, "random_state": 1}
    leaves = {"logistic": logistic, "gmm": {**learner, "reads": "frames", "estimator": gmm}}
    search = SearchSettings("balanced_accuracy", 2)
    index = corpus.root / "data/index/corpus.parquet"
    planner = Planner("corpus", index, corpus.features, 1, search, config.build)
    names = [CellName("grouped_kfold", features, "gmm" if features == "mfcc" else "logistic") for features in SETS]
    plan = [planner.plan_cell(name, split, leaves[name.classifier]) for name in names]
    list(fit_cells(plan, corpus.root / "data/cells/corpus"))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Return the corpus; tests do not change it."""
    corpus = Corpus(tmp_path_factory.mktemp("corpus"))
    (corpus.root / ".regenre").touch()
    (corpus.root / "conf").symlink_to(ROOT / "conf")
    with compute.Local(1).use():
        write_features(corpus, write_clips(corpus), config.compose_settings())
        fit_grid(corpus)
    return corpus


@pytest.fixture
def in_corpus(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """Return the corpus, as the project's root."""
    monkeypatch.setenv("REGENRE_ROOT", str(corpus.root))
    return corpus


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Return a stereo file of four windows: low, high, silent, low."""
    parts = [sine(hz, DURATION_S) + 0.1 * noise(DURATION_S) for hz in (250, 3100, 300)]
    parts.insert(2, np.zeros(len(parts[0]), np.float32))
    y = np.concatenate(parts)
    soundfile.write(tmp_path / "long.flac", np.stack([y, y], axis=1), SR)
    return tmp_path / "long.flac"
