import doctest

import numpy as np
import pytest
import soundfile
from conftest import SR, noise, sine

from regenre import api, classify, extract
from regenre.errors import UserError


def test_the_examples_of_the_docstrings_are_true() -> None:
    found = doctest.testmod(api)
    assert found.attempted >= 6
    assert found.failed == 0


def test_a_file_its_samples_and_its_integers_have_the_same_features(tmp_path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([noise(3.0), sine(330, 3.0)], axis=1), 44_100)
    of_file = extract(path, "mfcc_spectral")
    assert of_file.dtype == np.float32
    for dtype in ("float64", "int16"):
        samples, sr = soundfile.read(path, dtype=dtype)
        assert extract(samples, "mfcc_spectral", sr=sr).equals(of_file)
    assert list(extract(str(path)).index) == [name for name in of_file.index if name.startswith("mfcc__")]


def test_a_feature_set_that_takes_some_columns_yields_those() -> None:
    found = extract(noise(3.0), "librosa_script", sr=SR)
    assert 0 < len(found) < len(extract(noise(3.0), "all", sr=SR))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: extract(noise()), "their sampling rate expected, none given; pass sr="),
        (lambda: extract(noise(), "mfc", sr=SR), "'mfc' is not in conf/features/; choose from all"),
        (lambda: extract(noise(), "external", sr=SR), "external is given from elsewhere"),
        (lambda: extract("nothing.wav"), "nothing.wav: no file at nothing.wav"),
        (lambda: extract(np.zeros(SR), sr=SR), "peak 0.0e"),
        (lambda: extract(np.full(SR, np.nan), sr=SR), "22050 of 22050 samples are NaN"),
        (lambda: extract(np.array([]), sr=SR), "no samples given"),
        (lambda: extract(np.array(["x"]), sr=SR), r"expected; <U1 of shape \(1,\) found"),
        (lambda: classify(noise(), model="none", sr=SR), "model 'none': no such cell"),
    ],
)
def test_mistakes_are_said(call, said: str) -> None:
    with pytest.raises(UserError, match=said):
        call()
