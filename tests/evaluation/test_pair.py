import numpy as np
import pandas as pd
import pytest

from regenre.common.errors import UserError
from regenre.common.paths import CellName
from regenre.evaluation import comparison
from regenre.evaluation.comparison import Hits
from regenre.evaluation.pair import compare_pair


def make_predictions(predicted: str, actual: str = "xxxxyyyy", groups: str = "aabbccdd") -> pd.DataFrame:
    """Return the predictions of clips 0, 1, ...; a letter is a genre, or a group."""
    table = pd.DataFrame({"clip_id": [str(n) for n in range(len(actual))], "group": list(groups), "fold": 0})
    return table.assign(actual=list(actual), predicted=list(predicted))


def test_the_scores_are_those_of_a_count_by_hand() -> None:
    """A is right in 4 of 8 clips and B in 6: three gained, one lost; by group +2, 0, +1, -1."""
    pair = compare_pair(make_predictions("yyxxyxxy"), make_predictions("xxxxyyxx"), 0)
    scores = pair.scores
    assert (scores["n_clips"], scores["n_groups"]) == (8, 4)
    assert (scores["accuracy_a"], scores["accuracy_b"], scores["difference"]) == (0.5, 0.75, 0.25)
    assert (scores["n_only_a"], scores["n_only_b"]) == (1, 3)
    assert scores["p_groups"] == 0.75  # of the eight sums +-2 +-1 +-1 six are at least 2 away from 0
    assert pair.genres[["genre", "n_clips", "recall_a", "recall_b", "difference"]].to_numpy().tolist() == [
        ["x", 4, 0.5, 1.0, 0.5],
        ["y", 4, 0.5, 0.5, 0.0],
    ]
    assert pair.changed[["clip_id", "right"]].to_numpy().tolist() == [["0", "B"], ["1", "B"], ["5", "B"], ["7", "A"]]
    assert pair.changed.loc[3, ["actual_a", "predicted_a", "predicted_b"]].tolist() == ["y", "y", "x"]
    assert (pair.n_left_a, pair.n_left_b, pair.n_relabelled) == (0, 0, 0)


def test_the_interval_and_the_test_are_those_of_the_comparison_of_a_grid() -> None:
    rng = np.random.default_rng(0)
    groups = "".join(chr(65 + number // 4) for number in range(80))
    a, b = (make_predictions("".join(rng.choice(list("xy"), 80, p=[p, 1 - p])), "x" * 80, groups) for p in (0.5, 0.8))
    cells = {CellName("s", "f", "a"): Hits.count(a, [9]), CellName("s", "f", "b"): Hits.count(b, [9])}
    expected = comparison.compare_with_best(cells, 3).set_index("classifier").loc["a"]
    scores = compare_pair(a, b, 3).scores
    for name in ("difference", "difference_low", "difference_high", "p_groups"):
        assert scores[name] == pytest.approx(expected[name], abs=1e-12), name


def test_only_clips_that_both_test_count() -> None:
    a, b = make_predictions("xxxxyyyy"), make_predictions("yyyyyyyy")
    pair = compare_pair(a.iloc[1:], b.iloc[:5], 0)
    assert pair.scores["n_clips"] == 4
    assert (pair.n_left_a, pair.n_left_b) == (3, 1)
    assert pair.scores["accuracy_b"] == 0.25
    with pytest.raises(UserError, match="clips that both cells test expected, none found: one tests 0, the other 5"):
        compare_pair(a.iloc[:5], b.iloc[5:], 0)


def test_groups_of_either_side_stay_together() -> None:
    """A's groups are pairs of clips; B joins the second pair with the third."""
    joined = make_predictions("xxxxyyyy", groups="aabbbbdd")
    pair = compare_pair(make_predictions("yyyyyyyy"), joined, 0)
    assert pair.scores["n_groups"] == 3
    assert compare_pair(joined, joined, 0).scores["n_groups"] == 3


def test_a_clip_with_another_label_is_held_to_its_own_on_each_side() -> None:
    pair = compare_pair(make_predictions("xxxxyyyy"), make_predictions("yxxxyyyy", "yxxxyyyy"), 0)
    assert pair.n_relabelled == 1
    assert pair.scores["difference"] == 0
    assert pair.changed.empty
    assert pair.genres["n_clips"].tolist() == [4, 4]


def test_a_cell_does_not_differ_from_itself() -> None:
    same = make_predictions("xyxyxyxy")
    scores = compare_pair(same, same, 0).scores
    assert (scores["difference_low"], scores["difference_high"], scores["p_groups"]) == (0, 0, 1)


def test_the_interval_of_groups_that_gain_alike_has_no_width() -> None:
    pair = compare_pair(make_predictions("yxyxxyxy"), make_predictions("xxxxyyyy"), 0)
    assert pair.scores["difference_low"] == pair.scores["difference_high"] == 0.5
