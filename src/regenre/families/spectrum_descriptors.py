"""Statistical spectrum descriptors: how loudness is distributed in each critical band."""

from dataclasses import dataclass

import numpy as np

from regenre.frames import Frames
from regenre.sonogram import N_BANDS, segments, sonogram

_STATISTICS = ("mean", "median", "variance", "skewness", "kurtosis", "min", "max")


@dataclass(frozen=True)
class SpectrumDescriptors:
    """Seven statistics of each band's loudness over texture windows (Lidy and Rauber 2005, section 2.2).

    Mean, median, variance, skewness, kurtosis (3 for a normal distribution), minimum and maximum of the
    loudness (`sonogram`, in sone) in segments of `segment_s` that overlap by half; the median of each over the
    segments. A band of steady loudness has skewness and kurtosis 0; silence yields 0.

    Parameters
    ----------
    segment_s : length of a segment in seconds; a shorter clip is one segment
    """

    segment_s: float = 6.0

    @property
    def names(self) -> tuple[str, ...]:
        """`<band>__<statistic>`, e.g. `07__skewness`."""
        return tuple(f"{band:02d}__{statistic}" for statistic in _STATISTICS for band in range(N_BANDS))

    def __call__(self, frames: Frames) -> np.ndarray:
        """Statistics, float32, shape (168,)."""
        pieces = segments(sonogram(frames), max(1, round(self.segment_s / frames.hop_s))).astype(np.float64)
        mean = pieces.mean(axis=2)
        apart = pieces - mean[..., None]
        variance = np.square(apart).mean(axis=2)
        steady = variance <= np.square(1e-6 * mean)  # what float32 leaves of a constant
        unit = np.where(steady, np.inf, np.sqrt(variance))
        skewness = (apart**2 * apart).mean(axis=2) / unit**3
        kurtosis = np.square(apart**2).mean(axis=2) / unit**4
        found = [mean, np.median(pieces, axis=2), variance, skewness, kurtosis, pieces.min(axis=2), pieces.max(axis=2)]
        return np.median(np.stack(found), axis=2).ravel().astype(np.float32)
