"""Rooms: a clip played in one and recorded there."""

import numpy as np
import scipy.signal

from regenre.common.kinds import Finite, Span, strict_dataclass
from regenre.deformation.deformation import Deformation


@strict_dataclass
class Room(Deformation):
    """The direct sound, and a reverberation after it, whose end beyond the clip is cut off.

    The impulse response of the reverberation is white noise that decays by 60 dB within `reverberation_s` (Moorer 1979,
    "About this reverberation business": concert halls respond so). All channels have the same.

    Parameters
    ----------
    below_db : how far the energy of the reverberation is below that of the direct sound
    """

    reverberation_s: Span
    below_db: Finite

    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples, see `Deformation`."""
        response = self.make_response(sr, rng).reshape(-1, *[1] * (y.ndim - 1))
        return np.asarray(scipy.signal.oaconvolve(y, response, axes=0)[: len(y)])

    def make_response(self, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Return the impulse response, float32, shape (n,), 1 at sample 0."""
        n = max(2, round(self.reverberation_s * sr))
        tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
        tail[0] = 0
        tail *= 10 ** (-self.below_db / 20) / np.sqrt(np.sum(np.square(tail)))
        tail[0] = 1
        return tail.astype(np.float32)
