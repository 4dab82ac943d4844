"""Deformations of when samples are taken: start, speed, sampling rate. Filters are soxr's."""

from typing import Literal

import numpy as np
import soxr

from regenre.common.kinds import Finite, Positive, Rate, strict_dataclass
from regenre.deformation.deformation import Deformation


@strict_dataclass
class Shift(Deformation):
    """The first `length_s` is cut off, at most half of the clip."""

    length_s: Positive

    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples, see `Deformation`."""
        return y[min(round(self.length_s * sr), len(y) // 2) :]


@strict_dataclass
class Speed(Deformation):
    """A turntable that runs faster by `percent`: f Hz become f (1 + percent / 100) Hz, and the clip gets shorter."""

    percent: Finite

    def __post_init__(self) -> None:
        if not -50 <= self.percent <= 100:
            raise ValueError(f"percent: -50 to 100 expected, {self.percent} found")

    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples, see `Deformation`."""
        return _resample(y, sr * (1 + self.percent / 100), sr)


@strict_dataclass
class Resampling(Deformation):
    """To another sampling rate and back, by one of soxr's filters; QQ is cubic interpolation."""

    rate_hz: Rate
    quality: Literal["QQ", "LQ", "MQ", "HQ", "VHQ"]

    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples, see `Deformation`."""
        there = _resample(y, sr, self.rate_hz, self.quality)
        return fit_length(_resample(there, self.rate_hz, sr, self.quality), len(y))


def fit_length(y: np.ndarray, n: int) -> np.ndarray:
    """Cut samples to n, or add zeros after them."""
    return np.pad(y[:n], [(0, max(0, n - len(y))), *[(0, 0)] * (y.ndim - 1)])


def _resample(y: np.ndarray, source_sr: float, sr: float, quality: str = "HQ") -> np.ndarray:
    """Return samples at another rate, at least one."""
    resampled: np.ndarray = soxr.resample(y, source_sr, sr, quality)
    return resampled if len(resampled) else y[:1]
