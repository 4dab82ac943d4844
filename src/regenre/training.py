"""Features and genres meet: one estimator, fitted and tested fold by fold.

Everything that is fitted (scaling, calibration, the classifier) sits in one estimator that is cloned
and fitted anew on each fold's training clips.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from regenre import tables
from regenre.errors import UserError
from regenre.splits import Fold

CALIBRATION_FOLDS = 5


def predictions(
    classifier: Any, scale: bool, features: pd.DataFrame, clips: pd.DataFrame, folds: list[Fold]
) -> pd.DataFrame:
    """Test every fold with an estimator that was fitted on that fold's other clips.

    Parameters
    ----------
    classifier : unfitted scikit-learn classifier
    scale : standardise the features (mean 0, deviation 1 on the training clips)
    features : a row a clip, in the order of `clips`
    clips : usable rows of the clip table

    Returns
    -------
    columns `tables.PREDICTIONS` and `proba__<genre>`, a row a tested clip and fold
    """
    genres = sorted(clips["genre"].unique())
    tested = []
    for number, fold in enumerate(folds):
        estimator = fitted(classifier, scale, features.iloc[fold.fit], clips.iloc[fold.fit])
        with _named(classifier, len(fold.fit)):
            proba = estimator.predict_proba(features.iloc[fold.test].to_numpy())
        rows = clips.iloc[fold.test][["clip_id", "group"]].reset_index(drop=True)
        rows = rows.assign(
            fold=number,
            actual=clips["genre"].iloc[fold.test].to_numpy(),
            predicted=estimator.classes_[proba.argmax(axis=1)],
        )
        shares = pd.DataFrame(proba, columns=[tables.PROBA + genre for genre in estimator.classes_])
        tested.append(
            pd.concat([rows, shares.reindex(columns=[tables.PROBA + genre for genre in genres], fill_value=0)], axis=1)
        )
    return pd.concat(tested, ignore_index=True)


def fitted(classifier: Any, scale: bool, features: pd.DataFrame, clips: pd.DataFrame) -> Any:
    """Clone, fit on the given clips, and return the estimator; it has `predict_proba`.

    Scaling drops the columns that are constant on these clips: they can tell nothing, and a value that
    only other clips have must not move the decision.
    """
    genre = clips["genre"].to_numpy(dtype=object)
    estimator = clone(classifier)
    pipeline = make_pipeline(VarianceThreshold(), StandardScaler(), estimator) if scale else estimator
    if not hasattr(estimator, "predict_proba"):
        folds = _calibration_folds(genre, clips["group"].to_numpy(dtype=object))
        pipeline = CalibratedClassifierCV(pipeline, method="temperature", ensemble=False, cv=folds)
    with _named(classifier, len(clips)), threadpool_limits(1):
        return pipeline.fit(features.to_numpy(), genre)


@contextmanager
def _named(classifier: Any, n_clips: int) -> Iterator[None]:
    """What scikit-learn refuses, said with the classifier's name and the number of clips."""
    try:
        yield
    except ValueError as error:
        name = type(classifier).__name__
        raise UserError(f"{name} cannot work with {n_clips} training clips: {error}") from error


def _calibration_folds(genre: np.ndarray, group: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds inside the training clips that keep groups together where every genre has enough of them."""
    counts = pd.DataFrame({"genre": genre, "group": group}).groupby("genre")["group"].agg(["size", "nunique"]).min()
    if counts["size"] < 2:
        raise UserError("probabilities need at least two training clips a genre; add clips or use fewer folds")
    if counts["nunique"] >= 2:
        grouped = StratifiedGroupKFold(min(CALIBRATION_FOLDS, counts["nunique"]))
        folds = list(grouped.split(genre, genre, group))
        if all(set(genre[train]) == set(genre) for train, _ in folds):
            return folds
    return list(StratifiedKFold(min(CALIBRATION_FOLDS, counts["size"])).split(genre, genre))
