"""A cell as an MLflow model: what `mlflow.pyfunc.load_model` and `mlflow models serve` call.

MLflow finds this module by its name (`loader_module`) and passes it the cell's folder. skops reads the model's file and
runs no code from it. One row in gives one row out. A row has either

    path           of an audio file that the server can read; a long one is classified window by window
    samples, sr    of one clip: mono, full scale 1; also text, for a model that reads one

The answer has `predicted`, `proba__<genre>` for each genre, and `error`, which is "" for a row that was classified.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regenre import audio
from regenre.common import tables
from regenre.common.errors import UserError, explain_error
from regenre.features import extraction
from regenre.inference.answers import Answer
from regenre.inference.model import Model


def _load_pyfunc(path: str) -> "ServedModel":
    return ServedModel(Model.read(Path(path)))


class ServedModel:
    """A model that answers tables."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Classify each row; if a row cannot be classified, its `error` says why, and the others go on."""
        rows: list[dict[Any, Any]] = model_input.to_dict("records") or [{}] * len(model_input)
        answers = pd.DataFrame([self._classify_row(row) for row in rows])
        return (
            answers.astype(object).where(answers.notna(), None) if answers["error"].any() else answers
        )  # no NaN in JSON

    def _classify_row(self, row: dict[str, Any]) -> dict[str, Any]:
        columns = {genre: tables.PROBA + genre for genre in self.model.genres}
        try:
            proba = self._classify({name: value for name, value in row.items() if _is_present(value)}).proba
        except Exception as error:  # the other rows go on
            return {"predicted": "", **dict.fromkeys(columns.values(), np.nan), "error": explain_error(error)}
        return {"predicted": next(iter(proba)), **{columns[genre]: proba[genre] for genre in columns}, "error": ""}

    def _classify(self, row: dict[str, Any]) -> Answer:
        if "path" in row:
            path = Path(str(row["path"]))
            with audio.name_errors(path):
                return self.model.classify_file(path)
        if not {"samples", "sr"} <= set(row):
            raise UserError(f"path, or samples and sr, expected; {', '.join(map(str, row)) or 'nothing'} found")
        try:
            samples, sr = np.asarray(row["samples"], dtype=np.float64), int(row["sr"])
        except (TypeError, ValueError, OverflowError) as error:
            raise UserError(f"samples: a list of numbers, and sr: a whole number, expected; {error}") from error
        return self.model.classify_samples(samples, sr, str(row.get("text", "")))


def make_example(sr: int) -> pd.DataFrame:
    """Return one row that any model can answer: the first second of the probe signal."""
    y = extraction.make_probe(sr)[:sr]
    return pd.DataFrame([{"samples": [round(float(value), 4) for value in y], "sr": sr}])


def _is_present(value: Any) -> bool:
    return isinstance(value, (list, np.ndarray)) or not (value is None or value is pd.NA or value != value)
