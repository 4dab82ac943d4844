"""The public subset of GTZAN: 100 clips, ten per genre."""

from regenre.common.kinds import strict_dataclass
from regenre.datasets.gtzan import Gtzan


@strict_dataclass
class GtzanMini(Gtzan):
    """The subset; it differs from `Gtzan` only in the settings of its leaf (mirrors, number of clips, limits)."""

    @property
    def conf(self) -> str:
        """The leaf that has the settings."""
        return "conf/dataset/gtzan_mini.yaml"
