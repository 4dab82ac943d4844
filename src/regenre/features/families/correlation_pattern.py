"""Correlation pattern."""

import numpy as np

from regenre.features.blocks import BandCount, average_bands, compute_levels, cut_blocks
from regenre.features.frames import Frames
from regenre.kinds import Share, Span, strict_dataclass


@strict_dataclass
class CorrelationPattern:
    n_bands: BandCount
    block_s: Span
    step_s: Span
    quantile: Share

    @property
    def names(self) -> tuple[str, ...]:
        pairs = zip(*np.triu_indices(self.n_bands, 1), strict=True)
        return tuple(f"{a:02d}_{b:02d}__q{100 * self.quantile:.0f}" for a, b in pairs)

    def __call__(self, frames: Frames) -> np.ndarray:
        levels = average_bands(frames.compute_once(compute_levels), self.n_bands)
        blocks = cut_blocks(levels, round(self.block_s / frames.hop_s), round(self.step_s / frames.hop_s))
        d = (blocks - blocks.mean(axis=2, keepdims=True)).transpose(1, 0, 2)
        norm = np.sqrt(np.square(d).sum(axis=2, keepdims=True))
        d = d / np.where(norm < 1e-3 * d.shape[2], np.inf, norm)
        r = d @ d.transpose(0, 2, 1)
        return np.quantile(r[:, *np.triu_indices(self.n_bands, 1)], self.quantile, axis=0).astype(np.float32)
