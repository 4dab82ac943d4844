"""Tasks: what is fitted on a fold's training clips, what its test clips yield, and how results are joined."""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from helpers import LEARNERS, blobs, clip_table, make_plan, predict_folds, run_folds
from joblib import effective_n_jobs, parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from regenre.common.errors import UserError
from regenre.common.tables import PREDICTIONS
from regenre.learning import splits
from regenre.learning.cells import FoldSizes
from regenre.learning.estimator import Learner
from regenre.learning.splits import Fold, GroupedKFolds, StratifiedKFolds
from regenre.learning.tasks import Task, Values, assemble_cell, digest_arrays, run_task, select_training


@pytest.mark.parametrize("name", LEARNERS)
def test_each_clip_is_predicted_once_and_a_second_run_is_identical(name: str) -> None:
    X, clips = blobs()
    folds = GroupedKFolds(4, seed=1).deal(clips)
    predictions = predict_folds(LEARNERS[name], X, clips, folds)
    proba = predictions[["proba__a", "proba__b", "proba__c"]].to_numpy()
    assert list(predictions.columns[:5]) == PREDICTIONS
    assert sorted(predictions["clip_id"]) == sorted(clips["clip_id"])
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=2e-6)  # six decimals
    assert (np.array(["a", "b", "c"])[proba.argmax(axis=1)] == predictions["predicted"]).all()
    pd.testing.assert_frame_equal(predictions, predict_folds(LEARNERS[name], X, clips, folds))


def test_distant_genres_are_recognised_and_noise_is_not() -> None:
    X, clips = blobs(120)
    folds = GroupedKFolds(4, seed=1).deal(clips)
    easy = predict_folds(LEARNERS["svm"], X, clips, folds)
    assert (easy["actual"] == easy["predicted"]).mean() > 0.95
    hard = predict_folds(LEARNERS["svm"], np.random.default_rng(0).normal(size=X.shape), clips, folds)
    assert (hard["actual"] == hard["predicted"]).mean() < 0.5


