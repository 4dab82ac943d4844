import numpy as np
import pytest
import scipy.stats
from conftest import noise

from regenre.pooling import MeanCovariance, Statistics, TextureWindows, block_means

VALUES = noise().reshape(3, 7350)
NAMES = ("a", "b", "c")


def by_column(pooling, values: np.ndarray = VALUES, hop_s: float = 0.01) -> dict[str, float]:
    pooled = pooling(values, hop_s)
    columns = pooling.columns("f", NAMES)
    assert pooled.dtype == np.float32
    assert len(set(columns)) == len(columns) == len(pooled)
    return dict(zip(columns, pooled, strict=True))


def test_statistics_are_scipys() -> None:
    found = by_column(Statistics(("mean", "std", "min", "median", "max", "skewness", "kurtosis")))
    row = VALUES[1].astype(float)
    expected = {
        "mean": row.mean(), "std": row.std(), "min": row.min(), "median": np.median(row), "max": row.max(),
        "skewness": scipy.stats.skew(row), "kurtosis": scipy.stats.kurtosis(row, fisher=False),
    }  # fmt: skip
    for statistic, value in expected.items():
        assert found[f"f__b__{statistic}"] == pytest.approx(value, rel=1e-5), statistic


def test_a_constant_has_no_skewness() -> None:
    found = by_column(Statistics(("skewness", "kurtosis", "std")), np.full((3, 9), 0.1, np.float32))
    np.testing.assert_allclose(list(found.values()), 0, atol=1e-9)


def test_an_unknown_statistic_is_named() -> None:
    with pytest.raises(TypeError, match="'mode' is none of mean, std"):
        Statistics(("mean", "mode"))


def test_texture_windows_are_pooled_twice() -> None:
    found = by_column(TextureWindows(1.0))  # 100 frames a window: 73 of them, 50 frames left
    windows = VALUES[2, :7300].reshape(73, 100).astype(float)
    assert found["f__c__mean_of_means"] == pytest.approx(windows.mean(axis=1).mean(), rel=1e-4)
    assert found["f__c__std_of_means"] == pytest.approx(windows.mean(axis=1).std(), rel=1e-4)
    assert found["f__c__mean_of_stds"] == pytest.approx(windows.std(axis=1).mean(), rel=1e-4)
    assert found["f__c__std_of_stds"] == pytest.approx(windows.std(axis=1).std(), rel=1e-4)


def test_a_clip_shorter_than_a_window_is_one_window() -> None:
    found = by_column(TextureWindows(1.0), VALUES[:, :5])
    assert found["f__a__mean_of_means"] == pytest.approx(VALUES[0, :5].mean(), rel=1e-5)
    assert found["f__a__std_of_means"] == 0


def test_covariance_is_numpys() -> None:
    found = by_column(MeanCovariance())
    expected = np.cov(VALUES.astype(float), bias=True)
    assert found["f__a_c__covariance"] == pytest.approx(expected[0, 2], rel=1e-4)
    assert found["f__b_b__covariance"] == pytest.approx(expected[1, 1], rel=1e-4)
    assert found["f__b__mean"] == pytest.approx(VALUES[1].mean(), rel=1e-4)
    assert len(found) == 3 + 6


def test_block_means_keep_the_rest_as_a_shorter_block() -> None:
    found = block_means(np.array([[1, 2, 3, 4, 6], [0, 0, 0, 0, 1]], np.float32), 2)
    assert found.tolist() == [[1.5, 3.5, 6], [0, 0, 1]]
    assert found.dtype == np.float32
    assert block_means(np.ones((2, 1), np.float32), 8).tolist() == [[1], [1]]
