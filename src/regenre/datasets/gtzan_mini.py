"""The public 100-clip subset of GTZAN, ten clips a genre."""

from dataclasses import dataclass

from regenre.datasets.gtzan import Gtzan


@dataclass(frozen=True)
class GtzanMini(Gtzan):
    """As `Gtzan`, with the mirrors and the count of the subset (its conf leaf)."""
