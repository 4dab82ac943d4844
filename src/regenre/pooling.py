"""Frame matrix -> one row a clip, and the names of its columns.

A column is called `<family>__<feature>__<statistic>`, e.g. `mfcc__03__mean`; the name survives to
plots and importances. Statistics are accumulated in float64 and stored as float32.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda values: values.mean(axis=1, dtype=np.float64),
    "std": lambda values: values.std(axis=1, dtype=np.float64),
}


@dataclass(frozen=True)
class Statistics:
    """Each feature's statistics over all frames of the clip.

    Parameters
    ----------
    statistics : names out of `mean` and `std` (population standard deviation)
    """

    statistics: tuple[str, ...] = ("mean", "std")

    def columns(self, family: str, names: tuple[str, ...]) -> list[str]:
        """Column names in the order of `__call__`'s values."""
        return [f"{family}__{name}__{statistic}" for statistic in self.statistics for name in names]

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Pool (n_features, n_frames) to float32 (n_statistics * n_features,)."""
        return np.concatenate([_STATISTICS[statistic](values) for statistic in self.statistics]).astype(np.float32)
