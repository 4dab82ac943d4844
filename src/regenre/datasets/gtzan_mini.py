"""The public subset of GTZAN: 100 clips, ten per genre."""

from dataclasses import dataclass

from regenre.datasets.gtzan import Gtzan


@dataclass(frozen=True)
class GtzanMini(Gtzan):
    """The subset; it differs from `Gtzan` only in the settings of its leaf (mirrors, number of clips)."""
