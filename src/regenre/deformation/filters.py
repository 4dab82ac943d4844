"""Deformations by a gain at each frequency: tone controls, equalisers, narrow channels.

The gain multiplies the spectrum of the whole clip. It is real, so no frequency is delayed.
"""

from collections.abc import Callable

import numpy as np
import scipy.fft

from regenre.common.kinds import Count, Finite, Positive, PositiveOrZero, strict_dataclass
from regenre.deformation.deformation import Deformation

_TILT_HZ = (100.0, 10_000.0)
_BANDS_HZ = 1000.0 * 2.0 ** np.arange(-5, 5)  # ISO 266: the octaves of a graphic equaliser, 31 Hz to 16 kHz
_MARGIN_S = 0.1  # silence after the clip: a filter rings into it instead of into the start


@strict_dataclass
class Tilt(Deformation):
    """A tone control: 0 dB up to 100 Hz, `gain_db` from 10 kHz on, a straight line over log f between them."""

    gain_db: Finite

    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples, see `Deformation`."""
        return _filter(y, sr, lambda f: _interpolate(f, np.array(_TILT_HZ), np.array([0.0, self.gain_db])))


@strict_dataclass
class Equalizer(Deformation):
    """A graphic equaliser whose ten octave bands are set at random, each from -range_db to range_db.

    Sturm (2014) draws the gains of a bank of filters too. Between the centres of the bands the gain in dB is a straight
    line over log f.
    """

    range_db: Positive

    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples, see `Deformation`."""
        gains_db = rng.uniform(-self.range_db, self.range_db, len(_BANDS_HZ))
        return _filter(y, sr, lambda f: _interpolate(f, _BANDS_HZ, gains_db))


@strict_dataclass
class Band(Deformation):
    """What is left between `low_hz` and `high_hz`, -3 dB at either (the gain of Butterworth 1930).

    Parameters
    ----------
    low_hz : 0 for none
    order : 6 dB per octave each
    """

    low_hz: PositiveOrZero
    high_hz: Positive
    order: Count

    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples, see `Deformation`."""
        return _filter(y, sr, lambda f: self._pass(f / self.high_hz) * self._pass(self.low_hz / np.maximum(f, 1e-3)))

    def _pass(self, ratio: np.ndarray) -> np.ndarray:
        power = np.minimum(ratio, 1e3) ** (2 * self.order)
        return np.asarray(1 / np.sqrt(1 + power))


def _interpolate(f: np.ndarray, hz: np.ndarray, gains_db: np.ndarray) -> np.ndarray:
    """Return the gains at frequencies; a straight line in dB over log f, constant outside of the given ones."""
    return np.asarray(10 ** (np.interp(np.log(np.maximum(f, 1e-3)), np.log(hz), gains_db) / 20))


def _filter(y: np.ndarray, sr: int, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Multiply the spectrum of samples by the gain at each frequency in Hz."""
    n = scipy.fft.next_fast_len(len(y) + round(_MARGIN_S * sr), real=True)
    gains = gain(np.fft.rfftfreq(n, 1 / sr)).astype(np.float32)
    spectrum = scipy.fft.rfft(y, n, axis=0) * gains.reshape(-1, *[1] * (y.ndim - 1))
    return np.asarray(scipy.fft.irfft(spectrum, n, axis=0)[: len(y)])
