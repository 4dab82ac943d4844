"""The spectrum in third-octave bands."""

import numpy as np

from regenre.common.kinds import Positive, Width, strict_dataclass
from regenre.features import filterbanks
from regenre.features.cepstra import convert_to_db, number_names
from regenre.features.frames import Frames


@strict_dataclass
class Spectrum:
    """Mean power of the bins in third-octave bands, in dB (bands of IEC 61260-1).

    The number of bands is fixed, so that the columns do not depend on the sampling rate. The band that holds the last
    bin ends there. A band above it has no power, and bands above the n_bands are left out. Silence yields -100 dB.

    Parameters
    ----------
    n_bands : number of bands; 25 from 40 Hz reach 10 kHz
    fmin_hz : a frequency in the lowest band, in Hz, such as its nominal centre
    """

    n_bands: Width
    fmin_hz: Positive

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers of the bands, from low to high: `00`, `01`, ..."""
        return number_names(self.n_bands)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the levels in dB, float32, shape (n_bands, n_frames)."""
        bank = filterbanks.make_third_octave(frames.sr, frames.n_fft, self.fmin_hz)
        levels = convert_to_db(frames.sum_bands(bank))[: self.n_bands]
        missing = np.full((self.n_bands - len(levels), frames.n_frames), -100, np.float32)
        return np.concatenate([levels, missing])
