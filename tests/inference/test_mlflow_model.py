"""A cell as MLflow calls it, without MLflow."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from regenre.common.errors import UserError
from regenre.inference import mlflow_model
from regenre.inference.mlflow_model import ServedModel, make_example

LOW = "low/0.wav"


@pytest.fixture
def served(corpus) -> ServedModel:
    return mlflow_model._load_pyfunc(str(corpus.locate("spectral_shape-logistic")))


def test_a_path_and_its_samples_have_the_same_answer(served: ServedModel, corpus) -> None:
    samples, sr = soundfile.read(corpus.raw / LOW)
    rows = [{"path": str(corpus.raw / LOW)}, {"samples": samples.tolist(), "sr": sr}]
    answers = served.predict(pd.DataFrame(rows))  # pandas fills the missing values with NaN
    assert list(answers.columns) == ["predicted", "proba__high", "proba__low", "error"]
    assert answers.iloc[0].equals(answers.iloc[1])
    assert (answers["predicted"][0], answers["error"][0]) == ("low", "")
    expected = served.model.classify_file(corpus.raw / LOW).proba
    assert answers.loc[0, ["proba__high", "proba__low"]].tolist() == [expected["high"], expected["low"]]


def test_a_row_that_cannot_be_classified_has_an_error_and_the_others_go_on(served: ServedModel, corpus) -> None:
    rows = [{"path": "none.wav"}, {"path": str(corpus.raw / LOW)}, {"sr": 22_050}]
    answers = served.predict(pd.DataFrame(rows))
    assert answers["error"].tolist() == [
        "none.wav: a file expected, nothing found there", "", "path, or samples and sr, expected; sr found",
    ]  # fmt: skip
    assert answers["predicted"].tolist() == ["", "low", ""]
    assert [value is None for value in answers["proba__low"]] == [True, False, True]  # JSON has no NaN


def test_a_row_without_columns_has_an_error(served: ServedModel) -> None:
    answers = served.predict(pd.DataFrame(index=range(2)))
    assert answers["error"].tolist() == ["path, or samples and sr, expected; nothing found"] * 2


def test_the_text_of_samples_is_read(corpus) -> None:
    served = mlflow_model._load_pyfunc(str(corpus.locate("text-logistic")))
    samples, sr = soundfile.read(corpus.raw / LOW)
    row = {"samples": samples, "sr": sr}
    answers = served.predict(pd.DataFrame([{**row, "text": "bright whistle"}, {**row, "text": "deep rumble"}]))
    assert answers["predicted"].tolist() == ["high", "low"]


def test_the_example_is_one_second_that_the_model_answers(served: ServedModel) -> None:
    example = make_example(served.model.sr)
    assert len(example["samples"][0]) == served.model.sr == example["sr"][0]
    answers = served.predict(example)
    assert answers["error"].tolist() == [""]
    assert np.isclose(answers[["proba__high", "proba__low"]].sum(axis=1), 1).all()


def test_a_folder_without_a_cell_raises(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no cell there"):
        mlflow_model._load_pyfunc(str(tmp_path))
