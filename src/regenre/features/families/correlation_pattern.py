"""Correlation pattern: which bands rise and fall together."""

import numpy as np

from regenre.common.kinds import Share, Span, strict_dataclass
from regenre.features.blocks import BandCount, average_rows, compute_levels, cut_blocks, name_quantile
from regenre.features.frames import Frames

_CONSTANT_DB = 1e-3  # a deviation that is rounding of float32


@strict_dataclass
class CorrelationPattern:
    """Correlation of the levels of each two bands (Seyerlehner, Widmer and Pohle 2010, correlation pattern).

    The levels (`compute_levels`) of each two bands have a linear correlation over each block of 256 frames, one every
    128 frames. The result is its median over blocks, from -1 to 1. A band whose level is constant in a block has
    correlation 0 there, so silence yields 0.

    Over less sound two levels are correlated more, by chance and because one note moves both. So with 3 s of a clip,
    one short block, 23 of 253 columns are 0.3 to 0.7 standard deviations between clips higher than with 30 s.

    Deviates from the paper in the number of bands: 23 instead of 52.

    Parameters
    ----------
    n_bands : number of bands, each the average of 92 / n_bands semitones
    block_s, step_s : length of a block and seconds between blocks; a shorter clip is one block
    quantile : quantile over blocks
    """

    n_bands: BandCount
    block_s: Span
    step_s: Span
    quantile: Share

    def __post_init__(self) -> None:
        if self.n_bands < 2:
            raise ValueError(f"n_bands: at least 2 expected, {self.n_bands} found")

    @property
    def names(self) -> tuple[str, ...]:
        """`<lower band>_<higher band>__<quantile>`, e.g. `03_07__q50`."""
        quantile, pairs = name_quantile(self.quantile), zip(*self._pairs, strict=True)
        return tuple(f"{low:02d}_{high:02d}__{quantile}" for low, high in pairs)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the correlations, float32, shape (n_bands (n_bands - 1) / 2,)."""
        levels = average_rows(frames.compute_once(compute_levels), self.n_bands)
        blocks = cut_blocks(levels, frames.hop_s, self.block_s, self.step_s).transpose(1, 0, 2)
        deviation = blocks - blocks.mean(axis=2, keepdims=True)
        std = deviation.std(axis=2, keepdims=True)
        scores = deviation / np.where(std > _CONSTANT_DB, std, np.inf)
        correlation = scores @ scores.transpose(0, 2, 1) / scores.shape[2]
        pattern: np.ndarray = np.quantile(correlation[:, *self._pairs], self.quantile, axis=0).astype(np.float32)
        return pattern

    @property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray]:
        return np.triu_indices(self.n_bands, 1)
