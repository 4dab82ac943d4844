"""Statistical spectrum descriptors: the distribution of loudness in each critical band."""

import numpy as np

from regenre.common.kinds import Span, strict_dataclass
from regenre.features.frames import Frames
from regenre.features.loudness import N_BANDS, compute_sonogram, cut_segments

_STATISTICS = ("mean", "median", "variance", "skewness", "kurtosis", "min", "max")


@strict_dataclass
class SpectrumDescriptors:
    """Seven statistics of each band's loudness over texture windows (Lidy and Rauber 2005, section 2.2).

    The loudness of each band (`compute_sonogram`, in sone) is cut into segments of `segment_s` that overlap by
    half. Each segment yields mean, median, variance, skewness, kurtosis (3 for a normal distribution), minimum and
    maximum; the result is the median of each over segments. Constant loudness has skewness and kurtosis 0.
    Silence yields 0.

    Loudness within 3 s has fewer outliers than within 6 s, so a clip shorter than a segment has lower moments: of 3 s
    of a clip, 16 of 168 columns, skewness, kurtosis and one maximum, are lower by 0.3 to 0.9 standard deviations
    between clips than of 30 s.

    Parameters
    ----------
    segment_s : length of a segment in seconds; a shorter clip is one segment
    """

    segment_s: Span

    @property
    def names(self) -> tuple[str, ...]:
        """`<band>__<statistic>`, e.g. `07__skewness`."""
        return tuple(f"{band:02d}__{statistic}" for statistic in _STATISTICS for band in range(N_BANDS))

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the statistics, float32, shape (168,)."""
        n = max(1, round(self.segment_s / frames.hop_s))
        segments = cut_segments(frames.compute_once(compute_sonogram), n).astype(np.float64)
        mean = segments.mean(axis=2)
        deviation = segments - mean[..., None]
        variance = np.square(deviation).mean(axis=2)
        constant = variance <= np.square(1e-6 * mean)  # the rest is rounding of float32
        std = np.where(constant, np.inf, np.sqrt(variance))
        skewness = (deviation**2 * deviation).mean(axis=2) / std**3
        kurtosis = np.square(deviation**2).mean(axis=2) / std**4
        median, low, high = np.median(segments, axis=2), segments.min(axis=2), segments.max(axis=2)
        statistics = np.stack([mean, median, variance, skewness, kurtosis, low, high])
        medians: np.ndarray = np.median(statistics, axis=2).ravel().astype(np.float32)
        return medians
