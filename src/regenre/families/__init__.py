"""Feature families: shared frames -> a matrix (n_features, n_frames), or a vector (n_features,) for the clip.

A family is a frozen dataclass whose fields are its settings (a leaf of `conf/family/`). It has

    names     one name a row, e.g. ("centroid", "spread", ...)
    __call__  `Frames` -> float32 array, finite for finite input, shape (len(names), n_frames), to be pooled

A family that describes the clip as a whole returns shape (len(names),); its names then end in what pooling
would have added, the statistic: `tempo_bpm__clip`, `07__median`.

A family holds no state and sees one clip at a time: nothing can be fitted here.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from regenre.frames import Frames

if TYPE_CHECKING:
    import pandas as pd


class Family(Protocol):
    """What every family offers."""

    @property
    def names(self) -> tuple[str, ...]:
        """One name a feature, in row order."""
        ...

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the features of one clip: float32, shape (len(names), n_frames) or (len(names),)."""
        ...


@runtime_checkable
class Given(Protocol):
    """What a family offers whose values are given and not computed from audio: `external`, `text`."""

    def table(self, name: str, clips: "pd.DataFrame", raw: Path) -> "pd.DataFrame":
        """clip_id and columns `<name>__<feature>__clip`, a row for each row of the clip table."""
        ...


def per_clip(family: Family) -> bool:
    """Whether the family describes the clip as a whole."""
    return "__" in family.names[0]
