import doctest
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import ROOT, SR, noise, sine

from regenre import classify, extract
from regenre.common import config
from regenre.common.errors import UserError
from regenre.inference import api


def test_the_examples_of_the_docstrings_are_correct() -> None:
    results = doctest.testmod(api)
    assert results.attempted >= 6
    assert results.failed == 0


def test_a_file_its_samples_and_its_integers_have_the_same_features(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([noise(3.0), sine(330, 3.0)], axis=1), 44_100)
    features = extract(path, "mfcc_spectral")
    assert features.dtype == np.float32
    for dtype in ("float64", "int16"):
        samples, sr = soundfile.read(path, dtype=dtype)
        assert extract(samples, "mfcc_spectral", sr=sr).equals(features)
    assert list(extract(str(path)).index) == [name for name in features.index if name.startswith("mfcc__")]


def test_a_feature_set_with_patterns_yields_the_columns_that_match() -> None:
    columns = extract(noise(3.0), "librosa_script", sr=SR).index
    assert 0 < len(columns) < len(extract(noise(3.0), "all", sr=SR))


def test_settings_are_composed_once_and_again_after_an_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".regenre").touch()
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    calls = []
    monkeypatch.setattr(
        config, "compose_settings", lambda compose=config.compose_settings: calls.append(1) or compose()
    )
    assert [len(extract(noise(), family, sr=SR)) for family in ("mfcc", "lfcc", "mfcc")] == [40] * 3
    assert len(calls) == 1
    leaf = tmp_path / "conf/family/mfcc.yaml"
    leaf.write_text(leaf.read_text().replace("n_mfcc: 20", "n_mfcc: 13"))
    assert len(extract(noise(), "mfcc", sr=SR)) == 26


def test_classify_answers_as_the_model_does(in_corpus) -> None:
    path = in_corpus.raw / "high/1.wav"
    expected = in_corpus.read("spectral_shape-logistic").classify_file(path).proba
    cell = "grouped_kfold-spectral_shape-logistic"
    assert classify(path, model=cell) == expected
    samples, sr = soundfile.read(path)
    assert classify(samples, model=str(in_corpus.locate("spectral_shape-logistic")), sr=sr) == expected
    assert list(expected) == ["high", "low"]
    by_text = [classify(samples, "grouped_kfold-text-logistic", sr, text) for text in ("deep rumble", "bright whistle")]
    assert [next(iter(proba)) for proba in by_text] == ["low", "high"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: extract(noise()), r"samples: a sampling rate expected, none found; pass it, e.g. sr=22_050"),
        (lambda: extract(noise(), "mfc", sr=SR), "'mfc' is not in conf/features/; choose from all"),
        (lambda: extract(noise(), "external", sr=SR), "computed from audio expected, external found; leave it out"),
        (lambda: extract("nothing.wav"), "nothing.wav: a file expected, nothing found there"),
        (lambda: extract(np.zeros(SR), sr=SR), "peak 0.0e"),
        (lambda: extract(np.full(SR, np.nan), sr=SR), "22050 of 22050 samples are NaN"),
        (lambda: classify(noise(), model="none", sr=SR), "model 'none': no such cell"),
    ],
    ids=["no rate", "no such set", "a table", "no file", "silence", "not finite", "no such model"],
)
def test_a_wrong_argument_raises(call, message: str) -> None:
    with pytest.raises(UserError, match=message):
        call()
