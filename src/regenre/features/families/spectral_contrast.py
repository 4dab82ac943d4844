"""Octave-band spectral contrast."""

from itertools import pairwise

import numpy as np

from regenre.common.errors import UserError
from regenre.common.kinds import Positive, Share, Width, strict_dataclass
from regenre.features.cepstra import convert_to_db, number_names
from regenre.features.frames import Frames


@strict_dataclass
class SpectralContrast:
    """Peaks against valleys in octave bands (Jiang, Lu, Zhang, Tao and Cai 2002, eq. 1 to 3).

    Peak and valley are the mean power of the strongest and of the weakest bins of a band, in dB. Each mean
    covers the share `alpha` of the bins, at least one bin. contrast = peak - valley. The bands are
    [0, fmin), [fmin, 2 fmin), ...; the last one ends with the last bin. Silence and bands above that yield contrast 0
    and valley -100 dB.

    Parameters
    ----------
    n_bands : number of bands above fmin_hz; the band below it is added, so there are n_bands + 1
    fmin_hz : lower edge of the first octave; a bin in each octave is expected
    alpha : share of the bins in a peak and in a valley, 0 to 1
    """

    n_bands: Width
    fmin_hz: Positive
    alpha: Share

    @property
    def names(self) -> tuple[str, ...]:
        """`contrast_00`, ..., `valley_00`, ...; bands are numbered from low to high."""
        bands = number_names(self.n_bands + 1)
        return tuple(f"{measure}_{band}" for measure in ("contrast", "valley") for band in bands)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute contrasts and valleys in dB, float32, shape (2 (n_bands + 1), n_frames)."""
        peak, valley = np.zeros((2, self.n_bands + 1, frames.n_frames), np.float32)
        edges_hz = [0.0, *(self.fmin_hz * 2**octave for octave in range(self.n_bands)), np.inf]
        edges = np.searchsorted(frames.frequencies_hz, edges_hz)
        if (np.diff(edges) == 0)[edges[:-1] < edges[-1]].any():
            raise UserError(f"fmin_hz: octaves with a bin expected, none in one above {self.fmin_hz:g} Hz found")
        for band, (low, high) in enumerate(pairwise(edges)):
            if low < high:
                n = max(1, round(self.alpha * (high - low)))
                bins = np.sort(frames.power[low:high], axis=0)
                valley[band], peak[band] = bins[:n].mean(axis=0), bins[-n:].mean(axis=0)
        valley_db = convert_to_db(valley)
        return np.concatenate([convert_to_db(peak) - valley_db, valley_db])
