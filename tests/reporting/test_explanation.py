import re

import pandas as pd

from regenre.reporting import explanation
from regenre.reporting.explanation import Item


def test_the_table_becomes_one_item_a_clip_in_its_order() -> None:
    rows = [
        ("b", "jazz", "pop", 0.75, 0.25, "family", "mfcc", "", 0.6, 0.01),
        ("b", "jazz", "pop", 0.75, 0.25, "family", "gfcc", "", -0.1, 0.01),
        ("b", "jazz", "pop", 0.75, 0.25, "clip", "near", "pop", 0.5, 0.0),
        ("a", "pop", "pop", 0.9, 0.2, "clip", "near", "pop", 0.5, 0.0),
    ]
    columns = ["clip_id", "genre", "predicted_genre", "proba", "background", "part", "of", "of_genre", "value", "error"]
    first, second = explanation.list_items(pd.DataFrame(rows, columns=columns), {})
    assert (first.clip, first.genre, second.clip) == ("b", "pop", "a")
    assert first.sentence == "jazz, classified as pop with probability 0.750 (0.250 on average over training clips)"
    assert first.families == [("mfcc", 0.6, 0.01), ("gfcc", -0.1, 0.01)]
    assert first.nearest == [("near", "pop", 0.5)]
    assert second.families == []


def test_bars_of_families_begin_at_zero() -> None:
    item = Item("a", "pop", "", [("mfcc", 0.6, 0.01), ("gfcc", -0.25, 0.0)], [])
    html = explanation.render_items([item])
    assert re.findall(r'<rect x="(\S+)" y="0.1" width="(\S+)"', html) == [("0", "0.6"), ("-0.25", "0.25")]
    assert html.count("standard error 0.010") == 1
    assert "<figure" not in html


def test_what_is_left_out_is_on_the_page() -> None:
    html = explanation.render_items([Item("a", "pop", "", [], [("b", "pop", 1.0)], notes=["no seconds: <none>"])])
    assert "<p>no seconds: &lt;none&gt;</p>" in html
    assert "<audio" not in html
    assert explanation.render_items([]) == ""


def test_a_near_clip_is_heard_where_it_is() -> None:
    item = Item("a", "pop", "", [], [("b", "pop", 1.0), ("c", "pop", 2.0)], sounds={"b": "AAAA"})
    html = explanation.render_items([item])
    assert html.count("base64,AAAA") == 1
    assert html.count("not on this machine") == 1


def test_the_seconds_are_drawn_and_listed() -> None:
    item = Item("a", "pop", "", [], [], [(0.0, 1.0, 0.5), (0.5, 1.5, -0.25)])
    html = explanation.render_items([item])
    assert "<svg" in item.figure
    assert re.findall(r"<td class=\"n\">(\S+)</td>", html) == ["0.00", "1.00", "+0.500", "0.50", "1.50", "-0.250"]
