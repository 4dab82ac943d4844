"""The interface of a dataset: source -> clips on disk and the facts about them.

A dataset is a frozen dataclass whose fields are the settings of its leaf in `conf/dataset/`.

    Dataset      what every dataset offers
    CLIP_FACTS   columns of the table that `Dataset.list_clips` returns
    MORE_FACTS   columns that it may have besides
    write_facts  write that table into the raw folder
    read_facts   read it there

Conventions: `path` is relative to the raw folder, or "" for a clip without a file; `genre` is "" if none is known;
`group` is what must not straddle folds (artist, recording), and the clip itself if no group is known. A clip that
should exist but is missing has a row. `part` is train, valid or test of the split that was published with the dataset,
or "" for a clip in none; `broken` is why a clip is left out, or "".
"""

from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import pandas as pd

from regenre.common.tables import PART

CLIP_FACTS = ["clip_id", "path", "genre", "group"]
MORE_FACTS = [PART, "broken"]
FACTS = "clips.parquet"  # in the raw folder


@runtime_checkable
class Dataset(Protocol):
    """What every dataset offers.

    Attributes
    ----------
    audio : True if the clips are audio files, False if they are rows of a table
    """

    audio: ClassVar[bool]

    def download(self, raw: Path) -> str:
        """Fill the empty folder `raw`; return one line that names the source.

        Files are synthesised, fetched, unpacked or linked.
        """
        ...

    def list_clips(self, raw: Path) -> pd.DataFrame:
        """Return one row per clip in `raw`, columns `CLIP_FACTS` and any of `MORE_FACTS`; no audio is opened."""
        ...


def write_facts(raw: Path, clips: pd.DataFrame) -> None:
    """Write what `Dataset.list_clips` will return; other columns are left out."""
    clips.filter([*CLIP_FACTS, *MORE_FACTS]).to_parquet(raw / FACTS, index=False)


def read_facts(raw: Path) -> pd.DataFrame:
    """Read what `write_facts` wrote."""
    return pd.read_parquet(raw / FACTS).astype(object)
