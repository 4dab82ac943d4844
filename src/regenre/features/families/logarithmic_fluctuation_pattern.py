"""Logarithmic fluctuation pattern."""

import numpy as np

from regenre.features.blocks import BandCount, average_bands, compute_levels, cut_blocks
from regenre.features.filterbanks import compute_overlaps
from regenre.features.frames import Frames
from regenre.kinds import Positive, Share, Span, Width, strict_dataclass


@strict_dataclass
class LogarithmicFluctuationPattern:
    n_bands: BandCount
    n_modulations: Width
    fmin_hz: Positive
    fmax_hz: Positive
    block_s: Span
    step_s: Span
    quantile: Share

    @property
    def names(self) -> tuple[str, ...]:
        edges = self.edges_hz[1:]
        return tuple(f"{b:02d}_{edge:.2f}hz__q{100 * self.quantile:.0f}" for b in range(self.n_bands) for edge in edges)

    @property
    def edges_hz(self) -> np.ndarray:
        return np.geomspace(self.fmin_hz, self.fmax_hz, self.n_modulations + 1)

    def __call__(self, frames: Frames) -> np.ndarray:
        levels = average_bands(frames.compute_once(compute_levels), self.n_bands)
        n = max(2, round(self.block_s / frames.hop_s))
        blocks = cut_blocks(levels, n, round(self.step_s / frames.hop_s))
        window = np.hanning(blocks.shape[2] + 2)[1:-1]
        blocks = (blocks - blocks.mean(axis=2, keepdims=True)) * window
        amplitude = np.abs(np.fft.rfft(blocks, n, axis=2)) * 2 / window.sum()
        f = np.fft.rfftfreq(n, frames.hop_s)
        overlaps = compute_overlaps(self.edges_hz, (np.arange(len(f) + 1) - 0.5) * f[1]) / np.diff(self.edges_hz)[:, None]
        weights = overlaps / (f / 4 + 4 / np.maximum(f, 1e-9))
        return np.quantile(amplitude @ weights.T, self.quantile, axis=1).ravel().astype(np.float32)
