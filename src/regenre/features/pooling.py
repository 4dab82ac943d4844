"""Pooling: frames of a clip -> one row of a table, and the names of its columns.

A column is named `<family>__<feature>__<statistic>`, e.g. `mfcc__03__mean`, in tables, plots and importances alike.
Statistics are accumulated in float64 and stored as float32. Standard deviations and covariances divide by n.

    Pooling         the protocol of poolings
    Statistics      statistics over all frames
    TextureWindows  mean and standard deviation of windows, then over windows
    MeanCovariance  mean and covariance of the features of a family
    average_blocks  means of consecutive blocks of frames
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np

from regenre.common.kinds import Names, Span, strict_dataclass

_STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda values: values.mean(axis=1, dtype=np.float64),
    "std": lambda values: values.std(axis=1, dtype=np.float64),
    "min": lambda values: values.min(axis=1),
    "median": lambda values: np.median(values, axis=1),
    "max": lambda values: values.max(axis=1),
    "skewness": lambda values: _compute_standardised_moment(values, 3),
    "kurtosis": lambda values: _compute_standardised_moment(values, 4),
}


@runtime_checkable
class Pooling(Protocol):
    """Interface of poolings."""

    def name_columns(self, family: str, names: tuple[str, ...]) -> list[str]:
        """Return the column names in the order of the values of `__call__`."""
        ...

    def __call__(self, values: np.ndarray, hop_s: float) -> np.ndarray:
        """Pool values of shape (n_features, n_frames), hop_s seconds between frames, to float32, shape (n_columns,)."""
        ...


@strict_dataclass
class Statistics:
    """Statistics of each feature over all frames of the clip.

    Music changes slowly, so a short clip changes less than a long one. With 3 s of a clip instead of 30 s, 136 of 240
    standard deviations are lower by 0.3 to 0.7 standard deviations between clips, and with 10 s none. A mean does not
    lean to either side: two of 240 differ by 0.3, the 16th of `lfcc` and `cepstrum` (medians over 50 clips of GTZAN,
    `benchmarks/length_and_rate.py`). So train and classify with clips of like length, or choose `mean` alone.

    Parameters
    ----------
    statistics : any of mean, std, min, median, max, skewness, kurtosis. Kurtosis is 3 for a normal distribution;
        skewness and kurtosis of a constant are 0.
    """

    statistics: Names

    def __post_init__(self) -> None:
        unknown = [name for name in self.statistics if name not in _STATISTICS]
        if unknown:
            raise ValueError(f"statistics: {unknown[0]!r} is unknown; choose from {', '.join(_STATISTICS)}")

    def name_columns(self, family: str, names: tuple[str, ...]) -> list[str]:
        """Return `<family>__<feature>__<statistic>` of each value."""
        return [f"{family}__{name}__{statistic}" for statistic in self.statistics for name in names]

    def __call__(self, values: np.ndarray, hop_s: float) -> np.ndarray:
        """Pool; see `Pooling`."""
        return np.concatenate([_STATISTICS[statistic](values) for statistic in self.statistics]).astype(np.float32)


@strict_dataclass
class TextureWindows:
    """Mean and standard deviation of each window, then mean and standard deviation of these over the windows.

    After the texture windows of Tzanetakis and Cook (2002, section III-A). Windows do not overlap; frames after the
    last whole window are dropped. A clip shorter than a window is one window.

    Parameters
    ----------
    window_s : length of a window in seconds
    """

    window_s: Span

    def name_columns(self, family: str, names: tuple[str, ...]) -> list[str]:
        """Return `<family>__<feature>__mean_of_means`, then `std_of_means`, `mean_of_stds`, `std_of_stds`."""
        statistics = [f"{outer}_of_{inner}s" for inner in ("mean", "std") for outer in ("mean", "std")]
        return [f"{family}__{name}__{statistic}" for statistic in statistics for name in names]

    def __call__(self, values: np.ndarray, hop_s: float) -> np.ndarray:
        """Pool; see `Pooling`."""
        n = min(max(1, round(self.window_s / hop_s)), values.shape[1])
        n_windows = values.shape[1] // n
        windows = values[:, : n * n_windows].reshape(len(values), n_windows, n)
        inner = [windows.mean(axis=2, dtype=np.float64), windows.std(axis=2, dtype=np.float64)]
        rows = [outer(statistic, axis=1) for statistic in inner for outer in (np.mean, np.std)]
        return np.concatenate(rows).astype(np.float32)


@strict_dataclass
class MeanCovariance:
    """Mean and covariance of the features of a family over the clip (Mandel and Ellis 2005, section 3)."""

    def name_columns(self, family: str, names: tuple[str, ...]) -> list[str]:
        """Return `<family>__<feature>__mean`, then `<family>__<feature>_<feature>__covariance` of each pair."""
        pairs = [f"{names[i]}_{names[j]}" for i, j in zip(*np.triu_indices(len(names)), strict=True)]
        return [f"{family}__{name}__mean" for name in names] + [f"{family}__{pair}__covariance" for pair in pairs]

    def __call__(self, values: np.ndarray, hop_s: float) -> np.ndarray:
        """Pool; see `Pooling`."""
        mean = values.mean(axis=1, dtype=np.float64)
        deviation = values - mean[:, None]
        covariance = deviation @ deviation.T / values.shape[1]
        return np.concatenate([mean, covariance[np.triu_indices(len(values))]]).astype(np.float32)


def average_blocks(values: np.ndarray, n: int) -> np.ndarray:
    """Average consecutive blocks of n frames; the last block may be shorter.

    Shape (n_features, n_frames) -> (n_features, ceil(n_frames / n)), float32.
    """
    starts = np.arange(0, values.shape[1], n)
    sizes = np.diff(starts, append=values.shape[1])
    return (np.add.reduceat(values, starts, axis=1, dtype=np.float64) / sizes).astype(np.float32)


def _compute_standardised_moment(values: np.ndarray, order: int) -> np.ndarray:
    """Compute a central moment over the same power of the standard deviation; 0 if the deviation is only rounding."""
    deviation = values - values.mean(axis=1, keepdims=True, dtype=np.float64)
    std = np.sqrt(np.square(deviation).mean(axis=1))
    varies = std > 1e-6 * np.abs(values).max(axis=1)
    return np.where(varies, (deviation**order).mean(axis=1) / np.where(varies, std, 1) ** order, 0)
