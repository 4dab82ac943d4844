from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import clip_table
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from regenre import fitting, splits, training
from regenre.errors import UserError
from regenre.fitting import Learner
from regenre.splits import Fold, GroupedKFolds, StratifiedKFolds
from regenre.tables import PREDICTIONS
from regenre.training import Result, Task, Values

LEARNERS = {
    "svm": Learner(SVC(break_ties=True), True, {"C": [10, 0.1]}),
    "knn": Learner(KNeighborsClassifier(), True, {"n_neighbors": [5, 1]}),
    "dummy": Learner(DummyClassifier()),
}
LEARNERS["vote"] = Learner(members={name: LEARNERS[name] for name in ("svm", "knn")})


def blobs(n: int = 60, distance: float = 4.0) -> tuple[np.ndarray, pd.DataFrame]:
    clips = clip_table(["a", "b", "c"] * (n // 3), [f"group_{number // 6}" for number in range(n)])
    centres = distance * clips["genre"].map({"a": 0, "b": 1, "c": 2}).to_numpy(float)
    return np.random.default_rng(0).normal(centres[:, None], 1, (n, 4)), clips


def done(learner: Learner, X: np.ndarray, clips: pd.DataFrame, folds: list[Fold]) -> list[Result]:
    genre, group = (clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
    inner = [splits.inner(clips, fold, 3, 1) for fold in folds]
    return [
        training.work(Task("cell", learner, Values(X), genre, group, fold, parts, "balanced_accuracy", keep=True))
        for fold, parts in zip(folds, inner, strict=True)
    ]


def predicted(learner: Learner, X: np.ndarray, clips: pd.DataFrame, folds: list[Fold]) -> pd.DataFrame:
    return training.predictions(clips, folds, done(learner, X, clips, folds))


def fitted(learner: Learner, X: np.ndarray, clips: pd.DataFrame) -> Any:
    genre, group = (clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
    return fitting.fitted(learner, X, genre, group, [], "balanced_accuracy")[0]


@pytest.mark.parametrize("name", LEARNERS)
def test_predictions_keep_their_promises(name: str) -> None:
    X, clips = blobs()
    folds = GroupedKFolds(4, seed=1).folds(clips)
    found = predicted(LEARNERS[name], X, clips, folds)
    proba = found[["proba__a", "proba__b", "proba__c"]].to_numpy()
    assert list(found.columns[:5]) == PREDICTIONS
    assert sorted(found["clip_id"]) == sorted(clips["clip_id"])
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-9)
    assert (np.array(["a", "b", "c"])[proba.argmax(axis=1)] == found["predicted"]).all()
    pd.testing.assert_frame_equal(found, predicted(LEARNERS[name], X, clips, folds))


def test_easy_genres_are_told_apart_and_noise_is_not() -> None:
    X, clips = blobs(120)
    folds = GroupedKFolds(4, seed=1).folds(clips)
    easy = predicted(LEARNERS["svm"], X, clips, folds)
    assert (easy["actual"] == easy["predicted"]).mean() > 0.95
    hard = predicted(LEARNERS["svm"], np.random.default_rng(0).normal(size=X.shape), clips, folds)
    assert (hard["actual"] == hard["predicted"]).mean() < 0.5


def test_calibration_leaves_the_machines_own_decision() -> None:
    X, clips = blobs(distance=1.0)
    calibrated = fitted(LEARNERS["svm"], X, clips)
    plain = calibrated.calibrated_classifiers_[0].estimator
    assert (calibrated.predict_proba(X).argmax(axis=1) == plain.predict(X)).all()  # plain: genre numbers


class Recorder(ClassifierMixin, BaseEstimator):
    """Remembers every matrix that it was fitted on; the larger `bias`, the likelier genre a."""

    seen: list[np.ndarray] = []  # noqa: RUF012 - on the class, since estimators are cloned

    def __init__(self, bias: float = 0.0) -> None:
        self.bias = bias

    def fit(self, X: np.ndarray, y: Sequence[str]) -> "Recorder":
        self.classes_ = np.unique(y)
        Recorder.seen.append(X)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        shares = np.ones((len(X), len(self.classes_)))
        shares[:, 0] += self.bias
        return shares / shares.sum(axis=1, keepdims=True)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def test_nothing_of_the_test_clips_is_seen_when_scaling_choosing_and_fitting() -> None:
    X, clips = blobs()
    for fold in GroupedKFolds(3, seed=1).folds(clips):
        Recorder.seen = []
        spoilt = X.copy()
        spoilt[fold.test] = 1e9  # a scaler that saw these would squash all others
        done(Learner(Recorder(), True, {"bias": [0.0, 1.0]}), spoilt, clips, [fold])
        assert len(Recorder.seen) == 2 * 3 + 1
        assert max(np.abs(seen).max() for seen in Recorder.seen) < 10
        np.testing.assert_allclose(Recorder.seen[-1].mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(Recorder.seen[-1].std(axis=0), 1, atol=1e-9)


@pytest.mark.parametrize("name", ["svm", "knn", "vote"])
def test_leaks_planted_in_the_test_rows_move_no_score(name: str) -> None:
    _, clips = blobs(120)
    noise = np.random.default_rng(1).normal(size=(120, 4))
    fold = GroupedKFolds(4, seed=1).folds(clips)[0]
    told = np.zeros((120, 1))
    told[fold.test, 0] = clips["genre"].iloc[fold.test].map({"a": 1, "b": 2, "c": 3})
    plain, leaky = (predicted(LEARNERS[name], X, clips, [fold]) for X in (noise, np.hstack([noise, told])))
    pd.testing.assert_frame_equal(plain, leaky)  # constant in training: dropped
    first, others = fold.test[:1], fold.test[1:]
    moved = noise.copy()
    moved[others] *= 1e6  # a scaler fitted on everything would move the first clip's prediction
    alone = predicted(LEARNERS[name], moved, clips, [fold]).set_index("clip_id").loc[clips["clip_id"].iloc[first]]
    pd.testing.assert_frame_equal(alone, plain.set_index("clip_id").loc[clips["clip_id"].iloc[first]])


def test_a_scaler_fitted_on_everything_would_be_noticed() -> None:
    """The test above can fail: the same with the leak built in."""
    _, clips = blobs(120)
    noise = np.random.default_rng(1).normal(size=(120, 4))
    fold = GroupedKFolds(4, seed=1).folds(clips)[0]
    moved = noise.copy()
    moved[fold.test[1:]] *= 1e6
    scaled = [(X - X.mean(axis=0)) / X.std(axis=0) for X in (noise, moved)]
    one, two = (predicted(Learner(SVC()), X, clips, [fold])["proba__a"].iloc[0] for X in scaled)
    assert abs(one - two) > 1e-3


def test_the_choice_is_made_on_the_named_metric_and_the_first_wins_a_tie() -> None:
    X, clips = blobs(60, distance=1.5)
    fold = Fold(np.arange(60), splits.NOBODY)
    inner = splits.inner(clips, fold, 3, 1)
    genre = clips["genre"].to_numpy(dtype=object)
    learner = Learner(KNeighborsClassifier(), True, {"n_neighbors": [35, 1, 7]})
    _, chosen, score = fitting.fitted(learner, X, genre, genre, inner, "accuracy")
    by_hand = {
        n: np.mean(
            [
                (KNeighborsClassifier(n).fit(*_standardised(X, genre, part.fit, part.fit)).predict(
                    _standardised(X, genre, part.fit, part.test)[0]) == genre[part.test]).mean()
                for part in inner
            ]
        )
        for n in (35, 1, 7)
    }  # fmt: skip
    assert score == pytest.approx(max(by_hand.values()))
    assert by_hand[chosen["n_neighbors"]] == max(by_hand.values())
    tied = Learner(DummyClassifier(strategy="prior"), False, {"random_state": [3, 1, 2]})
    assert fitting.fitted(tied, X, genre, genre, inner, "accuracy")[1] == {"random_state": 3}


def _standardised(X: np.ndarray, genre: np.ndarray, fit: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (X[rows] - X[fit].mean(axis=0)) / X[fit].std(axis=0), genre[rows]


def test_a_vote_is_the_mean_of_its_members() -> None:
    X, clips = blobs(distance=1.0)
    mean = np.mean([fitted(LEARNERS[name], X, clips).predict_proba(X) for name in ("svm", "knn")], axis=0)
    np.testing.assert_allclose(fitted(LEARNERS["vote"], X, clips).predict_proba(X), mean, atol=1e-12)


def test_what_did_not_converge_is_written_down() -> None:
    X, clips = blobs(distance=0.5)
    folds = GroupedKFolds(2, seed=1).folds(clips)
    learner = Learner(MLPClassifier(max_iter=2, random_state=0), True)
    assert all("hasn't converged" in " ".join(result.warnings) for result in done(learner, X, clips, folds))
    assert done(LEARNERS["knn"], X, clips, folds)[0].warnings == []


def test_a_value_that_so_few_clips_do_not_allow_is_written_down_and_not_chosen() -> None:
    X, clips = blobs(24)
    fold = Fold(np.arange(24), splits.NOBODY)
    learner = Learner(KNeighborsClassifier(), True, {"n_neighbors": [50, 3]})
    (result,) = done(learner, X, clips, [fold])
    assert result.chosen == {"n_neighbors": 3}
    assert result.warnings == ["{'n_neighbors': 50} cannot be fitted on so few clips"]


def test_sequences_are_cut_where_they_end() -> None:
    values = Values(np.arange(12.0).reshape(6, 2), np.array([1, 3, 2]))
    found = values.of(np.array([2, 1]))
    assert [clip.tolist() for clip in found] == [[[8, 9], [10, 11]], [[2, 3], [4, 5], [6, 7]]]


@pytest.mark.parametrize(
    ("learner", "said"),
    [
        (Learner(KNeighborsClassifier(50), True), "cell, 12 training clips: Expected n_neighbors <= n_samples_fit"),
        (Learner(LogisticRegression(C=-1)), "cell, 12 training clips: The 'C' parameter of LogisticRegression must be"),
        (Learner(KNeighborsClassifier(), True, {"n_neighbors": [50]}), "cell, 12 training clips: Expected n_neighbors"),
        (Learner(LogisticRegression(), True, {"C": [-1]}), "cell, 12 training clips: The 'C' parameter of"),
        (Learner(SVC(), True, {"c": [1]}), "cell, 12 training clips: Invalid parameter 'c' for estimator SVC"),
    ],
    ids=["too few clips", "wrong value", "all too many", "wrong values", "wrong name"],
)
def test_what_scikit_learn_refuses_is_one_line_with_the_cells_name(learner: Learner, said: str) -> None:
    X, clips = blobs(24)
    with pytest.raises(UserError, match=said) as caught:
        done(learner, X, clips, StratifiedKFolds(2, 1).folds(clips))
    assert "\n" not in str(caught.value)


def test_too_few_clips_for_probabilities_are_said() -> None:
    with pytest.raises(UserError, match="at least two training clips a genre"):
        fitted(Learner(SVC(), True), *blobs(3))


def test_an_unknown_metric_is_said() -> None:
    X, clips = blobs()
    genre = clips["genre"].to_numpy(dtype=object)
    inner = splits.inner(clips, Fold(np.arange(60), splits.NOBODY), 3, 1)
    with pytest.raises(ValueError, match=r"search.metric: 'acuracy' is no scorer"):
        fitting.fitted(LEARNERS["knn"], X, genre, genre, inner, "acuracy")
