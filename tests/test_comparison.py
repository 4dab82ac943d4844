from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from regenre import comparison, metrics
from regenre.comparison import Hits


def hits(values: list[float], groups: list[str] | None = None, folds: list[int] | None = None) -> Hits:
    n = len(values)
    table = pd.DataFrame({"clip_id": [f"c{number}" for number in range(n)], "hit": values})
    return Hits(table.assign(group=groups or list(table["clip_id"]), fold=folds or 0), [2 * n])


def test_mcnemar_is_a_fair_coin_on_the_discordant_clips() -> None:
    assert comparison.mcnemar(10, 0) == pytest.approx(2 / 2**10)
    assert comparison.mcnemar(0, 0) == 1
    assert comparison.mcnemar(5, 5) == 1


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9))
def test_flipping_groups_is_the_brute_force_count(differences: list[int]) -> None:
    sums = [abs(np.dot(signs, differences)) for signs in product([-1, 1], repeat=len(differences))]
    expected = np.mean([value >= abs(sum(differences)) for value in sums])
    assert comparison.flipped(np.array(differences)) == pytest.approx(expected)


def test_with_a_clip_a_group_flipping_groups_is_mcnemars_test() -> None:
    assert comparison.flipped(np.array([1] * 12 + [-1] * 4 + [0] * 20)) == pytest.approx(comparison.mcnemar(12, 4))


def test_the_corrected_t_is_the_plain_one_but_for_the_overlap() -> None:
    d = np.array([0.1, 0.05, 0.12, 0.02, 0.08])
    plain = stats.ttest_1samp(d, 0)
    t = plain.statistic * np.sqrt((1 / 5) / (1 / 5 + 20 / 80))
    found = comparison.corrected_t(d, np.full(5, 80), np.full(5, 20))
    assert found == pytest.approx(2 * stats.t.sf(t, 4))
    assert found > plain.pvalue
    assert np.isnan(comparison.corrected_t(d[:1], np.array([80]), np.array([20])))
    assert comparison.corrected_t(np.zeros(5), np.full(5, 80), np.full(5, 20)) == 1


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(comparison.holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(comparison.holm(np.array([0.9, 0.8])), [1, 1])


def test_what_cannot_be_told_from_the_best_is_said() -> None:
    rng = np.random.default_rng(0)
    good = (rng.uniform(size=200) < 0.8).astype(float)
    near = good.copy()
    near[:4] = 1 - near[:4]
    cells = {
        "near": hits(list(near)),
        "good": hits(list(good)),
        "bad": hits(list(good * (rng.uniform(size=200) < 0.5))),
    }
    found = comparison.against_best(cells, 0).set_index("cell")
    best = max(cells, key=lambda name: cells[name].accuracy)
    assert (found["best"] == best).all()
    assert found["indistinguishable"].to_dict() == {"near": True, "good": True, "bad": False}
    assert found.loc["bad", "difference_low"] > 0.2
    assert found.loc[best, ["difference", "p_groups", "p_holm"]].tolist() == [0, 1, 1]


def test_artists_that_agree_count_once() -> None:
    """40 clips by two artists: McNemar is sure, the artists are not."""
    groups = ["x"] * 20 + ["y"] * 20
    cells = {"good": hits([1.0] * 40, groups), "bad": hits([0.0] * 40, groups)}
    found = comparison.against_best(cells, 0).set_index("cell").loc["bad"]
    assert found["p_mcnemar"] < 1e-9
    assert found["p_groups"] == 0.5
    assert found["indistinguishable"]


def test_leak_is_counted_on_the_clips_that_the_honest_split_tests() -> None:
    honest = hits([1, 0, 0, 0], ["x", "x", "y", "y"])
    pieces = [(f"c{clip}#{piece}", hit) for clip, hit in enumerate([1, 1, 1, 0, 1]) for piece in range(3)]
    table = pd.DataFrame(pieces, columns=["clip_id", "hit"]).assign(group="x", fold=0)
    found = comparison.leak(honest, Hits(table, [10]), 0)
    assert (found["n_clips"], found["honest"], found["claimed"], found["leak"]) == (4, 0.25, 0.75, 0.5)
    assert found["leak_low"] <= 0.5 <= found["leak_high"]


def test_the_best_of_many_that_guess_is_expected_to_guess(monkeypatch) -> None:
    """On average over corpora; in one of them a lucky cell may be lucky throughout."""
    monkeypatch.setattr(metrics, "N_RESAMPLES", 200)
    rng = np.random.default_rng(0)
    highest, expected = [], []
    for seed in range(60):
        guesses = (rng.uniform(size=(12, 100)) < 0.5).astype(float)
        cells = {str(number): hits(list(guess)) for number, guess in enumerate(guesses)}
        highest.append(guesses.mean(axis=1).max())
        expected.append(comparison.after_choosing(cells, seed))
    assert np.mean(highest) > 0.57
    assert np.mean(expected) == pytest.approx(0.5, abs=0.02)
    assert comparison.after_choosing({"0": cells["0"]}, 0) == pytest.approx(cells["0"].accuracy, abs=0.02)


def test_the_most_honest_split_is_believed() -> None:
    assert comparison.most_honest(["stratified_kfold", "grouped_kfold", "fault_filtered"]) == "fault_filtered"
    assert comparison.most_honest(["segment_kfold", "stratified_kfold"]) == "segment_kfold"