class Recorder(ClassifierMixin, BaseEstimator):
    """Records every matrix that it is fitted on, and how many it might fit at once.

    The larger `bias`, the more probable is genre a.
    """

    matrices: list[np.ndarray] = []  # noqa: RUF012 - on the class, since estimators are cloned
    n_jobs: list[int] = []  # noqa: RUF012

    def __init__(self, bias: float = 0.0) -> None:
        self.bias = bias

    def fit(self, X: np.ndarray, y: Sequence[str]) -> "Recorder":
        self.classes_ = np.unique(y)
        Recorder.matrices.append(X)
        Recorder.n_jobs.append(effective_n_jobs(None))
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        shares = np.ones((len(X), len(self.classes_)))
        shares[:, 0] += self.bias
        return shares / shares.sum(axis=1, keepdims=True)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def test_scaling_choice_and_fit_do_not_read_the_test_clips() -> None:
    X, clips = blobs()
    for fold in GroupedKFolds(3, seed=1).deal(clips):
        Recorder.matrices = []
        corrupt = X.copy()
        corrupt[fold.test] = 1e9  # would shrink all other values if the scaler read them
        run_folds(Learner(Recorder(), True, {"bias": [0.0, 1.0]}), corrupt, clips, [fold])
        assert len(Recorder.matrices) == 2 * 3 + 1
        assert max(np.abs(matrix).max() for matrix in Recorder.matrices) < 10
        np.testing.assert_allclose(Recorder.matrices[-1].mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(Recorder.matrices[-1].std(axis=0), 1, atol=1e-9)


def test_a_task_is_one_level_of_parallelism() -> None:
    X, clips = blobs()
    Recorder.n_jobs = []
    with parallel_config("threading", n_jobs=2):
        run_folds(Learner(Recorder(), True, {"bias": [0.0, 1.0]}), X, clips, GroupedKFolds(3, seed=1).deal(clips)[:1])
    assert Recorder.n_jobs == [1] * (2 * 3 + 1)


def make_tasks(values: Values, clips: pd.DataFrame, learner: Learner, n_folds: int = 3) -> list[Task]:
    genre, group = (clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
    folds = GroupedKFolds(n_folds, seed=1).deal(clips)
    return [
        Task("cell", learner, values, genre, group, fold, splits.deal_inner(clips, fold, 3, 1), "accuracy")
        for fold in folds
    ]


@pytest.mark.parametrize("corrupted", ["test", "train"])
def test_copies_of_the_training_clips_are_fitted_on_and_those_of_the_tested_clips_are_not(corrupted: str) -> None:
    X, clips = blobs()
    for number, fold in enumerate(GroupedKFolds(3, seed=1).deal(clips)):
        Recorder.matrices = []
        copy = X.copy()
        copy[getattr(fold, corrupted)] = 1e9
        values = Values(X, copies=(Values(X + 1), Values(copy)))
        learner = Learner(Recorder(), False, {"bias": [0.0, 1.0]})
        run_task(make_tasks(values, clips, learner)[number])
        assert len(Recorder.matrices[-1]) == 3 * len(fold.train)
        assert len(Recorder.matrices) == 2 * 3 + 1
        assert sum(len(matrix) for matrix in Recorder.matrices[:3]) == 3 * 2 * len(fold.train)  # 2 of 3 inner folds
        has_read = max(np.abs(matrix).max() for matrix in Recorder.matrices) > 1e8
        assert has_read == (corrupted == "train")  # the control: the check can fail


def test_a_copy_is_no_evidence_of_its_own() -> None:
    """Noise whose copies are the clips themselves: the nearest neighbour knows a clip whose copy is in training."""
    X = np.random.default_rng(0).normal(size=(90, 4))
    clips = clip_table(list("abc") * 30, [f"group {number}" for number in range(90)])
    learner = Learner(KNeighborsClassifier(1), False, {"n_neighbors": [1]})
    kept = [run_task(task) for task in make_tasks(Values(X, copies=(Values(X),)), clips, learner)]
    other = clips.assign(group=clips["group"] + ", the copy")  # the control: copies as clips of other groups
    dealt = make_tasks(Values(np.tile(X, (2, 1))), pd.concat([clips, other], ignore_index=True), learner)
    leaked = [run_task(task) for task in dealt]
    assert max(result.score for result in kept) < 0.5 < 0.6 < min(result.score for result in leaked)
    folds = GroupedKFolds(3, seed=1).deal(clips)
    hits = np.concatenate(
        [
            result.genres[result.proba.argmax(axis=1)] == clips["genre"].iloc[fold.test]
            for result, fold in zip(kept, folds, strict=True)
        ]
    )
    assert hits.mean() < 0.5


def test_copies_calibrate_on_the_side_of_their_clips() -> None:
    X, clips = blobs()
    values = Values(X, copies=(Values(X + 0.1),))
    for learner in (LEARNERS["svm"], Learner(members={"one": LEARNERS["svm"], "two": LEARNERS["svm"]})):
        result = run_task(make_tasks(values, clips, learner)[0])
        np.testing.assert_allclose(result.proba.sum(axis=1), 1)


def test_sequences_have_copies_too() -> None:
    frames = np.arange(12.0)[:, None]
    values = Values(frames, np.array([3, 4, 5]), copies=(Values(-frames[:6], np.array([1, 2, 3])),))
    genre = np.array(list("aba"), dtype=object)
    task = Task("cell", LEARNERS["svm"], values, genre, genre, Fold(np.array([0, 2]), np.array([1])), (), "accuracy")
    X, genres, _ = select_training(task, task.fold.fit)
    assert [sequence[:, 0].tolist() for sequence in X] == [[0, 1, 2], [7, 8, 9, 10, 11], [0], [-3, -4, -5]]
    assert genres.tolist() == list("aaaa")


def test_a_digest_sees_the_copies() -> None:
    X, _ = blobs()
    digests = {Values(X, copies=copies).md5 for copies in ((), (Values(X),), (Values(X), Values(X)), (Values(X + 1),))}
    assert len(digests) == 4


@pytest.mark.parametrize("name", ["svm", "knn", "vote"])
def test_leaks_in_the_test_rows_change_no_probability(name: str) -> None:
    _, clips = blobs(120)
    noise = np.random.default_rng(1).normal(size=(120, 4))
    fold = GroupedKFolds(4, seed=1).deal(clips)[0]
    leak = np.zeros((120, 1))
    leak[fold.test, 0] = clips["genre"].iloc[fold.test].map({"a": 1, "b": 2, "c": 3})
    plain, leaky = (predict_folds(LEARNERS[name], X, clips, [fold]) for X in (noise, np.hstack([noise, leak])))
    pd.testing.assert_frame_equal(plain, leaky)  # the column is constant in training, so it is dropped
    first, others = fold.test[:1], fold.test[1:]
    moved = noise.copy()
    moved[others] *= 1e6  # a scaler fitted on all clips would change the first clip's prediction
    alone = predict_folds(LEARNERS[name], moved, clips, [fold]).set_index("clip_id").loc[clips["clip_id"].iloc[first]]
    pd.testing.assert_frame_equal(alone, plain.set_index("clip_id").loc[clips["clip_id"].iloc[first]])


def test_a_scaler_fitted_on_all_clips_changes_probabilities() -> None:
    """Check that the test above can fail, with the leak built in."""
    _, clips = blobs(120)
    noise = np.random.default_rng(1).normal(size=(120, 4))
    fold = GroupedKFolds(4, seed=1).deal(clips)[0]
    moved = noise.copy()
    moved[fold.test[1:]] *= 1e6
    scaled = [(X - X.mean(axis=0)) / X.std(axis=0) for X in (noise, moved)]
    one, two = (predict_folds(Learner(SVC()), X, clips, [fold])["proba__a"].iloc[0] for X in scaled)
    assert abs(one - two) > 1e-3


def test_warnings_of_scikit_learn_are_listed() -> None:
    X, clips = blobs(distance=0.5)
    folds = GroupedKFolds(2, seed=1).deal(clips)
    learner = Learner(MLPClassifier(max_iter=2, random_state=0), True)
    assert all("hasn't converged" in " ".join(result.warnings) for result in run_folds(learner, X, clips, folds))
    assert run_folds(LEARNERS["knn"], X, clips, folds)[0].warnings == []


def test_a_value_that_cannot_be_fitted_on_so_few_clips_is_listed_and_not_chosen() -> None:
    X, clips = blobs(24)
    fold = Fold(np.arange(24), splits.NOBODY)
    learner = Learner(KNeighborsClassifier(), True, {"n_neighbors": [50, 3]})
    (result,) = run_folds(learner, X, clips, [fold])
    assert result.chosen == {"n_neighbors": 3}
    assert result.warnings == ["{'n_neighbors': 50} cannot be fitted on so few clips"]


def test_values_select_rows_and_sequences() -> None:
    frames = Values(np.arange(12.0).reshape(6, 2), np.array([1, 3, 2]))
    sequences = frames.select(np.array([2, 1]))
    assert [clip.tolist() for clip in sequences] == [[[8, 9], [10, 11]], [[2, 3], [4, 5], [6, 7]]]
    assert Values(np.arange(6.0).reshape(3, 2)).select(np.array([2, 0])).tolist() == [[4, 5], [0, 1]]


@pytest.mark.parametrize("order", ["C", "F"])
def test_stored_values_travel_as_a_path_and_select_the_same(tmp_path: Path, order: Literal["C", "F"]) -> None:
    array = np.asarray(np.random.default_rng(0).normal(size=(10_000, 20)), order=order)
    values = Values(array, columns=("a",))
    content = pickle.dumps(values.store(tmp_path))
    assert len(content) < 1000 + len(str(tmp_path)) < array.nbytes
    travelled = pickle.loads(content)
    assert travelled == replace(values, array=travelled.array)
    rows = np.array([5, 3, 9_999])
    own, other = values.select(rows), travelled.select(rows)
    assert (type(own), own.strides) == (type(other), other.strides)
    np.testing.assert_array_equal(own, other)
    texts = Values(np.array([["a", 1.0]], dtype=object))
    assert texts.store(tmp_path) is texts


def test_stored_copies_travel_as_paths_however_many_they_are(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(1000, 20))
    values = Values(array, copies=tuple(Values(array + n) for n in range(1, 10)))
    content = pickle.dumps(values.store(tmp_path))
    assert len(content) < 10 * (200 + len(str(tmp_path))) < array.nbytes
    travelled = pickle.loads(content)
    np.testing.assert_array_equal(travelled.copies[8].array, array + 9)
    assert travelled.md5 == values.md5


def test_the_digest_of_arrays_depends_on_contents_type_and_shape() -> None:
    array = np.arange(6.0)
    others = [array + 1, array.astype(np.float32), array.reshape(2, 3), np.array(list(array), dtype=object)]
    assert digest_arrays([array]) == digest_arrays([array.copy()])
    assert digest_arrays([array[::2]]) == digest_arrays([array[::2].copy()])
    assert len({digest_arrays([other]) for other in [array, *others]}) == 5
    assert digest_arrays([np.array(["a", "b"], dtype=object)]) != digest_arrays([np.array(["ab", ""], dtype=object)])


@pytest.mark.parametrize(
    ("learner", "message"),
    [
        (Learner(KNeighborsClassifier(50), True), "cell, 12 training clips: Expected n_neighbors <= n_samples_fit"),
        (Learner(LogisticRegression(C=-1)), "cell, 12 training clips: The 'C' parameter of LogisticRegression must be"),
        (Learner(KNeighborsClassifier(), True, {"n_neighbors": [50]}), "cell, 12 training clips: Expected n_neighbors"),
        (Learner(LogisticRegression(), True, {"C": [-1]}), "cell, 12 training clips: The 'C' parameter of"),
        (Learner(SVC(), True, {"c": [1]}), "cell, 12 training clips: Invalid parameter 'c' for estimator SVC"),
    ],
    ids=["too few clips", "wrong value", "all values too large", "wrong values", "wrong name"],
)
def test_an_error_of_scikit_learn_becomes_one_line_with_the_cells_name(learner: Learner, message: str) -> None:
    X, clips = blobs(24)
    with pytest.raises(UserError, match=message) as caught:
        run_folds(learner, X, clips, StratifiedKFolds(2, 1).deal(clips))
    assert "\n" not in str(caught.value)


def test_a_genre_that_is_not_in_training_has_probability_zero() -> None:
    X, clips = blobs(30)
    is_c = (clips["genre"] == "c").to_numpy()
    predictions = predict_folds(LEARNERS["knn"], X, clips, [Fold(np.flatnonzero(~is_c), np.flatnonzero(is_c))])
    assert (predictions["proba__c"] == 0).all()
    assert set(predictions["predicted"]) <= {"a", "b"}


def test_a_cell_has_one_search_per_fold_and_one_of_its_model() -> None:
    X, clips = blobs()
    folds = GroupedKFolds(2, seed=1).deal(clips)
    genre, group = (clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
    fits = [*folds, Fold(splits.list_used(folds), splits.NOBODY)]
    tasks = [
        Task("cell", LEARNERS["knn"], Values(X), genre, group, fold, splits.deal_inner(clips, fold, 2, 1), "accuracy",
             keep=number == 2)
        for number, fold in enumerate(fits)
    ]  # fmt: skip
    results = [run_task(task) for task in tasks]
    plan = make_plan(folds=[FoldSizes(**fold.sizes) for fold in folds])
    cell, predictions, model = assemble_cell(plan, "digest", clips, tasks, results)
    assert (cell.plan, cell.inputs, cell.outputs) == (plan, "digest", {})
    assert [search.fold for search in cell.searches] == [0, 1, None]
    assert [len(search.inner_folds) for search in cell.searches] == [2, 2, 2]
    assert sorted(predictions["clip_id"]) == sorted(clips["clip_id"])
    assert model == results[2].model != b""
    assert results[0].model == results[1].model == b""
    assert results[2].proba.shape == (0, 3)
