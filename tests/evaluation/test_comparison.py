from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from regenre.common.paths import CellName
from regenre.evaluation import comparison, metrics
from regenre.evaluation.comparison import Hits


def make_hits(values: list[float], groups: list[str] | None = None) -> Hits:
    """Return the hits of one fold; without groups every clip is a group of its own."""
    n = len(values)
    table = pd.DataFrame({"clip_id": [f"c{number}" for number in range(n)], "hit": values})
    return Hits(table.assign(group=groups or list(table["clip_id"]), fold=0), [2 * n])


def name_cell(classifier: str) -> CellName:
    return CellName("grouped_kfold", "mfcc", classifier)


def test_hits_are_the_clips_whose_genre_is_predicted() -> None:
    predictions = pd.DataFrame(
        {
            "clip_id": list("abc"),
            "group": list("xxy"),
            "fold": [0, 0, 1],
            "actual": list("pqp"),
            "predicted": list("ppp"),
        }
    )
    hits = Hits.count(predictions, [2, 1])
    assert hits.table.columns.tolist() == ["clip_id", "group", "fold", "hit"]
    assert hits.table["hit"].tolist() == [1, 0, 1]
    assert hits.accuracy == pytest.approx(2 / 3)
    assert hits.n_train == [2, 1]


def test_mcnemar_tests_the_discordant_clips_against_a_fair_coin() -> None:
    assert comparison.compute_mcnemar(10, 0) == pytest.approx(2 / 2**10)
    assert comparison.compute_mcnemar(0, 0) == 1
    assert comparison.compute_mcnemar(5, 5) == 1


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9))
def test_flipping_signs_equals_the_brute_force_count(differences: list[int]) -> None:
    sums = [abs(np.dot(signs, differences)) for signs in product([-1, 1], repeat=len(differences))]
    expected = np.mean([value >= abs(sum(differences)) for value in sums])
    assert comparison.compute_sign_flip(np.array(differences)) == pytest.approx(expected)


def test_with_one_clip_per_group_flipping_signs_is_mcnemars_test() -> None:
    assert comparison.compute_sign_flip(np.array([1] * 12 + [-1] * 4 + [0] * 20)) == pytest.approx(
        comparison.compute_mcnemar(12, 4)
    )


def test_the_corrected_t_is_the_plain_one_with_a_larger_variance() -> None:
    d = np.array([0.1, 0.05, 0.12, 0.02, 0.08])
    plain = stats.ttest_1samp(d, 0)
    t = plain.statistic * np.sqrt((1 / 5) / (1 / 5 + 20 / 80))
    p = comparison.compute_corrected_t(d, np.full(5, 80), np.full(5, 20))
    assert p == pytest.approx(2 * stats.t.sf(t, 4))
    assert p > plain.pvalue
    assert np.isnan(comparison.compute_corrected_t(d[:1], np.array([80]), np.array([20])))
    assert comparison.compute_corrected_t(np.zeros(5), np.full(5, 80), np.full(5, 20)) == 1


