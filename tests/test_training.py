import numpy as np
import pandas as pd
import pytest
from conftest import clip_table
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from regenre import training
from regenre.errors import UserError
from regenre.splits import GroupedKFolds, StratifiedKFolds
from regenre.tables import PREDICTIONS

CLASSIFIERS = [SVC(C=10, break_ties=True), KNeighborsClassifier(5), DummyClassifier()]


def blobs(n: int = 60, distance: float = 4.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    clips = clip_table(["a", "b", "c"] * (n // 3), [f"group_{number // 6}" for number in range(n)])
    centres = distance * clips["genre"].map({"a": 0, "b": 1, "c": 2}).to_numpy(float)
    values = np.random.default_rng(0).normal(centres[:, None], 1, (n, 4))
    return pd.DataFrame(values, index=clips["clip_id"]), clips


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda classifier: type(classifier).__name__)
def test_predictions_keep_their_promises(classifier) -> None:
    features, clips = blobs()
    folds = GroupedKFolds(4, seed=1).folds(clips)
    found = training.predictions(classifier, True, features, clips, folds)
    proba = found[["proba__a", "proba__b", "proba__c"]].to_numpy()
    assert list(found.columns[:5]) == PREDICTIONS
    assert sorted(found["clip_id"]) == sorted(clips["clip_id"])
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-9)
    assert (np.array(["a", "b", "c"])[proba.argmax(axis=1)] == found["predicted"]).all()
    pd.testing.assert_frame_equal(found, training.predictions(classifier, True, features, clips, folds))


def test_easy_genres_are_told_apart_and_noise_is_not() -> None:
    features, clips = blobs(120)
    folds = GroupedKFolds(4, seed=1).folds(clips)
    easy = training.predictions(SVC(C=10), True, features, clips, folds)
    assert (easy["actual"] == easy["predicted"]).mean() > 0.95
    noise = pd.DataFrame(np.random.default_rng(0).normal(size=features.shape), index=features.index)
    hard = training.predictions(SVC(C=10), True, noise, clips, folds)
    assert (hard["actual"] == hard["predicted"]).mean() < 0.5


def test_calibration_leaves_the_machines_own_decision() -> None:
    features, clips = blobs(distance=1.0)
    calibrated = training.fitted(SVC(C=10, break_ties=True), True, features, clips)
    plain = calibrated.calibrated_classifiers_[0].estimator
    values = features.to_numpy()
    assert (calibrated.predict_proba(values).argmax(axis=1) == plain.predict(values)).all()  # plain: genre numbers


class Recorder(ClassifierMixin, BaseEstimator):
    """Remembers every value that it was fitted on."""

    seen: list[np.ndarray] = []  # noqa: RUF012 - on the class, since estimators are cloned

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        Recorder.seen.append(X)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


def test_nothing_of_the_test_clips_is_seen_when_fitting() -> None:
    features, clips = blobs()
    Recorder.seen = []
    folds = StratifiedKFolds(3, seed=1).folds(clips)
    for number, fold in enumerate(folds):
        spoilt = features.copy()
        spoilt.iloc[fold.test] = 1e9  # a scaler that saw these would squash all others
        training.predictions(Recorder(), True, spoilt, clips, [fold])
        np.testing.assert_allclose(Recorder.seen[number].mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(Recorder.seen[number].std(axis=0), 1, atol=1e-9)


def test_a_column_that_tells_the_truth_in_test_rows_only_is_worth_nothing() -> None:
    _, clips = blobs(120)
    noise = np.random.default_rng(1).normal(size=(120, 4))
    fold = GroupedKFolds(4, seed=1).folds(clips)[0]
    leak = np.zeros((120, 1))
    leak[fold.test, 0] = clips["genre"].iloc[fold.test].map({"a": 1, "b": 2, "c": 3})
    frames = [pd.DataFrame(values, index=clips["clip_id"]) for values in (noise, np.hstack([noise, leak]))]
    plain, leaky = (training.predictions(SVC(C=10), True, frame, clips, [fold]) for frame in frames)
    pd.testing.assert_frame_equal(plain, leaky)  # constant in training: dropped


def test_too_few_clips_for_probabilities_are_said() -> None:
    features, clips = blobs(3)
    with pytest.raises(UserError, match="at least two training clips a genre"):
        training.fitted(SVC(), True, features, clips)
    with pytest.raises(UserError, match="KNeighborsClassifier cannot work with 3 training clips: Expected n_neighbors"):
        training.predictions(KNeighborsClassifier(50), True, *blobs(6), [StratifiedKFolds(2, 1).folds(blobs(6)[1])[0]])
