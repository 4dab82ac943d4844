import numpy as np
import pytest

from regenre.pooling import Statistics


def test_mean_and_standard_deviation() -> None:
    values = np.array([[1, 2, 3], [4, 4, 4]], np.float32)
    pooled = Statistics(("mean", "std"))(values)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, [2, 4, np.sqrt(2 / 3), 0], rtol=1e-6)


def test_columns_stand_in_the_order_of_the_values() -> None:
    assert Statistics(("std", "mean")).columns("mfcc", ("00", "01")) == [
        "mfcc__00__std",
        "mfcc__01__std",
        "mfcc__00__mean",
        "mfcc__01__mean",
    ]


def test_an_unknown_statistic_is_named() -> None:
    with pytest.raises(KeyError, match="median"):
        Statistics(("median",))(np.ones((1, 3), np.float32))
