"""Bounds, and what is said beyond them."""

import pytest
from helpers import build_leaf
from pydantic import ValidationError

from regenre.datasets.limits import Bound, Limits


def test_a_bound_says_where_it_is_set() -> None:
    limits = Limits(fetch_mb=1, index_mb=2, fetch_s=3, unpack_mb=4, entries=5)
    bound = limits.get_bound("unpack_mb", "conf/dataset/x.yaml")
    assert bound == Bound(4, "limits.unpack_mb in conf/dataset/x.yaml")
    assert bound.explain("MB") == "at most 4 MB expected (limits.unpack_mb in conf/dataset/x.yaml), more found"


def test_every_bound_is_a_number_above_zero() -> None:
    with pytest.raises(ValidationError, match="fetch_mb"):
        Limits(fetch_mb=0, index_mb=2, fetch_s=3, unpack_mb=4, entries=5)


@pytest.mark.parametrize("name", ["gtzan", "gtzan_mini"])
def test_a_dataset_that_is_fetched_has_bounds(name: str) -> None:
    assert isinstance(build_leaf("dataset", name).limits, Limits)
