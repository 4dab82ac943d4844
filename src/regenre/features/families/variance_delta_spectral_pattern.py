"""Variance delta spectral pattern."""

import numpy as np

from regenre.features.blocks import BandCount, name_ranks, rank_rises
from regenre.features.frames import Frames
from regenre.kinds import Span, Width, strict_dataclass


@strict_dataclass
class VarianceDeltaSpectralPattern:
    n_bands: BandCount
    n_ranks: Width
    delay_s: Span
    block_s: Span
    step_s: Span

    @property
    def names(self) -> tuple[str, ...]:
        return name_ranks(self.n_bands, self.n_ranks, "variance")

    def __call__(self, frames: Frames) -> np.ndarray:
        ranks = rank_rises(frames, self.n_bands, self.n_ranks, self.delay_s, self.block_s, self.step_s)
        n = ranks.shape[1]
        overlap = np.maximum(0, 1 - np.abs(np.subtract.outer(np.arange(n), np.arange(n))) * self.step_s / self.block_s)
        independent = 1 - overlap.mean()
        variance = ranks.var(axis=1) / independent if n > 1 else np.zeros((self.n_bands, self.n_ranks))
        return variance.ravel().astype(np.float32)
