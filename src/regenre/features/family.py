"""Protocols of feature families.

A family computes features of one clip from its `Frames`. It is a frozen dataclass; its fields are its settings, whose
values stand in `conf/family/<name>.yaml` only. It has

    names     one name per row, e.g. ("centroid", "spread", ...)
    __call__  `Frames` -> float32, shape (len(names), n_frames), to be pooled; finite for finite input

A family that describes the clip as a whole returns shape (len(names),) and is not pooled. Its names end in the
statistic that pooling adds to the others: `tempo_bpm__clip`, `07__median`.

A family has no state and processes one clip at a time, so it cannot be fitted. One that uses a network which was
fitted elsewhere says on which data, in `pretrained_on`.

    Family       a family computed from audio
    TableFamily  a family read from a table
    is_per_clip  whether a family describes the clip as a whole
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from regenre.features.frames import Frames

if TYPE_CHECKING:
    import pandas as pd


@runtime_checkable
class Family(Protocol):
    """Interface of families that are computed from audio."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in row order."""
        ...

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the features of one clip: float32, shape (len(names), n_frames) or (len(names),)."""
        ...


@runtime_checkable
class TableFamily(Protocol):
    """Interface of families that are read from a table instead of computed from audio: `external`, `text`."""

    def read_table(self, name: str, clips: "pd.DataFrame", raw: Path) -> "pd.DataFrame":
        """Read clip_id and columns `<name>__<feature>__clip`, one row per row of the clip table."""
        ...


def is_per_clip(family: Family) -> bool:
    """Return whether the family describes the clip as a whole."""
    return "__" in family.names[0]
