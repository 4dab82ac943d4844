"""Delta spectral pattern: how strongly each band's level rises."""

import numpy as np

from regenre.common.kinds import Share, Span, Width, strict_dataclass
from regenre.features.blocks import BandCount, average_rows, name_quantile, name_ranks, rank_rises, summarise
from regenre.features.frames import Frames


@strict_dataclass
class DeltaSpectralPattern:
    """Sorted rises of each band (Seyerlehner, Widmer and Pohle 2010, delta spectral pattern).

    A rise is the level (`compute_levels`) minus the level 3 frames before, 0 where that is negative. The rises of each
    band are sorted within each block of 25 frames, one every 5 frames; the result is the 0.9 quantile over blocks, in
    dB. Silence, a steady sound and a clip of at most `delay_s` yield 0.

    A short clip has few blocks, so the quantile is nearer to the median: with 3 s of a clip, 25 of 69 columns are
    0.3 to 0.7 standard deviations between clips lower than with 30 s.

    Deviates from the paper in the number of values (`regenre.features.blocks`).

    Parameters
    ----------
    n_bands : number of bands, each the average of 92 / n_bands semitones
    n_ranks : number of equal parts in which the upper half of the sorted values is averaged
    delay_s : seconds between the two levels of a rise
    block_s, step_s : length of a block and seconds between blocks; a shorter clip is one block
    quantile : quantile over blocks
    """

    n_bands: BandCount
    n_ranks: Width
    delay_s: Span
    block_s: Span
    step_s: Span
    quantile: Share

    @property
    def names(self) -> tuple[str, ...]:
        """`<band>_<rank>__<quantile>`, e.g. `07_02__q90`."""
        return name_ranks(self.n_bands, self.n_ranks, name_quantile(self.quantile))

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the pattern in dB, float32, shape (n_bands n_ranks,)."""
        ranks = frames.compute_once(rank_rises, self.n_ranks, self.delay_s, self.block_s, self.step_s)
        return average_rows(summarise(ranks, self.quantile), self.n_bands).ravel()
