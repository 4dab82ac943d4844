from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from helpers import LEARNERS, blobs, fit_all, make_plan
from sklearn.ensemble import RandomForestClassifier

from regenre.evaluation import explanation
from regenre.evaluation.explanation import Training
from regenre.learning import splits
from regenre.learning.estimator import Learner
from regenre.learning.plan import Deal, PlannedCell
from regenre.learning.tasks import Values

COLUMNS = ("one__0__mean", "two__0__mean", "one__1__mean", "two__1__mean")
RNG = np.random.default_rng(0)
BLOCKS = [np.array([0, 3]), np.array([1]), np.array([2])]
X, BACKGROUND = RNG.normal(size=4), RNG.normal(size=(5, 4))


def test_the_values_of_a_sum_are_its_terms() -> None:
    """Each group adds what its own term exceeds the term's mean over the background."""
    weights = np.array([2.0, -1.0, 0.5, 3.0])
    values, errors = explanation.compute_shapley(lambda rows: rows @ weights, X, BACKGROUND, BLOCKS, 0)
    terms = weights * (X - BACKGROUND.mean(axis=0))
    np.testing.assert_allclose(values, [terms[places].sum() for places in BLOCKS], atol=1e-12)
    assert not errors.any()


def test_a_product_is_shared_in_equal_parts() -> None:
    values, _ = explanation.compute_shapley(
        lambda rows: rows[:, 0] * rows[:, 1], np.ones(2), np.zeros((3, 2)), [np.array([0]), np.array([1])], 0
    )
    np.testing.assert_allclose(values, [0.5, 0.5])


