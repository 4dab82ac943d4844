import numpy as np
import pandas as pd
import pytest

from regenre.reporting.dot_plot import Plot


def arrange(score: list[float], low: list[float], high: list[float], **order: list[str]) -> Plot:
    table = pd.DataFrame({"of": ["a", "b", "a"], "split": ["x", "x", "y"], "f1": score, "f1_low": low, "f1_high": high})
    return Plot.arrange(table, "of", "split", "f1", **order)


def test_shares_are_placed_from_0_to_1() -> None:
    plot = arrange([0.5, 0.25, 1.0], [0.4, 0.2, 0.9], [0.6, 0.3, 1.0], series_order=["y", "x"], label_order=["b", "a"])
    assert plot.series == ["y", "x"]
    assert plot.rows == {"b": [(1, 25, 20, 30)], "a": [(1, 50, 40, 60), (0, 100, 90, 100)]}
    assert plot.ticks == [(0, "0.0"), (25, "0.25"), (50, "0.5"), (75, "0.75"), (100, "1.0")]


def test_negative_numbers_move_the_left_edge_to_the_next_tenth() -> None:
    plot = arrange([0.1, 0.0, -0.1], [0.0, -0.1, -0.11], [0.3, 0.1, 0.1])
    assert [text for _, text in plot.ticks] == ["-0.2", "-0.1", "0.0", "0.1", "0.2", "0.3"]
    assert plot.rows["b"] == [(0, 40, 20, 60)]


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_score_that_is_undefined_has_no_dot_and_zeros_have_a_scale(value: float) -> None:
    plot = arrange([value] * 3, [value] * 3, [value] * 3)
    assert plot.rows["b"] == ([(0, 0, 0, 0)] if value == 0 else [])


def test_scores_may_be_lines_through_all_rows() -> None:
    table = pd.DataFrame({"of": ["none", "a"], "cell": "x", "f1": [0.75, 0.5], "f1_low": 0.4, "f1_high": 0.8})
    plot = Plot.arrange(table, "of", "cell", "f1", line="none")
    assert plot.lines == [(0, 75)]
    assert plot.rows == {"a": [(0, 50, 40, 80)]}
    assert Plot.arrange(table, "of", "cell", "f1").lines == []
