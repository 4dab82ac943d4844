"""A cell as an MLflow model: what `mlflow.pyfunc.load_model` and `mlflow models serve` call.

MLflow finds this module by its name (`loader_module`) and hands it the cell's folder: skops reads the model's file,
and no code of it is run. One row in, one row out; it takes either

    path           of an audio file that the server can read; one that is long is classified window by window
    samples, sr    of one clip: mono, full scale 1; and text, for a model that reads one

and yields `predicted`, `proba__<genre>` of each genre, and `error`, "" where all is well.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regenre import audio, extraction, tables
from regenre.answers import Answer
from regenre.classification import Model
from regenre.errors import UserError


def _load_pyfunc(path: str) -> "Served":
    return Served(Model.read(Path(path)))


class Served:
    """A model that answers tables."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Classify each row; a row that cannot be classified says why in `error`, and the others go on."""
        rows: list[dict[Any, Any]] = model_input.to_dict("records") or [{}] * len(model_input)
        found = pd.DataFrame([self._row(row) for row in rows])
        return found.astype(object).where(found.notna(), None) if found["error"].any() else found  # JSON has no NaN

    def _row(self, given: dict[str, Any]) -> dict[str, Any]:
        genres = [str(genre) for genre in self.model.estimator.classes_]
        try:
            proba = self._answer({name: value for name, value in given.items() if _is_there(value)}).proba
        except UserError as error:
            return {"predicted": "", **dict.fromkeys(map(tables.PROBA.__add__, genres), np.nan), "error": str(error)}
        shares = {tables.PROBA + genre: proba[genre] for genre in genres}
        return {"predicted": next(iter(proba)), **shares, "error": ""}

    def _answer(self, given: dict[str, Any]) -> Answer:
        if "path" in given:
            with audio.said_of(Path(given["path"])):
                return self.model.of_file(Path(given["path"]))
        if not {"samples", "sr"} <= set(given):
            raise UserError(f"path, or samples and sr, expected; {', '.join(given) or 'nothing'} found")
        samples = np.asarray(given["samples"], dtype=np.float64)
        return self.model.of_samples(samples, int(given["sr"]), given.get("text", ""))


def example(sr: int) -> pd.DataFrame:
    """One row that any model can answer: the first second of the probe signal."""
    y = extraction.probe(sr)[:sr]
    return pd.DataFrame([{"samples": [round(float(value), 4) for value in y], "sr": sr}])


def _is_there(value: Any) -> bool:
    return isinstance(value, (list, np.ndarray)) or not (value is None or value is pd.NA or value != value)
