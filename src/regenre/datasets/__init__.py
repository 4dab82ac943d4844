"""Datasets: source -> clips on disk and the clip table.

A dataset is a frozen dataclass whose fields are its settings (a leaf of `conf/dataset/`). It has

    audio     whether its clips have audio, or are rows of a table
    download  fill the raw folder (made, fetched, unpacked or linked)
    clips     raw folder -> a row a clip with the columns `CLIP_FACTS`; the audio is not opened

Conventions: `path` is relative to the raw folder; `group` is what must not straddle folds (artist,
recording), the clip itself where nothing is known; a clip that should be there and is not has a row.
"""

from pathlib import Path
from typing import ClassVar, Protocol

import pandas as pd

CLIP_FACTS = ["clip_id", "path", "genre", "group"]


class Dataset(Protocol):
    """What every dataset offers."""

    audio: ClassVar[bool]

    def download(self, raw: Path) -> str:
        """Fill the empty folder `raw`; return one line that says from where."""
        ...

    def clips(self, raw: Path) -> pd.DataFrame:
        """The clips in `raw`, columns `CLIP_FACTS`."""
        ...
