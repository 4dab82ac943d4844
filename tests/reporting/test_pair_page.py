import re

import pandas as pd

from regenre.evaluation.pair import compare_pair
from regenre.reporting.pair_page import render_pair


def make_predictions(predicted: str, actual: str) -> pd.DataFrame:
    table = pd.DataFrame({"clip_id": ["<a>", "b", "c"], "group": ["1", "2", "3"], "fold": 0})
    return table.assign(actual=list(actual), predicted=list(predicted))


def test_the_page_has_the_numbers_and_the_clips_that_changed_sides() -> None:
    pair = compare_pair(make_predictions("yxy", "xxy"), make_predictions("xyy", "xxy").iloc[:2], 0)
    html = render_pair("one", "<two>", pair)
    assert "<dt>B</dt><dd>&lt;two&gt;</dd>" in html
    assert "Accuracy 0.500 in A and 0.500 in B" in html
    assert "Left out: 1 clips that only A tests, and 0 that only B tests." in html
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)]
    assert ["&lt;a&gt;", "1", "x", "y", "x", "B"] in rows
    assert ["b", "2", "x", "x", "y", "A"] in rows
    assert html.count("<caption>") == html.count("<table>") == 2


def test_labels_that_differ_are_shown() -> None:
    pair = compare_pair(make_predictions("xxy", "yxy"), make_predictions("xxy", "xxy"), 0)
    html = render_pair("one", "two", pair)
    assert "1 clips have another label in B" in html
    assert "<td>y; in B x</td>" in html