def test_holm_multiplies_each_p_by_the_number_of_larger_ones() -> None:
    np.testing.assert_allclose(comparison.adjust_holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(comparison.adjust_holm(np.array([0.9, 0.8])), [1, 1])


def test_only_cells_like_the_best_are_indistinguishable() -> None:
    rng = np.random.default_rng(0)
    good = (rng.uniform(size=200) < 0.8).astype(float)
    near = good.copy()
    near[:4] = 1 - near[:4]
    cells = {
        name_cell("near"): make_hits(list(near)),
        name_cell("good"): make_hits(list(good)),
        name_cell("bad"): make_hits(list(good * (rng.uniform(size=200) < 0.5))),
    }
    table = comparison.compare_with_best(cells, 0)
    assert [CellName.read_row(row) for row in table.to_dict("records")] == list(cells)
    best = max(cells, key=lambda name: cells[name].accuracy)
    assert (table["best_features"] == "mfcc").all()
    assert (table["best_classifier"] == best.classifier).all()
    rows = table.set_index("classifier")
    assert rows["indistinguishable"].to_dict() == {"near": True, "good": True, "bad": False}
    assert rows.loc["bad", "difference_low"] > 0.2
    assert rows.loc[best.classifier, ["difference", "p_groups", "p_holm"]].tolist() == [0, 1, 1]


def test_cells_that_tested_different_clips_cannot_be_compared() -> None:
    cells = {name_cell("one"): make_hits([1.0, 0.0]), name_cell("two"): make_hits([1.0])}
    with pytest.raises(ValueError, match="the same clips"):
        comparison.compare_with_best(cells, 0)


def test_clips_of_one_artist_count_once() -> None:
    """Of 40 clips by two artists McNemar's test is sure; the test that flips artists is not."""
    groups = ["x"] * 20 + ["y"] * 20
    cells = {name_cell("good"): make_hits([1.0] * 40, groups), name_cell("bad"): make_hits([0.0] * 40, groups)}
    row = comparison.compare_with_best(cells, 0).set_index("classifier").loc["bad"]
    assert row["p_mcnemar"] < 1e-9
    assert row["p_groups"] == 0.5
    assert row["indistinguishable"]


def test_leak_is_measured_on_the_clips_that_the_honest_split_tests() -> None:
    honest = make_hits([1, 0, 0, 0], ["x", "x", "y", "y"])
    pieces = [(f"c{clip}#{piece}", hit) for clip, hit in enumerate([1, 1, 1, 0, 1]) for piece in range(3)]
    table = pd.DataFrame(pieces, columns=["clip_id", "hit"]).assign(group="x", fold=0)
    leak = comparison.measure_leak(honest, Hits(table, [10]), 0)
    assert (leak["n_clips"], leak["honest"], leak["claimed"], leak["leak"]) == (4, 0.25, 0.75, 0.5)
    assert leak["leak_low"] <= 0.5 <= leak["leak_high"]


@pytest.mark.parametrize("names", [["song#1", "song#2"], ["a", "a#0"], ["a#0", "a#0#0"]])
def test_leak_of_clips_that_are_called_like_pieces(names: list[str]) -> None:
    honest = Hits(pd.DataFrame({"clip_id": names, "group": ["x", "y"], "fold": 0, "hit": [0.0, 1.0]}), [10])
    other = Hits(honest.table.assign(hit=1.0), [10])
    pieces = pd.DataFrame({"clip_id": [f"{name}#{number}" for name in names for number in range(2)], "hit": [1, 0] * 2})
    leak = comparison.measure_leak(honest, other, 0)
    assert (leak["n_clips"], leak["honest"], leak["claimed"]) == (2, 0.5, 1.0)
    leak = comparison.measure_leak(honest, Hits(pieces.assign(group="x", fold=0), [10]), 0)
    assert (leak["n_clips"], leak["honest"], leak["claimed"]) == (2, 0.5, 0.5)


def test_a_clip_that_is_called_like_a_piece_of_the_only_tested_clip_is_no_piece() -> None:
    other = Hits(pd.DataFrame({"clip_id": ["a", "a#0"], "group": ["x", "y"], "fold": 0, "hit": [1.0, 0.0]}), [10])
    leak = comparison.measure_leak(Hits(other.table.iloc[:1], [10]), other, 0)
    assert (leak["n_clips"], leak["honest"], leak["claimed"]) == (1, 1.0, 1.0)


def test_the_best_of_many_guessing_cells_is_expected_to_guess(monkeypatch) -> None:
    """This holds on average over corpora; in a single one a lucky cell may be lucky in every resample."""
    monkeypatch.setattr(metrics, "N_RESAMPLES", 200)
    rng = np.random.default_rng(0)
    highest, expected = [], []
    for seed in range(60):
        guesses = (rng.uniform(size=(12, 100)) < 0.5).astype(float)
        cells = {name_cell(str(number)): make_hits(list(guess)) for number, guess in enumerate(guesses)}
        highest.append(guesses.mean(axis=1).max())
        expected.append(comparison.estimate_best(cells, seed))
    assert np.mean(highest) > 0.57
    assert np.mean(expected) == pytest.approx(0.5, abs=0.02)
    only = name_cell("0")
    assert comparison.estimate_best({only: cells[only]}, 0) == pytest.approx(cells[only].accuracy, abs=0.02)


def test_the_most_honest_split_is_chosen() -> None:
    assert comparison.choose_honest(["stratified_kfold", "grouped_kfold", "fault_filtered"]) == "fault_filtered"
    assert comparison.choose_honest(["stratified_kfold", "grouped_kfold", "official"]) == "official"
    assert comparison.choose_honest(["segment_kfold", "stratified_kfold"]) == "segment_kfold"


@pytest.mark.parametrize(("plus", "minus"), [(50_300, 49_700), (2_600, 2_400), (400, 0)])
def test_flips_of_many_groups_are_tosses_of_a_coin(plus: int, minus: int) -> None:
    expected = stats.binomtest(plus, plus + minus).pvalue
    assert comparison.compute_sign_flip(np.repeat([1, -1], [plus, minus])) == pytest.approx(expected, rel=1e-9)
