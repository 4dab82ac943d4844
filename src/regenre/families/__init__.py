"""Feature families: shared frames -> a matrix (n_features, n_frames).

A family is a frozen dataclass whose fields are its settings (a leaf of `conf/family/`). It has

    names     one name a row, e.g. ("centroid", "spread", ...)
    __call__  `Frames` -> float32 array, shape (len(names), n_frames), finite for finite input

A family holds no state and sees one clip at a time: nothing can be fitted here.
"""

from typing import Protocol

import numpy as np

from regenre.frames import Frames


class Family(Protocol):
    """What every family offers."""

    @property
    def names(self) -> tuple[str, ...]:
        """One name a feature, in row order."""
        ...

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the features of one clip: float32, shape (len(names), n_frames)."""
        ...
