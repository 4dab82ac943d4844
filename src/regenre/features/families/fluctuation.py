"""Fluctuation patterns: how fast the loudness of each critical band changes."""

import numpy as np

from regenre.common.kinds import Positive, Span, Width, strict_dataclass
from regenre.features.frames import Frames
from regenre.features.loudness import N_BANDS, compute_sonogram, cut_segments


@strict_dataclass
class Fluctuation:
    """Modulation spectra of band loudness (Pampalk, Rauber and Merkl 2002; rhythm patterns of Lidy and Rauber 2005).

    The loudness of each band (`compute_sonogram`) is cut into segments of `segment_s` that overlap by half. The
    mean of each segment is subtracted, then a Hann window and a Fourier transform give amplitudes in sone.
    These are weighted by fluctuation strength, 1 / (f / 4 + 4 / f) (Fastl 1982), which peaks at 4 Hz, and
    averaged in `n_modulations` equal steps up to `fmax_hz`. The result is the mean over segments. Modulations above
    half the frame rate are 0. Silence yields 0, and so does a clip shorter than a segment: the amplitudes of noise
    grow as segments get shorter.

    A clip of 3 s is one segment, and seldom the loud one that raises the mean of many: with 3 s, 53 of 480 columns
    are 0.3 to 0.6 standard deviations between clips lower than with 30 s, and one is higher.

    Deviates from Pampalk et al. in four ways: segments are 3 s long instead of 6 s, so that a piece of 3 s has its
    pattern. Their mean replaces the median, which depends on how many there are. The pattern is not blurred, and
    averaging reduces 24 x 60 values to 24 x `n_modulations`.

    Parameters
    ----------
    n_modulations : number of steps of the modulation axis
    fmax_hz : upper end of the modulation axis in Hz
    segment_s : length of a segment in seconds
    """

    n_modulations: Width
    fmax_hz: Positive
    segment_s: Span

    def __post_init__(self) -> None:
        most = int(self.fmax_hz * self.segment_s + 1e-9)  # steps as wide as a bin of the transform
        if self.n_modulations > most:
            raise ValueError(f"n_modulations: at most {most} expected, {self.n_modulations} found: fmax_hz * segment_s")

    @property
    def names(self) -> tuple[str, ...]:
        """`<band>_<upper end of the step in Hz>__mean`, e.g. `07_4.5hz__mean`."""
        steps = self.fmax_hz * np.arange(1, self.n_modulations + 1) / self.n_modulations
        return tuple(f"{band:02d}_{step:.1f}hz__mean" for band in range(N_BANDS) for step in steps)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the modulation amplitudes, float32, shape (24 n_modulations,)."""
        n = max(2, round(self.segment_s / frames.hop_s))
        if frames.n_frames < n:
            return np.zeros(len(self.names), np.float32)
        segments = cut_segments(frames.compute_once(compute_sonogram), n)
        window = np.hanning(n + 2)[1:-1]
        amplitude = np.abs(np.fft.rfft((segments - segments.mean(axis=2, keepdims=True)) * window)) * 2 / window.sum()
        pattern: np.ndarray = (amplitude @ self._make_step_weights(n, frames.hop_s)).mean(axis=1).astype(np.float32)
        return pattern.ravel()

    def _make_step_weights(self, n: int, hop_s: float) -> np.ndarray:
        """Return the weights from modulation bins to steps, shape (n // 2 + 1, n_modulations)."""
        f = np.fft.rfftfreq(n, hop_s)
        width = self.fmax_hz / self.n_modulations
        inside = np.ceil(f / width)[:, None] == np.arange(1, self.n_modulations + 1)
        strength = 1 / (f / 4 + 4 / np.maximum(f, 1e-9))
        step_weights: np.ndarray = inside / np.maximum(inside.sum(axis=0), 1) * strength[:, None]
        return step_weights
