"""One estimator: choose its hyper-parameters and fit it, on the training clips alone.

Everything that is fitted is fitted here: scaling, terms of texts, hyper-parameters, calibration, the classifier.

    Learner  how a classifier is built: a leaf of conf/classifier
    fit      choose and fit
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.base import clone, is_classifier
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
from sklearn.utils.validation import has_fit_parameter

from regenre.common.errors import UserError
from regenre.common.kinds import strict_dataclass
from regenre.learning import splits
from regenre.learning.splits import Fold

if TYPE_CHECKING:  # not fitted where there is no text: see `digest`
    from regenre.learning.words import Words

CALIBRATION_FOLDS = 5
Candidates = Annotated[list[Any], Field(min_length=1)]
_STEP = "classifier"
_WORTH = "columns__transformer_weights"


class Fit(NamedTuple):
    """A fitted estimator.

    Attributes
    ----------
    estimator : has `classes_` and `predict_proba`
    chosen : parameter -> value; for a vote `<member>.<parameter>`
    score : mean over the inner folds; None where nothing could be chosen
    """

    estimator: Any
    chosen: dict[str, Any]
    score: float | None


@strict_dataclass
class Learner:
    """How a classifier is built: a leaf of `conf/classifier/`.

    Parameters
    ----------
    estimator : unfitted scikit-learn classifier; None for a vote
    scale : whether to standardise the features (mean 0 and standard deviation 1 on the training clips)
    search : parameter -> candidate values; the first wins a tie, and is used where nothing can be chosen
    reads : "rows", one row per clip, or "frames", one sequence per clip
    members : name -> learner, for a soft vote of these
    """

    estimator: Any = None
    scale: bool = False
    search: Mapping[str, Candidates] | None = None
    reads: Literal["rows", "frames"] = "rows"
    members: Mapping[str, "Learner"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.estimator is None and not self.members:
            raise ValueError("estimator, or members of a vote, expected; neither found")
        if self.estimator is not None and not (hasattr(self.estimator, "get_params") and is_classifier(self.estimator)):
            raise ValueError(f"estimator: a classifier of scikit-learn's kind expected, {self.estimator!r} found")


def fit(
    learner: Learner,
    X: np.ndarray,
    genre: np.ndarray,
    group: np.ndarray,
    inner: Sequence[Fold],
    metric: str,
    words: "Words | None" = None,
    n_copies: int = 0,
) -> Fit:
    """Choose hyper-parameters on the inner folds and fit on all of X.

    Parameters
    ----------
    X : features, shape (n_clips, n_columns), or an object array of n_clips sequences
    genre, group : of each clip; an estimator whose `fit` has a parameter `groups` gets the groups
    inner : folds to choose hyper-parameters by; positions in X
    metric : scikit-learn's name of the score to choose by
    words : which column of X holds texts, if one does
    n_copies : of each clip, which follow in X: see `splits.add_copies`

    Raises
    ------
    UserError
        Too few clips to calibrate probabilities, or nothing varies.
    ValueError
        scikit-learn rejects a parameter, or there are too few clips.
    """
    if X.dtype != object and not np.ptp(X, axis=0).any():
        raise UserError("every column is constant on the training clips; choose other features")
    if learner.members:
        fits = {
            name: fit(member, X, genre, group, inner, metric, words, n_copies)
            for name, member in learner.members.items()
        }
        return _fit_vote(fits, X, genre)
    # drop columns that are constant in training: nothing can be learned from them, and in other clips they may vary
    scaling = [("varying", VarianceThreshold()), ("scaling", StandardScaler())]
    candidates = {f"{_STEP}__{name}": list(values) for name, values in (learner.search or {}).items()}
    steps: list[tuple[str, Any]] = scaling if learner.scale else []
    if words:
        numbers = Pipeline(scaling).set_params(scaling__with_mean=learner.scale, scaling__with_std=learner.scale)
        steps = [("columns", _join_columns(words, X.shape[1], numbers))]
        if learner.scale:
            candidates[_WORTH] = [{"words": float(np.sqrt(worth))} for worth in words.worth]
    pipeline = Pipeline([*steps, (_STEP, clone(learner.estimator))])
    groups = {f"{_STEP}__groups": group} if has_fit_parameter(learner.estimator, "groups") else {}
    best, score = _choose(candidates, pipeline, X, genre, groups, inner, metric)
    pipeline.set_params(**best)
    if not hasattr(pipeline, "predict_proba"):
        n = len(genre) // (1 + n_copies)
        folds = _deal_calibration_folds(genre[:n], group[:n])
        if n_copies:  # cross-validated predictions are of every row, so the copies calibrate too, on their clips' side
            both = [splits.add_copies(Fold(train, splits.NOBODY, test), n, n_copies) for train, test in folds]
            folds = [(fold.train, fold.valid) for fold in both]
        pipeline = CalibratedClassifierCV(pipeline, method="temperature", ensemble=False, cv=folds)
    return Fit(pipeline.fit(X, genre, **groups), _name_params(best), score)


def _join_columns(words: "Words", n_columns: int, numbers: Pipeline) -> ColumnTransformer:
    """Return a transformer that makes columns of the terms and scales the other columns."""
    others = [place for place in range(n_columns) if place != words.place]
    rest = [("numbers", numbers, others)] if others else []
    return ColumnTransformer([("words", words.make_vectoriser(), words.place), *rest], sparse_threshold=0)


def _fit_vote(fits: Mapping[str, Fit], X: np.ndarray, genre: np.ndarray) -> Fit:
    members = [(name, FrozenEstimator(member.estimator)) for name, member in fits.items()]
    chosen = {f"{name}.{key}": value for name, member in fits.items() for key, value in member.chosen.items()}
    return Fit(VotingClassifier(members, voting="soft").fit(X, genre), chosen, None)


def _choose(
    candidates: dict[str, list[Any]],
    pipeline: Pipeline,
    X: np.ndarray,
    genre: np.ndarray,
    groups: Mapping[str, np.ndarray],
    inner: Sequence[Fold],
    metric: str,
) -> tuple[dict[str, Any], float | None]:
    if not candidates or not inner:
        return {name: values[0] for name, values in candidates.items()}, None
    if metric not in get_scorer_names():
        raise ValueError(
            f"search.metric: the name of a scikit-learn scorer expected, {metric!r} found; e.g. balanced_accuracy"
        )
    folds = [(fold.fit, fold.test) for fold in inner]
    search = GridSearchCV(pipeline, candidates, scoring=metric, cv=folds, refit=False)
    with warnings.catch_warnings():  # a genre with one group is in the training clips and in no inner test part
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true", category=UserWarning)
        warnings.filterwarnings("ignore", message="Scoring failed|One or more of the test scores", category=UserWarning)
        warnings.simplefilter("ignore", FitFailedWarning)
        try:
            search.fit(X, genre, **groups)
        except ValueError:
            search.set_params(error_score="raise").fit(
                X, genre, **groups
            )  # give the reason instead of "all fits failed"
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        if np.isnan(score):  # e.g. 15 neighbours among 12 clips
            warnings.warn(f"{_name_params(params)} cannot be fitted on so few clips", FitFailedWarning, stacklevel=2)
    if np.isnan(search.best_score_):
        search.set_params(error_score="raise").fit(X, genre, **groups)
    return search.best_params_, float(search.best_score_)


def _name_params(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters under the names that conf/classifier uses."""
    named = {name.removeprefix(f"{_STEP}__"): value for name, value in params.items() if name != _WORTH}
    return named | ({"text_worth": round(params[_WORTH]["words"] ** 2, 6)} if _WORTH in params else {})


def _deal_calibration_folds(genre: np.ndarray, group: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return folds inside the training clips; they keep groups together if every genre has enough groups."""
    counts = pd.DataFrame({"genre": genre, "group": group}).groupby("genre")["group"].agg(["size", "nunique"]).min()
    if counts["size"] < 2:
        raise UserError(
            "calibration needs at least two training clips per genre, one found; add clips or use fewer folds"
        )
    if counts["nunique"] >= 2:
        grouped = StratifiedGroupKFold(min(CALIBRATION_FOLDS, counts["nunique"]))
        folds = list(grouped.split(genre, genre, group))
        if all(set(genre[train]) == set(genre) for train, _ in folds):
            return folds
    return list(StratifiedKFold(min(CALIBRATION_FOLDS, counts["size"])).split(genre, genre))
