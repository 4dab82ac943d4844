"""Fluctuation patterns: how fast the loudness of each critical band comes and goes."""

from dataclasses import dataclass

import numpy as np

from regenre.frames import Frames
from regenre.sonogram import N_BANDS, segments, sonogram


@dataclass(frozen=True)
class Fluctuation:
    """Modulation spectra of band loudness (Pampalk, Rauber and Merkl 2002; rhythm patterns of Lidy and Rauber 2005).

    Each band's loudness (`sonogram`), cut into segments of `segment_s` that overlap by half, is freed of its
    mean, windowed (Hann) and transformed; amplitudes, in sone, are weighed by the sensation of fluctuation,
    1 / (f / 4 + 4 / f) (Fastl 1982), which peaks at 4 Hz, averaged into `n_modulations` equal steps up to
    `fmax_hz`, and the median is taken over the segments. Modulations above half the frame rate are 0.
    Silence yields 0.

    Deviates from Pampalk et al. in that the pattern is not blurred afterwards, and in the averaging, which
    leaves 24 x 20 columns of their 24 x 60.

    Parameters
    ----------
    n_modulations : steps of the modulation axis
    fmax_hz : its upper end
    segment_s : length of a segment in seconds; a shorter clip is one segment
    """

    n_modulations: int = 20
    fmax_hz: float = 10.0
    segment_s: float = 6.0

    @property
    def names(self) -> tuple[str, ...]:
        """`<band>_<upper end of the step in Hz>__median`, e.g. `07_4.5hz__median`."""
        steps = self.fmax_hz * np.arange(1, self.n_modulations + 1) / self.n_modulations
        return tuple(f"{band:02d}_{step:.1f}hz__median" for band in range(N_BANDS) for step in steps)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Modulation amplitudes, float32, shape (24 n_modulations,)."""
        n = max(2, round(self.segment_s / frames.hop_s))
        pieces = segments(sonogram(frames), n)
        window = np.hanning(pieces.shape[2] + 2)[1:-1]
        pieces = (pieces - pieces.mean(axis=2, keepdims=True)) * window
        amplitude = np.abs(np.fft.rfft(pieces, n, axis=2)) * 2 / window.sum()
        return np.median(amplitude @ self._steps(n, frames.hop_s), axis=1).ravel().astype(np.float32)

    def _steps(self, n: int, hop_s: float) -> np.ndarray:
        """Weights from modulation bins to steps, shape (n // 2 + 1, n_modulations)."""
        f = np.fft.rfftfreq(n, hop_s)
        width = self.fmax_hz / self.n_modulations
        inside = np.ceil(f / width)[:, None] == np.arange(1, self.n_modulations + 1)
        sensation = 1 / (f / 4 + 4 / np.maximum(f, 1e-9))
        return inside / np.maximum(inside.sum(axis=0), 1) * sensation[:, None]
