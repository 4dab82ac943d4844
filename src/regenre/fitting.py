"""One estimator, chosen and fitted on some clips; everything that is fitted is fitted here.

Scaling, terms of texts, hyper-parameters, calibration and the classifier see the given clips and no other.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.feature_selection import VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from regenre.errors import UserError
from regenre.families.text import Text
from regenre.splits import Fold

CALIBRATION_FOLDS = 5
_STEP = "classifier"
_WORTH = "columns__transformer_weights"
Fitted = tuple[Any, dict[str, Any], float | None]  # estimator, what was chosen, its score


@dataclass(frozen=True)
class Learner:
    """How a classifier is made: a leaf of `conf/classifier/`.

    Parameters
    ----------
    estimator : unfitted scikit-learn classifier; None for a vote
    scale : standardise the features (mean 0, deviation 1 on the training clips)
    search : parameter -> the values to choose from; the first wins a tie, and is taken where nothing can be chosen
    reads : "rows", a row a clip, or "frames", a sequence a clip
    members : name -> learner: a soft vote of these
    """

    estimator: Any = None
    scale: bool = False
    search: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    reads: str = "rows"
    members: Mapping[str, "Learner"] = field(default_factory=dict)


@dataclass(frozen=True)
class Words:
    """A column of texts, to become columns of numbers inside each fold.

    Parameters
    ----------
    place : of the column
    text : how they are read; trees need no choice of what a text is worth
    """

    place: int
    text: Text


def fitted(
    learner: Learner,
    X: np.ndarray,
    genre: np.ndarray,
    group: np.ndarray,
    inner: Sequence[Fold],
    metric: str,
    words: Words | None = None,
) -> Fitted:
    """Choose hyper-parameters on the inner folds and fit on all of X.

    Returns
    -------
    estimator : it has `classes_` and `predict_proba`
    chosen : parameter -> value; of a vote, `<member>.<parameter>`
    score : mean over the inner folds; None where nothing could be chosen
    """
    if learner.members:
        made = {name: fitted(member, X, genre, group, inner, metric, words) for name, member in learner.members.items()}
        return _vote(made, X, genre)
    # a column that is constant on these clips can tell nothing, and what it is on others must not move the decision
    scaling = [("varying", VarianceThreshold()), ("scaling", StandardScaler())]
    offered = {f"{_STEP}__{name}": list(values) for name, values in learner.search.items()}
    steps: list[tuple[str, Any]] = scaling if learner.scale else []
    if words:
        numbers = Pipeline(scaling).set_params(scaling__with_mean=learner.scale, scaling__with_std=learner.scale)
        steps = [("columns", _joined(words, X.shape[1], numbers))]
        if learner.scale:
            offered[_WORTH] = [{"words": float(np.sqrt(worth))} for worth in words.text.worth]
    pipeline = Pipeline([*steps, (_STEP, clone(learner.estimator))])
    best, score = _search(offered, pipeline, X, genre, inner, metric)
    pipeline.set_params(**best)
    if not hasattr(pipeline, "predict_proba"):
        folds = _calibration_folds(genre, group)
        pipeline = CalibratedClassifierCV(pipeline, method="temperature", ensemble=False, cv=folds)
    return pipeline.fit(X, genre), _plain(best), score


def _joined(words: Words, n_columns: int, numbers: Pipeline) -> ColumnTransformer:
    """Columns of the terms, and the other columns."""
    others = [place for place in range(n_columns) if place != words.place]
    rest = [("numbers", numbers, others)] if others else []
    return ColumnTransformer([("words", words.text.vectoriser(), words.place), *rest], sparse_threshold=0)


def _vote(made: Mapping[str, Fitted], X: np.ndarray, genre: np.ndarray) -> Fitted:
    vote = VotingClassifier([(name, FrozenEstimator(member[0])) for name, member in made.items()], voting="soft")
    chosen = {f"{name}.{key}": value for name, (_, best, _) in made.items() for key, value in best.items()}
    return vote.fit(X, genre), chosen, None


def _search(
    offered: dict[str, list[Any]],
    pipeline: Pipeline,
    X: np.ndarray,
    genre: np.ndarray,
    inner: Sequence[Fold],
    metric: str,
) -> tuple[dict[str, Any], float | None]:
    if not offered or not inner:
        return {name: values[0] for name, values in offered.items()}, None
    if metric not in get_scorer_names():
        raise ValueError(f"search.metric: {metric!r} is no scorer of scikit-learn; balanced_accuracy is one")
    folds = [(fold.fit, fold.test) for fold in inner]
    search = GridSearchCV(pipeline, offered, scoring=metric, cv=folds, refit=False)
    with warnings.catch_warnings():  # a genre of one group is trained on and never tested
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true", category=UserWarning)
        warnings.filterwarnings("ignore", message="Scoring failed|One or more of the test scores", category=UserWarning)
        warnings.simplefilter("ignore", FitFailedWarning)
        try:
            search.fit(X, genre)
        except ValueError:
            search.set_params(error_score="raise").fit(X, genre)  # the first one's reason, not that all failed
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        if np.isnan(score):  # 15 neighbours of 12 clips
            warnings.warn(f"{_plain(params)} cannot be fitted on so few clips", FitFailedWarning, stacklevel=2)
    if np.isnan(search.best_score_):
        search.set_params(error_score="raise").fit(X, genre)
    return search.best_params_, float(search.best_score_)


def _plain(params: dict[str, Any]) -> dict[str, Any]:
    """As people name them."""
    plain = {name.removeprefix(f"{_STEP}__"): value for name, value in params.items() if name != _WORTH}
    return plain | ({"text_worth": round(params[_WORTH]["words"] ** 2, 6)} if _WORTH in params else {})


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
