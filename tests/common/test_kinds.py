"""What a strict dataclass accepts, and what it says of the rest."""

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, replace
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import ValidationError

from regenre.common.kinds import Count, Jobs, Names, Positive, Shares, explain_invalid, strict_dataclass


@strict_dataclass
class Example:
    """A class with one field of each kind."""

    n: Count
    hz: Positive | None = None
    names: Names | None = None
    shares: Shares | None = None
    nested: Mapping[str, Mapping[str, Count]] | None = None
    jobs: Jobs = -1
    word: Literal["a", "b", "c"] = "a"

    def __post_init__(self) -> None:
        if self.n == 13:
            raise ValueError("n: 13 brings bad luck")


def test_values_of_the_right_kind_are_kept():
    example = Example(n=np.int64(3), hz=2, names=["a"], shares=[0.5], nested={"a": {"b": 1}}, jobs=4)
    assert (example.n, example.hz, example.names, example.shares) == (3, 2.0, ["a"], [0.5])
    assert replace(example, n=4).n == 4
    with pytest.raises(FrozenInstanceError):
        example.n = 5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n": "abc"}, "n: a valid integer expected, 'abc' found"),
        ({"n": 1.5}, "n: a valid integer expected, 1.5 found"),
        ({"n": 0}, "n: greater than or equal to 1 expected, 0 found"),
        ({"n": 13}, "n: 13 brings bad luck"),
        ({"n": 1, "hz": float("nan")}, "hz: a finite number expected, nan found"),
        ({"n": 1, "names": "abc"}, "names: a valid list expected, 'abc' found"),
        ({"n": 1, "names": []}, "names: at least 1 expected, 0 found"),
        ({"n": 1, "shares": [0.5, 2]}, "shares.1: less than 1 expected, 2 found"),
        ({"n": 1, "nested": {"a": {"b": 0}}}, "nested.a.b: greater than or equal to 1 expected, 0 found"),
        ({"n": 1, "jobs": 0}, "jobs: -1 (one for each core) or at least 1 expected, 0 found"),
        ({"n": 1, "word": "d"}, "word: 'a', 'b' or 'c' expected, 'd' found"),
        ({"n": 1, "other": 2}, "other is unknown"),
        ({}, "n is missing"),
    ],
)
def test_other_values_are_explained(values: dict[str, Any], message: str):
    with pytest.raises(ValidationError) as caught:
        Example(**values)
    assert explain_invalid(caught.value) == message
