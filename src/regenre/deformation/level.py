"""Deformations of each sample by itself: volume, clipping, fades, channels."""

import numpy as np

from regenre.common.kinds import Finite, Positive, Share, strict_dataclass
from regenre.deformation.deformation import Deformation


@strict_dataclass
class Gain(Deformation):
    """Another volume: y 10^(gain_db / 20). Samples above full scale stay."""

    gain_db: Finite

    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples, see `Deformation`."""
        return y * np.float32(10 ** (self.gain_db / 20))


@strict_dataclass
class Clipping(Deformation):
    """A converter that is driven too hard: this share of the samples, the loudest, is cut to the level of the rest."""

    share: Share

    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples, see `Deformation`."""
        limit = np.quantile(np.abs(y), 1 - self.share).astype(np.float32)
        return np.asarray(np.clip(y, -limit, limit))


@strict_dataclass
class Fade(Deformation):
    """The start is faded in and the end out, in a straight line over `length_s`, at most half of the clip each."""

    length_s: Positive

    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples, see `Deformation`."""
        n = min(round(self.length_s * sr), len(y) // 2)
        ramp = (np.arange(n, dtype=np.float32) / max(n, 1)).reshape(-1, *[1] * (y.ndim - 1))
        faded = y.copy()
        faded[:n] *= ramp
        faded[len(y) - n :] *= ramp[::-1]
        return faded


@strict_dataclass
class OneChannel(Deformation):
    """The first channel alone; a mono clip stays as it is."""

    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples, see `Deformation`."""
        return y[:, :1] if y.ndim == 2 else y
