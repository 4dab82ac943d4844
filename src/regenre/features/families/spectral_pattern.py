"""Spectral pattern."""

import numpy as np

from regenre.features.blocks import BandCount, average_bands, compute_levels, cut_blocks, name_ranks, rank_blocks
from regenre.features.frames import Frames
from regenre.kinds import Share, Span, Width, strict_dataclass


@strict_dataclass
class SpectralPattern:
    n_bands: BandCount
    n_ranks: Width
    block_s: Span
    step_s: Span
    quantile: Share

    @property
    def names(self) -> tuple[str, ...]:
        return name_ranks(self.n_bands, self.n_ranks, f"q{100 * self.quantile:.0f}")

    def __call__(self, frames: Frames) -> np.ndarray:
        levels = average_bands(frames.compute_once(compute_levels), self.n_bands)
        blocks = cut_blocks(levels, round(self.block_s / frames.hop_s), round(self.step_s / frames.hop_s))
        blocks = blocks - blocks.mean(axis=(0, 2), keepdims=True)
        return np.quantile(rank_blocks(blocks, self.n_ranks), self.quantile, axis=1).ravel().astype(np.float32)
