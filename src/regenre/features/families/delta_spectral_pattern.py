"""Delta spectral pattern."""

import numpy as np

from regenre.features.blocks import BandCount, name_ranks, rank_rises
from regenre.features.frames import Frames
from regenre.kinds import Share, Span, Width, strict_dataclass


@strict_dataclass
class DeltaSpectralPattern:
    n_bands: BandCount
    n_ranks: Width
    delay_s: Span
    block_s: Span
    step_s: Span
    quantile: Share

    @property
    def names(self) -> tuple[str, ...]:
        return name_ranks(self.n_bands, self.n_ranks, f"q{100 * self.quantile:.0f}")

    def __call__(self, frames: Frames) -> np.ndarray:
        ranks = rank_rises(frames, self.n_bands, self.n_ranks, self.delay_s, self.block_s, self.step_s)
        return np.quantile(ranks, self.quantile, axis=1).ravel().astype(np.float32)
