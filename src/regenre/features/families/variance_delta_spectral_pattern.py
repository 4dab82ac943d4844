"""Variance delta spectral pattern: how much the rises of each band's level differ over the clip."""

import numpy as np

from regenre.common.kinds import Span, Width, strict_dataclass
from regenre.features.blocks import BandCount, average_rows, name_ranks, rank_rises
from regenre.features.frames import Frames


@strict_dataclass
class VarianceDeltaSpectralPattern:
    """Spread over blocks of the sorted rises (Seyerlehner, Widmer and Pohle 2010, variance delta spectral pattern).

    The rises are sorted within blocks as in `DeltaSpectralPattern`. The result is their standard deviation over
    blocks, in dB. Silence, a steady sound and a clip with one block (shorter than 0.84 s) yield 0.

    Music changes slowly, so the blocks of a short clip are alike: with 3 s of a clip, 13 of 69 columns are 0.3 to 0.5
    standard deviations between clips lower than with 30 s.

    Deviates from the paper in three ways. It is the standard deviation instead of the variance, which fits scaled
    columns better. The variance s^2 of n blocks is divided by 1 - mean_ij max(0, 1 - |i - j| step / block), with step
    and block in frames, since blocks that overlap differ less than others and short clips have no others; this is
    Bessel's (n - 1) / n if none overlap. The third is the number of values (`regenre.features.blocks`).

    Parameters
    ----------
    n_bands : number of bands, each the average of 92 / n_bands semitones
    n_ranks : number of equal parts in which the upper half of the sorted values is averaged
    delay_s : seconds between the two levels of a rise
    block_s, step_s : length of a block and seconds between blocks
    """

    n_bands: BandCount
    n_ranks: Width
    delay_s: Span
    block_s: Span
    step_s: Span

    @property
    def names(self) -> tuple[str, ...]:
        """`<band>_<rank>__std`, e.g. `07_02__std`."""
        return name_ranks(self.n_bands, self.n_ranks, "std")

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the pattern in dB, float32, shape (n_bands n_ranks,)."""
        ranks = frames.compute_once(rank_rises, self.n_ranks, self.delay_s, self.block_s, self.step_s)
        n = ranks.shape[1]
        step, block = (max(1, round(length_s / frames.hop_s)) for length_s in (self.step_s, self.block_s))
        lags = np.arange(1, n)
        overlap = (1 + 2 * ((1 - lags / n) * np.maximum(0, 1 - lags * step / block)).sum()) / n
        std = ranks.std(axis=1) / np.sqrt(1 - overlap) if n > 1 else np.zeros_like(ranks[:, 0])
        return average_rows(std, self.n_bands).ravel()
