"""Spectral contrast pattern."""

import numpy as np

from regenre.features.blocks import N_SEMITONES, BandCount, compute_levels, cut_blocks, name_ranks, rank_blocks
from regenre.features.frames import Frames
from regenre.kinds import Share, Span, Width, strict_dataclass


@strict_dataclass
class SpectralContrastPattern:
    n_bands: BandCount
    n_ranks: Width
    block_s: Span
    step_s: Span
    quantile: Share

    @property
    def names(self) -> tuple[str, ...]:
        return name_ranks(self.n_bands, self.n_ranks, f"q{100 * self.quantile:.0f}")

    def __call__(self, frames: Frames) -> np.ndarray:
        levels = frames.compute_once(compute_levels)
        starts = np.arange(self.n_bands) * N_SEMITONES // self.n_bands
        contrast = np.maximum.reduceat(levels, starts) - np.minimum.reduceat(levels, starts)
        blocks = cut_blocks(contrast, round(self.block_s / frames.hop_s), round(self.step_s / frames.hop_s))
        return np.quantile(rank_blocks(blocks, self.n_ranks), self.quantile, axis=1).ravel().astype(np.float32)
