from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import blobs
from pydantic import ValidationError
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from regenre.common.errors import UserError
from regenre.learning import splits, sweep, tasks
from regenre.learning.estimator import Learner
from regenre.learning.tasks import Task, Values

LEAF = {"split": "grouped_kfold", "features": "mfcc", "classifier": "knn", "n_trials": 8}
NEIGHBOURS = "classifier.estimator.n_neighbors"


def make_sweep(**space: Any) -> sweep.Sweep:
    return sweep.Sweep(**LEAF, space=space)


def make_learner(choice: sweep.Choice) -> Learner:
    return Learner(KNeighborsClassifier(choice.get(NEIGHBOURS, 3)))


def make_tasks() -> dict[sweep.Variant, Task]:
    """Return the tasks of a fold: with 13 coefficients genres are apart, with 20 there is noise alone."""
    X, clips = blobs()
    genre, group = (clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
    fold = splits.GroupedKFolds(3, 1).deal(clips)[0]
    noise = np.random.default_rng(0).standard_normal(X.shape)
    learner, inner = make_learner({}), splits.deal_inner(clips, fold, 3, 1)
    return {
        (("family.mfcc.n_mfcc", n),): Task("c", learner, Values(values), genre, group, fold, inner, "accuracy", True)
        for n, values in ((13, X), (20, noise))
    }


SWEEP = sweep.Sweep(**LEAF, space={NEIGHBOURS: {"low": 1, "high": 9, "step": 2}, "family.mfcc.n_mfcc": [13, 20]})


def test_the_planted_features_are_chosen_and_tested() -> None:
    task, result, luckiest = sweep.sweep_fold(SWEEP, make_tasks(), make_learner, 1)
    assert result.chosen["family.mfcc.n_mfcc"] == 13
    assert result.chosen[NEIGHBOURS] % 2 == 1
    assert result.score == tasks.score_inner(task) > 0.9
    assert luckiest is result  # the first of those that are equal
    assert measure_accuracy(result, task) > 0.9


def test_tested_clips_choose_nothing_but_what_they_would_have_claimed() -> None:
    _, result, _ = sweep.sweep_fold(SWEEP, make_tasks(), make_learner, 1)
    others = {variant: change_tested(task) for variant, task in make_tasks().items()}
    task, other, luckiest = sweep.sweep_fold(SWEEP, others, make_learner, 1)
    assert (other.chosen, other.score) == (result.chosen, result.score)
    np.testing.assert_array_equal(other.proba, result.proba)
    assert other.model == result.model
    noise = replace(others[sweep.select_variant(luckiest.chosen)], learner=make_learner(luckiest.chosen))
    assert luckiest.chosen["family.mfcc.n_mfcc"] == 20
    np.testing.assert_array_equal(tasks.run_task(noise).proba, luckiest.proba)
    assert measure_accuracy(luckiest, task) > 0.2 > measure_accuracy(other, task)


def change_tested(task: Task) -> Task:
    """Return the task with the next genre on each of its tested clips."""
    genre = task.genre.copy()
    genre[task.fold.test] = [{"a": "b", "b": "c", "c": "a"}[name] for name in genre[task.fold.test]]
    return replace(task, genre=genre)


def measure_accuracy(result: tasks.Result, task: Task) -> float:
    return float((result.genres[result.proba.argmax(axis=1)] == task.genre[task.fold.test]).mean())


def test_the_score_of_a_candidate_is_that_of_cross_validation() -> None:
    one = replace(SWEEP, n_trials=1, space={"classifier.estimator.C": [0.5], "family.mfcc.n_mfcc": [13]})
    task, result, _ = sweep.sweep_fold(
        one, make_tasks(), lambda choice: Learner(SVC(C=choice["classifier.estimator.C"])), 1
    )
    rows, cv = task.fold.fit, [(part.fit, part.test) for part in task.inner]
    expected = cross_val_score(SVC(C=0.5), task.values.array[rows], task.genre[rows], scoring="accuracy", cv=cv)
    assert result.score == pytest.approx(expected.mean())
    families = replace(one, space={"family.mfcc.n_mfcc": [13]})
    task, result, _ = sweep.sweep_fold(families, make_tasks(), make_learner, 1)
    assert result.score == tasks.score_inner(task)


def test_the_digest_depends_on_what_each_fold_chose() -> None:
    _, result, _ = sweep.sweep_fold(SWEEP, make_tasks(), make_learner, 1)
    other = replace(result, chosen=result.chosen | {NEIGHBOURS: 11})
    digests = {sweep.digest_sweep(inputs, [fold, result]) for inputs in "ab" for fold in (result, other)}
    assert len(digests) == 4


def test_the_study_of_the_model_tests_nothing() -> None:
    whole = {
        variant: replace(task, fold=splits.Fold(task.fold.train, splits.NOBODY))
        for variant, task in make_tasks().items()
    }
    task, result, luckiest = sweep.sweep_fold(SWEEP, whole, make_learner, 1)
    assert luckiest is result
    assert (result.proba.shape, len(task.fold.test)) == ((0, 3), 0)
    assert result.model


def test_the_inner_score_is_the_mean_accuracy_of_the_inner_folds() -> None:
    task = next(iter(make_tasks().values()))
    rows = task.fold.fit
    X, genre = task.values.array[rows], task.genre[rows]
    expected = [
        KNeighborsClassifier(3).fit(X[part.fit], genre[part.fit]).score(X[part.test], genre[part.test])
        for part in task.inner
    ]
    assert tasks.score_inner(task) == pytest.approx(np.mean(expected))
    with pytest.raises(UserError, match="c: too few groups for inner folds"):
        tasks.score_inner(replace(task, inner=[]))


def test_variants_are_every_combination_of_the_families_settings() -> None:
    both = make_sweep(**{"family.mfcc.n_mfcc": {"low": 10, "high": 20, "step": 5}, "family.gfcc.n_gfcc": [13]})
    assert [dict(variant)["family.mfcc.n_mfcc"] for variant in sweep.list_variants(both)] == [10, 15, 20]
    assert sweep.list_variants(make_sweep(**{NEIGHBOURS: [1, 3]})) == [()]
    with pytest.raises(UserError, match="at most 64 combinations of families' settings expected, 90 found"):
        sweep.list_variants(make_sweep(**{"family.mfcc.n_mfcc": {"low": 1, "high": 90}}))


def test_the_first_values_are_the_lowest_and_the_first() -> None:
    assert SWEEP.first == {NEIGHBOURS: 1, "family.mfcc.n_mfcc": 13}


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "at least 1 item"),
        ({"search.n_folds": [2]}, "classifier.<setting> or family.<name>.<setting> expected, 'search.n_folds' found"),
        ({"classifier.search.C": [1]}, "space: classifier.estimator.C expected, classifier.search.C found"),
        ({NEIGHBOURS: []}, "at least one value expected"),
        ({NEIGHBOURS: 3}, r"a range \{low: 1, high: 9\} or a list \[1, 3, 9\] expected, 3 found"),
        ({NEIGHBOURS: {"low": 3, "high": 3}}, "low: less than high"),
        ({NEIGHBOURS: {"low": 0.0, "high": 3.0, "log": True}}, "log: a low above 0 and no step expected"),
        ({NEIGHBOURS: {"low": 1, "high": 3, "step": 0}}, "step: greater than 0 expected, 0 found"),
        ({"family.mfcc.fmax_hz": {"low": 0.5, "high": 1.0}}, "each needs features of its own"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(space: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_sweep(**space)


def test_a_leaf_is_changed_where_it_has_the_setting_or_builds_an_object() -> None:
    leaf = {"_target_": "x.Learner", "estimator": {"_target_": "x.Knn", "weights": "distance"}, "more": {"a": 1}}
    changed = sweep.change_leaf(leaf, {"estimator.n_neighbors": 3, "more.a": 2}, "knn.yaml")
    assert changed["estimator"] == {"_target_": "x.Knn", "weights": "distance", "n_neighbors": 3}
    assert (changed["more"], leaf["more"]) == ({"a": 2}, {"a": 1})
    with pytest.raises(UserError, match=r"knn.yaml: b is no setting; choose from a"):
        sweep.change_leaf(leaf, {"more.b": 2}, "knn.yaml")
    with pytest.raises(UserError, match=r"knn.yaml: nothing expected, to set nothing.b; none found"):
        sweep.change_leaf(leaf, {"nothing.b": 2}, "knn.yaml")
