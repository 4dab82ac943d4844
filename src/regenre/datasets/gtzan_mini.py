"""The public subset of GTZAN: 100 clips, ten per genre."""

from regenre.datasets.gtzan import Gtzan
from regenre.kinds import strict_dataclass


@strict_dataclass
class GtzanMini(Gtzan):
    """The subset; it differs from `Gtzan` only in the settings of its leaf (mirrors, number of clips)."""
