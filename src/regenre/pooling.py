"""Frame matrix -> one row a clip, and the names of its columns.

A column is called `<family>__<feature>__<statistic>`, e.g. `mfcc__03__mean`; the name survives to
plots and importances. Statistics are accumulated in float64 and stored as float32. Deviations are
those of the population.

    Statistics      over all frames
    TextureWindows  over windows, then over the clip
    MeanCovariance  of a family's features together
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

_STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda values: values.mean(axis=1, dtype=np.float64),
    "std": lambda values: values.std(axis=1, dtype=np.float64),
    "min": lambda values: values.min(axis=1),
    "median": lambda values: np.median(values, axis=1),
    "max": lambda values: values.max(axis=1),
    "skewness": lambda values: _standardised_moment(values, 3),
    "kurtosis": lambda values: _standardised_moment(values, 4),
}


class Pooling(Protocol):
    """What every pooling offers."""

    def columns(self, family: str, names: tuple[str, ...]) -> list[str]:
        """Column names in the order of `__call__`'s values."""
        ...

    def __call__(self, values: np.ndarray, hop_s: float) -> np.ndarray:
        """Pool (n_features, n_frames), a frame every hop_s seconds, to float32 (n_columns,)."""
        ...


@dataclass(frozen=True)
class Statistics:
    """Each feature's statistics over all frames of the clip.

    Parameters
    ----------
    statistics : names out of mean, std, min, median, max, skewness, kurtosis (3 for a normal distribution;
        both 0 for a constant)
    """

    statistics: Sequence[str] = ("mean", "std")

    def __post_init__(self) -> None:
        unknown = [name for name in self.statistics if name not in _STATISTICS]
        if unknown:
            raise TypeError(f"statistics: {unknown[0]!r} is none of {', '.join(_STATISTICS)}")

    def columns(self, family: str, names: tuple[str, ...]) -> list[str]:
        """`<family>__<feature>__<statistic>`."""
        return [f"{family}__{name}__{statistic}" for statistic in self.statistics for name in names]

    def __call__(self, values: np.ndarray, hop_s: float) -> np.ndarray:
        """Pool; see `Pooling`."""
        return np.concatenate([_STATISTICS[statistic](values) for statistic in self.statistics]).astype(np.float32)


@dataclass(frozen=True)
class TextureWindows:
    """Mean and deviation, over the clip, of each window's mean and deviation (Tzanetakis and Cook 2002, section III-A).

    Windows lie side by side; what is left after the last whole one is not used. A shorter clip is one window.

    Parameters
    ----------
    window_s : length of a window in seconds
    """

    window_s: float = 1.0

    def columns(self, family: str, names: tuple[str, ...]) -> list[str]:
        """`<family>__<feature>__mean_of_means`, and so on."""
        statistics = [f"{outer}_of_{inner}s" for inner in ("mean", "std") for outer in ("mean", "std")]
        return [f"{family}__{name}__{statistic}" for statistic in statistics for name in names]

    def __call__(self, values: np.ndarray, hop_s: float) -> np.ndarray:
        """Pool; see `Pooling`."""
        n = min(max(1, round(self.window_s / hop_s)), values.shape[1])
        n_windows = values.shape[1] // n
        windows = values[:, : n * n_windows].reshape(len(values), n_windows, n)
        inner = [windows.mean(axis=2, dtype=np.float64), windows.std(axis=2, dtype=np.float64)]
        return np.concatenate([f(part, axis=1) for part in inner for f in (np.mean, np.std)]).astype(np.float32)


@dataclass(frozen=True)
class MeanCovariance:
    """Mean and covariance of a family's features over the clip (Mandel and Ellis 2005, section 3)."""

    def columns(self, family: str, names: tuple[str, ...]) -> list[str]:
        """`<family>__<feature>__mean`, then `<family>__<feature>_<feature>__covariance` of each pair."""
        pairs = [f"{names[i]}_{names[j]}" for i, j in zip(*np.triu_indices(len(names)), strict=True)]
        return [f"{family}__{name}__mean" for name in names] + [f"{family}__{pair}__covariance" for pair in pairs]

    def __call__(self, values: np.ndarray, hop_s: float) -> np.ndarray:
        """Pool; see `Pooling`."""
        mean = values.mean(axis=1, dtype=np.float64)
        apart = values - mean[:, None]
        covariance = apart @ apart.T / values.shape[1]
        return np.concatenate([mean, covariance[np.triu_indices(len(values))]]).astype(np.float32)


def block_means(values: np.ndarray, n: int) -> np.ndarray:
    """Mean of each n frames in turn, the last block being what is left: shape (n_features, ceil(n_frames / n))."""
    starts = np.arange(0, values.shape[1], n)
    sizes = np.diff(starts, append=values.shape[1])
    return (np.add.reduceat(values, starts, axis=1, dtype=np.float64) / sizes).astype(np.float32)


def _standardised_moment(values: np.ndarray, order: int) -> np.ndarray:
    """Central moment over that power of the deviation; 0 where the deviation is rounding alone."""
    apart = values - values.mean(axis=1, keepdims=True, dtype=np.float64)
    std = np.sqrt(np.square(apart).mean(axis=1))
    varies = std > 1e-6 * np.abs(values).max(axis=1)
    return np.where(varies, (apart**order).mean(axis=1) / np.where(varies, std, 1) ** order, 0)
