"""The public subset of GTZAN: 100 clips, ten per genre."""

from typing import ClassVar

from regenre.datasets.gtzan import Gtzan
from regenre.kinds import strict_dataclass


@strict_dataclass
class GtzanMini(Gtzan):
    """The subset; it differs from `Gtzan` only in the settings of its leaf (mirrors, number of clips, limits)."""

    conf: ClassVar[str] = "conf/dataset/gtzan_mini.yaml"
