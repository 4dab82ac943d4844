import numpy as np
import pandas as pd
import pytest

from regenre.reporting import clip_map
from regenre.reporting.clip_map import describe_map


def make_points(n: int) -> pd.DataFrame:
    clip_ids = [f"clip {number:06d}" for number in range(n)]
    return pd.DataFrame({"clip_id": clip_ids, "genre": ["b", "a"] * (n // 2), "x": np.arange(n), "y": 1.0})


def test_a_point_has_its_genre_answer_group_place_and_sound() -> None:
    answers = pd.DataFrame({"group": ["v", "u"], "predicted": ["c", "a"]}, ["clip 000000", "clip 000003"])
    chart = describe_map(make_points(4).assign(x=[2.0, 3.0, 4.0, 2.5]), answers, {"clip 000003": "abc", "other": "d"})
    assert (chart["genres"], chart["groups"]) == (["a", "b", "c"], ["u", "v"])
    assert (chart["actual"], chart["predicted"], chart["group"]) == ([1, 0, 1, 0], [2, -1, -1, 0], [1, -1, -1, 0])
    assert (chart["x"], chart["y"]) == ([0, 500, 1000, 250], [0, 0, 0, 0])
    assert chart["sounds"] == {3: "abc"}


def test_of_very_many_clips_the_map_has_some_at_equal_distances() -> None:
    answers = pd.DataFrame({"group": [], "predicted": []}, dtype=object)
    chart = describe_map(make_points(100_000), answers, {})
    places = [int(name[5:]) for name in chart["clips"]]
    assert (len(places), places[0], places[-1]) == (clip_map.MAX_POINTS, 0, 99_999)
    assert set(np.diff(places)) <= {10, 11}


def test_a_cell_without_numbers_has_no_point() -> None:
    empty = pd.DataFrame(columns=["clip_id", "genre", "x", "y"])
    assert describe_map(empty, pd.DataFrame({"group": ["v"], "predicted": ["a"]}, ["a"]), {})["clips"] == []


def test_seventy_genres_differ_and_each_colour_is_seen_on_white_and_on_dark() -> None:
    """Contrast of at least 3 (WCAG 2.2, 1.4.11)."""
    pairs = {(n % len(clip_map.COLOURS), n % len(clip_map.SHAPES)) for n in range(70)}
    assert len(pairs) == 70

    def weigh(colour: str) -> float:
        shares = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
        linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for colour in clip_map.COLOURS:
        assert 1.05 / (weigh(colour) + 0.05) >= 3, colour
        assert (weigh(colour) + 0.05) / (weigh("#16181d") + 0.05) >= 3, colour


@pytest.mark.parametrize("name", ["a\nb", "\u202ex"])
def test_names_are_shown_as_one_line(name: str) -> None:
    answers = pd.DataFrame({"group": [name], "predicted": [name]}, [name])
    chart = describe_map(pd.DataFrame({"clip_id": [name], "genre": [name], "x": [0], "y": [0]}), answers, {})
    for key in ("clips", "genres", "groups"):
        assert chart[key] == [name.replace("\n", "\\n").replace("\u202e", "\\u202e")]
