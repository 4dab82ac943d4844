import json
from dataclasses import replace

import numpy as np
import pytest

from regenre.inference.answers import Answer, Stability, format_json, format_line, make_rows

CLIP = Answer(("a", "b", "c"), np.zeros(1), np.array([[0.25, 0.5, 0.25]]))
RECORDING = Answer(("a", "b"), np.array([0.0, 1.5]), np.array([[0.25, 0.75], [0.05, 0.95]]))


def test_probabilities_are_means_over_windows_the_most_probable_first() -> None:
    assert list(CLIP.proba.items()) == [("b", 0.5), ("a", 0.25), ("c", 0.25)]
    assert list(RECORDING.proba) == ["b", "a"]
    assert RECORDING.proba == pytest.approx({"b": 0.85, "a": 0.15})


def test_a_line_names_the_most_probable_genres() -> None:
    assert format_line("x.wav", CLIP, 2) == "x.wav: b 0.500, a 0.250"
    assert format_line("x.wav", CLIP, 9) == "x.wav: b 0.500, a 0.250, c 0.250"


def test_json_has_a_timeline_if_there_are_several_windows() -> None:
    assert json.loads(format_json("x.wav", CLIP)) == {"file": "x.wav", "proba": {"b": 0.5, "a": 0.25, "c": 0.25}}
    content = json.loads(format_json('"y"\n.wav', RECORDING))
    assert content["file"] == '"y"\n.wav'
    assert content["timeline"] == [{"start_s": 0.0, "a": 0.25, "b": 0.75}, {"start_s": 1.5, "a": 0.05, "b": 0.95}]
    assert "\n" not in format_json('"y"\n.wav', RECORDING)


STABILITY = Stability(4, {"tilt_6": ("turn the treble up", "a"), "hall": ("play it in a hall", "c")})


def test_a_stressed_answer_says_what_changes_it() -> None:
    stressed, firm = replace(CLIP, stability=STABILITY), replace(CLIP, stability=Stability(3, {}))
    assert format_line("x.wav", stressed, 1) == (
        "x.wav: b 0.500; the same after 2 of 4 changes, but not if you turn the treble up (a), play it in a hall (c)"
    )
    assert format_line("x.wav", firm, 1) == "x.wav: b 0.500; the same after 3 of 3 changes"
    content = json.loads(format_json("x.wav", stressed))["stress"]
    assert content == {"changes": 4, "same": 0.5, "others": {"tilt_6": "a", "hall": "c"}}
    rows = make_rows("x.wav", replace(RECORDING, stability=STABILITY))
    assert rows["same"].tolist() == [0.5, 0.5]
    assert rows["changed_by"].tolist() == ["tilt_6 hall"] * 2
    assert make_rows("x.wav", firm)["changed_by"].tolist() == [""]


def test_a_table_has_one_row_per_window() -> None:
    assert make_rows("x.wav", RECORDING).to_dict("list") == {
        "file": ["x.wav", "x.wav"], "start_s": [0.0, 1.5], "predicted": ["b", "b"],
        "proba__a": [0.25, 0.05], "proba__b": [0.75, 0.95],
    }  # fmt: skip
    assert list(make_rows("x.wav", CLIP)) == ["file", "start_s", "predicted", "proba__a", "proba__b", "proba__c"]


def test_a_table_of_tags_predicts_none_of_them() -> None:
    assert list(make_rows("x.wav", replace(CLIP, exclusive=False))) == [
        "file", "start_s", "proba__a", "proba__b", "proba__c",
    ]  # fmt: skip
