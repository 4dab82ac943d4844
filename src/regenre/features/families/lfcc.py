"""Linear-frequency cepstral coefficients."""

import numpy as np

from regenre.common.kinds import Positive, PositiveOrZero, Width, strict_dataclass
from regenre.features import filterbanks
from regenre.features.cepstra import check_counts, compute_cepstra, convert_to_db, number_names
from regenre.features.frames import Frames


@strict_dataclass
class Lfcc:
    """DCT-II of the log power in linearly spaced triangular bands (Davis and Mermelstein 1980, section II-A).

    Like `Mfcc`, but the centres of the bands are equally spaced in Hz. Silence yields
    c[0] = -100 sqrt(n_bands) and zeros.

    Parameters
    ----------
    n_lfcc : number of coefficients, the 0th included
    n_bands : number of bands
    fmin_hz, fmax_hz : lowest and highest edge of the bank in Hz; fmax_hz None: `find_top_hz`
    """

    n_lfcc: Width
    n_bands: Width
    fmin_hz: PositiveOrZero
    fmax_hz: Positive | None

    def __post_init__(self) -> None:
        check_counts("n_lfcc", self.n_lfcc, "n_bands", self.n_bands)

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers of the coefficients: `00`, `01`, ..."""
        return number_names(self.n_lfcc)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the coefficients, float32, shape (n_lfcc, n_frames)."""
        bank = filterbanks.make_linear(frames.sr, frames.n_fft, self.n_bands, self.fmin_hz, self.fmax_hz)
        return compute_cepstra(convert_to_db(frames.sum_bands(bank)), self.n_lfcc)
