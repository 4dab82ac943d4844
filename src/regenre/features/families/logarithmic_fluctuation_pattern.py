"""Logarithmic fluctuation pattern: how fast each band's level changes, on a logarithmic scale."""

import numpy as np

from regenre.common.kinds import Positive, Share, Span, Width, strict_dataclass
from regenre.features.blocks import BandCount, average_rows, compute_levels, cut_blocks, name_quantile, summarise
from regenre.features.filterbanks import compute_overlaps
from regenre.features.frames import Frames


@strict_dataclass
class LogarithmicFluctuationPattern:
    """Modulation spectra of levels (Seyerlehner, Widmer and Pohle 2010, logarithmic fluctuation pattern).

    The mean over time of each band's level (`compute_levels`) is subtracted within each block of 512 frames, one
    every 128 frames. A Fourier transform divides the mean square of the rest among modulation frequencies. A value is
    the root of the sum in one of `n_modulations` steps of equal ratio from `slowest_hz` to `fastest_hz`, in dB, times
    the fluctuation strength 1 / (f / 4 + 4 / f) of its centre f (Fastl 1982). So it does not depend on the length for
    beats, for steady noise, and from 15 s on for bursts of noise. The result is the 0.6 quantile over blocks. Silence,
    a steady sound and modulations above half the frame rate yield 0.

    A clip of T s, shorter than a block, is one block. Steps narrower than 1 / T Hz have equal parts of the sum around
    them, and modulations slower than 0.5 / T Hz are lost.

    Of 3 s of a clip, one short block, 31 of 276 columns are lower by 0.3 to 0.6 standard deviations between clips than
    of 30 s, nearly all of modulations up to 2 Hz, of which 3 s have few periods.

    Steps, sums and the rectangular window are chosen here.

    Deviates from the paper in the number of values (`regenre.features.blocks`): bands are averaged before the
    transform.

    Parameters
    ----------
    n_bands : number of bands, each the average of 92 / n_bands semitones
    n_modulations : number of steps of the modulation axis
    slowest_hz, fastest_hz : lower and upper end of the modulation axis in Hz
    block_s, step_s : length of a block and seconds between blocks; a shorter clip is one block
    quantile : quantile over blocks
    """

    n_bands: BandCount
    n_modulations: Width
    slowest_hz: Positive
    fastest_hz: Positive
    block_s: Span
    step_s: Span
    quantile: Share

    def __post_init__(self) -> None:
        if not self.slowest_hz < self.fastest_hz:
            raise ValueError(
                f"fastest_hz: more than {self.slowest_hz:g} (slowest_hz) expected, {self.fastest_hz:g} found"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """`<band>_<upper end of the step in Hz>__<quantile>`, e.g. `07_4.00hz__q60`."""
        quantile, ends = name_quantile(self.quantile), self._edges_hz[1:]
        return tuple(f"{band:02d}_{end:.2f}hz__{quantile}" for band in range(self.n_bands) for end in ends)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the modulation in dB, float32, shape (n_bands n_modulations,)."""
        levels = average_rows(frames.compute_once(compute_levels), self.n_bands)
        blocks = cut_blocks(levels, frames.hop_s, self.block_s, self.step_s)
        spectra = np.fft.rfft(blocks - blocks.mean(axis=2, keepdims=True), axis=2)
        squares = 2 * np.square(np.abs(spectra) / blocks.shape[2])
        rms = np.sqrt(squares @ self._share_bins(blocks.shape[2] * frames.hop_s, spectra.shape[2]).T)
        centres_hz = np.sqrt(self._edges_hz[1:] * self._edges_hz[:-1])
        pattern = summarise(rms / (centres_hz / 4 + 4 / centres_hz), self.quantile)
        return pattern.ravel().astype(np.float32)

    @property
    def _edges_hz(self) -> np.ndarray:
        return np.geomspace(self.slowest_hz, self.fastest_hz, self.n_modulations + 1)

    def _share_bins(self, duration_s: float, n_bins: int) -> np.ndarray:
        """Return the share of each modulation bin that lies in each step, shape (n_modulations, n_bins)."""
        return compute_overlaps(self._edges_hz * duration_s, np.arange(n_bins + 1) - 0.5)
