"""The choice of hyper-parameters and the fit of one estimator."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pytest
from helpers import LEARNERS, blobs, fit_all
from pydantic import ValidationError
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from regenre.common.errors import UserError
from regenre.common.kinds import explain_invalid
from regenre.learning import estimator, splits
from regenre.learning.estimator import Learner
from regenre.learning.splits import Fold


def standardise(X: np.ndarray, train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return (X[rows] - X[train].mean(axis=0)) / X[train].std(axis=0)


def score_neighbours(n_neighbors: int, X: np.ndarray, genre: np.ndarray, inner: list[Fold]) -> float:
    """Return the mean accuracy over the inner folds, without the code under test."""
    scores = []
    for fold in inner:
        model = KNeighborsClassifier(n_neighbors).fit(standardise(X, fold.fit, fold.fit), genre[fold.fit])
        scores.append((model.predict(standardise(X, fold.fit, fold.test)) == genre[fold.test]).mean())
    return float(np.mean(scores))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"search": {"C": 1.5}}, r"search.C: a valid list expected, 1.5 found"),
        ({"search": {"C": "10"}}, r"search.C: a valid list expected, '10' found"),
        ({"search": {"C": []}}, r"search.C: at least 1 expected, 0 found"),
        ({"reads": "columns"}, r"reads: 'rows' or 'frames' expected, 'columns' found"),
        ({"estimator": None}, r"estimator, or members of a vote, expected; neither found"),
    ],
)
def test_a_learner_refuses_wrong_settings(settings: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Learner(**{"estimator": SVC(), **settings})
    assert explain_invalid(caught.value) == message


def test_hyper_parameters_have_the_best_score_by_the_metric_and_the_first_wins_a_tie() -> None:
    X, clips = blobs(60, distance=1.5)
    inner = splits.deal_inner(clips, Fold(np.arange(60), splits.NOBODY), 3, 1)
    genre = clips["genre"].to_numpy(dtype=object)
    learner = Learner(KNeighborsClassifier(), True, {"n_neighbors": [35, 1, 7]})
    _, chosen, score = estimator.fit(learner, X, genre, genre, inner, "accuracy")
    expected = {n: score_neighbours(n, X, genre, inner) for n in (35, 1, 7)}
    assert score == pytest.approx(max(expected.values()))
    assert expected[chosen["n_neighbors"]] == max(expected.values())
    tied = Learner(DummyClassifier(strategy="prior"), False, {"random_state": [3, 1, 2]})
    assert estimator.fit(tied, X, genre, genre, inner, "accuracy").chosen == {"random_state": 3}


def test_the_first_values_are_used_without_inner_folds() -> None:
    X, clips = blobs()
    genre = clips["genre"].to_numpy(dtype=object)
    fit = estimator.fit(LEARNERS["svm"], X, genre, genre, [], "accuracy")
    assert (fit.chosen, fit.score) == ({"C": 10}, None)


def test_scaling_drops_the_columns_that_are_constant_in_training() -> None:
    X, clips = blobs()
    constant = np.full((len(X), 1), 3.0)
    model = fit_all(LEARNERS["knn"], np.hstack([constant, X]), clips)
    assert list(model.named_steps["varying"].get_support()) == [False, True, True, True, True]
    plain = fit_all(LEARNERS["knn"], X, clips)
    other = np.hstack([np.full((len(X), 1), 1e6), X])
    np.testing.assert_array_equal(model.predict_proba(other), plain.predict_proba(X))


def test_calibration_does_not_change_the_decision() -> None:
    X, clips = blobs(distance=1.0)
    calibrated = fit_all(LEARNERS["svm"], X, clips)
    plain = calibrated.calibrated_classifiers_[0].estimator
    assert (calibrated.predict_proba(X).argmax(axis=1) == plain.predict(X)).all()  # plain predicts genre numbers


@pytest.mark.parametrize(
    ("genre", "group"),
    [("aabb" * 3, "uvwx" * 3), ("aabb" * 3, "uuvv" * 3)],
    ids=["groups together", "one group per genre"],
)
def test_calibration_folds_train_on_every_genre(genre: str, group: str) -> None:
    genres, groups = (np.array(list(text), dtype=object) for text in (genre, group))
    folds = estimator._deal_calibration_folds(genres, groups)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(genres)))
    for train, test in folds:
        assert set(genres[train]) == {"a", "b"}
        if len(set(groups)) > 2:
            assert not set(groups[train]) & set(groups[test])


def test_calibration_needs_two_clips_per_genre() -> None:
    with pytest.raises(UserError, match="at least two training clips per genre, one found; add clips or use fewer"):
        fit_all(Learner(SVC(), True), *blobs(3))


def test_a_vote_is_the_mean_of_its_members() -> None:
    X, clips = blobs(distance=1.0)
    mean = np.mean([fit_all(LEARNERS[name], X, clips).predict_proba(X) for name in ("svm", "knn")], axis=0)
    np.testing.assert_allclose(fit_all(LEARNERS["vote"], X, clips).predict_proba(X), mean, atol=1e-12)


def test_a_vote_names_the_hyper_parameters_of_each_member() -> None:
    X, clips = blobs()
    genre = clips["genre"].to_numpy(dtype=object)
    inner = splits.deal_inner(clips, Fold(np.arange(60), splits.NOBODY), 3, 1)
    fit = estimator.fit(LEARNERS["vote"], X, genre, genre, inner, "accuracy")
    assert sorted(fit.chosen) == ["knn.n_neighbors", "svm.C"]
    assert fit.score is None


def test_an_unknown_metric_raises() -> None:
    X, clips = blobs()
    genre = clips["genre"].to_numpy(dtype=object)
    inner = splits.deal_inner(clips, Fold(np.arange(60), splits.NOBODY), 3, 1)
    with pytest.raises(ValueError, match=r"search.metric: the name of a scikit-learn scorer expected, 'acuracy' found"):
        estimator.fit(LEARNERS["knn"], X, genre, genre, inner, "acuracy")


def test_the_learner_is_not_changed_by_a_fit() -> None:
    X, clips = blobs()
    learner = Learner(LogisticRegression(), True, {"C": [2.0]})
    fit_all(learner, X, clips)
    assert learner.estimator.C == 1.0
    assert not hasattr(learner.estimator, "coef_")


class Grouped(DummyClassifier):
    """Records the groups that it gets, and the first column."""

    fits: ClassVar[list[tuple[list, list]]] = []

    def fit(self, X: np.ndarray, y: np.ndarray, groups: Any = None) -> Self:
        self.fits.append((list(groups), list(X[:, 0])))
        return super().fit(X, y)


def test_an_estimator_that_asks_for_groups_gets_those_of_its_clips() -> None:
    X, clips = blobs()
    X[:, 0] = group = np.arange(60) // 6
    inner = splits.deal_inner(clips, Fold(np.arange(60), splits.NOBODY), 2, 1)
    learner = Learner(Grouped(), search={"strategy": ["prior", "uniform"]})
    estimator.fit(learner, X, clips["genre"].to_numpy(dtype=object), group, inner, "accuracy")
    rows = [fold.fit for fold in inner] * 2 + [np.arange(60)]
    assert sorted(groups for groups, _ in Grouped.fits) == sorted(list(group[part]) for part in rows)
    assert all(groups == column for groups, column in Grouped.fits)