def test_exact_values_are_the_mean_over_all_orders() -> None:
    def predict(rows: np.ndarray) -> np.ndarray:
        return np.tanh(rows[:, 0] * rows[:, 1] + rows[:, 2] ** 2 * rows[:, 3])

    expected = np.zeros(3)
    for order in permutations(range(3)):
        rows, before = BACKGROUND.copy(), predict(BACKGROUND).mean()
        for number in order:
            rows[:, BLOCKS[number]] = X[BLOCKS[number]]
            expected[number] += (predict(rows).mean() - before) / 6
            before = predict(rows).mean()
    values, _ = explanation.compute_shapley(predict, X, BACKGROUND, BLOCKS, 0)
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_sampled_values_are_near_the_exact_ones_and_sum_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within four standard errors: one value in 16,000 is farther away."""
    x, background = RNG.normal(size=6), RNG.normal(size=(20, 6))
    blocks = [np.array([place]) for place in range(6)]

    def predict(rows: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-rows[:, 0] * rows[:, 1] - rows[:, 2:].sum(axis=1)))

    exact, _ = explanation.compute_shapley(predict, x, background, blocks, 0)
    monkeypatch.setattr(explanation, "MOST_EXACT", 5)
    values, errors = explanation.compute_shapley(predict, x, background, blocks, 0)
    assert (errors > 0).all()
    assert (np.abs(values - exact) < 4 * errors).all()
    assert values.sum() == pytest.approx(predict(x[None])[0] - predict(background).mean(), abs=1e-12)
    again, _ = explanation.compute_shapley(predict, x, background, blocks, 0)
    np.testing.assert_array_equal(values, again)


def make_training(n: int = 120) -> Training:
    values, clips = blobs(n)
    return Training(values, COLUMNS, clips.assign(path=""), 1)


@pytest.mark.parametrize("name", LEARNERS)
def test_the_families_of_any_model_sum_to_what_it_adds_to_the_background(name: str) -> None:
    training = make_training()
    estimator = fit_all(LEARNERS[name], training.X, training.clips)
    x = training.X[1] + 0.5
    found = explanation.explain_clip(estimator, x, training)
    proba = estimator.predict_proba(x[None])[0]
    assert (found.genre, found.proba) == (estimator.classes_[proba.argmax()], proba.max())
    assert found.n_background == 100
    assert set(found.families["family"]) == {"one", "two"}
    assert found.families["value"].sum() == pytest.approx(found.proba - found.background, abs=1e-12)
    assert found.background == pytest.approx(
        estimator.predict_proba(training.background)[:, proba.argmax()].mean(), abs=1e-12
    )


def test_more_families_have_a_smaller_background_as_long_as_they_are_exact() -> None:
    _, clips = blobs(120)
    sizes = {}
    for n in (2, 8, 9, 10, 11):
        training = Training(np.zeros((120, n)), [f"{place}__0" for place in range(n)], clips, 1)
        sizes[n] = len(training.background)
    assert sizes == {2: 100, 8: 100, 9: 50, 10: 25, 11: 100}


def test_a_single_family_has_no_value() -> None:
    training = make_training()
    alone = Training(training.X, [f"one__{place}__mean" for place in range(4)], training.clips, 1)
    found = explanation.explain_clip(fit_all(LEARNERS["knn"], alone.X, alone.clips), alone.X[0], alone)
    assert found.families.empty
    assert len(found.nearest) == 3


FOREST = Learner(RandomForestClassifier(5, random_state=0))


@pytest.mark.parametrize("learner", [*LEARNERS.values(), FOREST], ids=[*LEARNERS, "forest"])
def test_the_nearest_clips_are_those_of_a_search_by_hand(learner: Learner) -> None:
    """Every learner here reads standardised columns, or none: the space is the same for all."""
    training = make_training()
    training.X[:, 0] *= 100
    estimator = fit_all(learner, training.X, training.clips)
    x = np.array([50.0, 2.0, 2.0, 2.0])
    spread = (training.X - x) / training.X.std(axis=0)
    distances = np.sqrt(np.square(spread).mean(axis=1))
    order = np.argsort(distances)[:3]
    nearest = explanation.find_nearest(estimator, x, training)
    assert nearest["clip_id"].tolist() == training.clips["clip_id"].iloc[order].tolist()
    assert nearest["genre"].tolist() == training.clips["genre"].iloc[order].tolist()
    np.testing.assert_allclose(nearest["distance"], distances[order])


def test_the_surest_mistakes_are_chosen() -> None:
    table = pd.DataFrame({"clip_id": list("abcde"), "actual": "x", "predicted": list("yyyxy")})
    table = table.assign(proba__x=[0.4, 0.1, 0.2, 0.95, 0.3], proba__y=[0.6, 0.9, 0.8, 0.05, 0.7])
    assert {n: "".join(explanation.choose_mistakes(table, n)) for n in (0, 2, 9)} == {0: "", 2: "bc", 9: "bcea"}


def test_tested_clips_are_explained_by_the_model_that_did_not_see_them() -> None:
    values, clips = blobs(60)
    clips = clips.assign(path="")
    folds = splits.GroupedKFolds(3, seed=1).deal(clips)
    deal = Deal(folds, [(fold, []) for fold in folds], {})
    cell = PlannedCell(make_plan(), clips, deal, LEARNERS["knn"], Values(values, columns=COLUMNS))
    rows = [folds[1].test[0], folds[0].test[2]]
    clip_ids = [*clips["clip_id"].iloc[rows], "not there"]
    table = explanation.explain_tested(cell, clip_ids)
    assert table.columns.tolist() == explanation.COLUMNS
    assert table["clip_id"].tolist() == [clip_ids[0]] * 5 + [clip_ids[1]] * 5
    assert table["part"].tolist() == (["family"] * 2 + ["clip"] * 3) * 2
    for row, fold in zip(rows, (folds[1], folds[0]), strict=True):
        own = table[table["clip_id"] == clips["clip_id"].iloc[row]]
        training = clips.iloc[fold.fit]
        estimator = fit_all(LEARNERS["knn"], values[fold.fit], training)
        assert set(own["of"].iloc[2:]) <= set(training["clip_id"])
        assert own["proba"].iloc[0] == estimator.predict_proba(values[row][None]).max()
        added = own["proba"].iloc[0] - own["background"].iloc[0]
        assert own["value"].iloc[:2].sum() == pytest.approx(added, abs=1e-12)
    assert explanation.explain_tested(cell, []).columns.tolist() == explanation.COLUMNS
    alone = replace(cell, values=Values(values, columns=tuple(f"one__{place}__mean" for place in range(4))))
    assert explanation.explain_tested(alone, clip_ids)["part"].tolist() == ["clip"] * 6
    frames = replace(cell, values=Values(np.zeros((60, 2)), np.ones(60, int)))
    assert explanation.explain_tested(frames, clip_ids).empty
