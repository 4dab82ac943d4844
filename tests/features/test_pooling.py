import numpy as np
import pytest
import scipy.stats
from helpers import build_leaf, noise
from pydantic import ValidationError

from regenre.features.pooling import Statistics, average_blocks

VALUES = noise().reshape(3, 7350)
NAMES = ("a", "b", "c")


def pool_columns(pooling, values: np.ndarray = VALUES, hop_s: float = 0.01) -> dict[str, float]:
    pooled = pooling(values, hop_s)
    columns = pooling.name_columns("f", NAMES)
    assert pooled.dtype == np.float32
    assert len(set(columns)) == len(columns) == len(pooled)
    return dict(zip(columns, pooled, strict=True))


def test_statistics_equal_scipys() -> None:
    row = VALUES[1].astype(float)
    expected = {
        "mean": row.mean(), "std": row.std(), "min": row.min(), "median": np.median(row), "max": row.max(),
        "skewness": scipy.stats.skew(row), "kurtosis": scipy.stats.kurtosis(row, fisher=False),
    }  # fmt: skip
    pooled = pool_columns(build_leaf("pooling", "mean_std", statistics=[*expected]))
    for statistic, value in expected.items():
        assert pooled[f"f__b__{statistic}"] == pytest.approx(value, rel=1e-5), statistic


def test_a_constant_has_no_skewness_and_no_kurtosis() -> None:
    pooled = pool_columns(
        build_leaf("pooling", "mean_std", statistics=["skewness", "kurtosis", "std"]), np.full((3, 9), 0.1, np.float32)
    )
    np.testing.assert_allclose(list(pooled.values()), 0, atol=1e-9)


def test_an_unknown_statistic_is_an_error() -> None:
    with pytest.raises(ValidationError, match="'mode' is unknown; choose from mean, std"):
        Statistics(["mean", "mode"])


def test_texture_windows_are_pooled_over_frames_and_over_windows() -> None:
    pooled = pool_columns(build_leaf("pooling", "texture_windows", window_s=1.0))  # 73 windows of 100 frames, 50 left
    windows = VALUES[2, :7300].reshape(73, 100).astype(float)
    assert pooled["f__c__mean_of_means"] == pytest.approx(windows.mean(axis=1).mean(), rel=1e-4)
    assert pooled["f__c__std_of_means"] == pytest.approx(windows.mean(axis=1).std(), rel=1e-4)
    assert pooled["f__c__mean_of_stds"] == pytest.approx(windows.std(axis=1).mean(), rel=1e-4)
    assert pooled["f__c__std_of_stds"] == pytest.approx(windows.std(axis=1).std(), rel=1e-4)


def test_a_clip_shorter_than_a_window_is_one_window() -> None:
    pooled = pool_columns(build_leaf("pooling", "texture_windows", window_s=1.0), VALUES[:, :5])
    assert pooled["f__a__mean_of_means"] == pytest.approx(VALUES[0, :5].mean(), rel=1e-5)
    assert pooled["f__a__std_of_means"] == 0


def test_covariance_equals_numpys() -> None:
    pooled = pool_columns(build_leaf("pooling", "mean_covariance"))
    expected = np.cov(VALUES.astype(float), bias=True)
    assert pooled["f__a_c__covariance"] == pytest.approx(expected[0, 2], rel=1e-4)
    assert pooled["f__b_b__covariance"] == pytest.approx(expected[1, 1], rel=1e-4)
    assert pooled["f__b__mean"] == pytest.approx(VALUES[1].mean(), rel=1e-4)
    assert len(pooled) == 3 + 6


def test_the_last_block_is_the_mean_of_the_remaining_frames() -> None:
    pooled = average_blocks(np.array([[1, 2, 3, 4, 6], [0, 0, 0, 0, 1]], np.float32), 2)
    assert pooled.tolist() == [[1.5, 3.5, 6], [0, 0, 1]]
    assert pooled.dtype == np.float32
    assert average_blocks(np.ones((2, 1), np.float32), 8).tolist() == [[1], [1]]
