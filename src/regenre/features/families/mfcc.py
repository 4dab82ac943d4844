"""Mel-frequency cepstral coefficients."""

import numpy as np
import scipy.signal

from regenre.common.kinds import Positive, PositiveOrZero, Width, WidthOrZero, strict_dataclass
from regenre.features import filterbanks
from regenre.features.cepstra import check_counts, compute_cepstra, convert_to_db, number_names
from regenre.features.frames import Frames


@strict_dataclass
class Mfcc:
    """DCT-II of the log power in mel bands (Davis and Mermelstein 1980, eq. 1).

        S_db[b] = 10 log10 max(1e-10, sum_k W[b, k] |X[k]|^2),  floored at top_db below the clip's maximum
        c[n]    = sum_b S_db[b] cos(pi n (b + 1/2) / n_mels), orthonormal

    W is the triangular mel bank of Slaney's Auditory Toolbox (1998), each triangle of unit area.
    Silence yields c[0] = -100 sqrt(n_mels) and zeros.

    Deviates from Davis and Mermelstein as librosa does: the DCT starts at n = 0, levels are in dB, and the mel
    scale is Slaney's. The values equal those of `librosa.feature.mfcc` with the same settings.

    Parameters
    ----------
    n_mfcc : number of coefficients, the 0th included
    n_mels : number of mel bands
    fmin_hz, fmax_hz : lowest and highest edge of the bank in Hz; fmax_hz None: `find_top_hz`
    top_db : dynamic range below the clip's loudest band, in dB; lower levels are raised to it
    delta_width : odd number of frames for the slope of each coefficient, or 0 for no slopes. The slope is that
        of a line fitted to the frames (Furui 1986); it is appended as `d00`, `d01`, ... A clip with fewer
        frames has slope 0.
    """

    n_mfcc: Width
    n_mels: Width
    fmin_hz: PositiveOrZero
    fmax_hz: Positive | None
    top_db: Positive
    delta_width: WidthOrZero

    def __post_init__(self) -> None:
        check_counts("n_mfcc", self.n_mfcc, "n_mels", self.n_mels)
        if self.delta_width and (self.delta_width < 3 or self.delta_width % 2 == 0):
            raise ValueError(f"delta_width: 0 or an odd number from 3 on expected, {self.delta_width} found")

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers of the coefficients: `00`, `01`, ..., then `d00`, `d01`, ... for slopes."""
        numbers = number_names(self.n_mfcc)
        return numbers + tuple(f"d{number}" for number in numbers if self.delta_width)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the coefficients, float32, shape (n_mfcc, n_frames); (2 n_mfcc, n_frames) with slopes."""
        bank = filterbanks.make_mel(frames.sr, frames.n_fft, self.n_mels, self.fmin_hz, self.fmax_hz)
        values = compute_cepstra(convert_to_db(frames.sum_bands(bank), self.top_db), self.n_mfcc)
        return np.concatenate([values, self._compute_slopes(values)]) if self.delta_width else values

    def _compute_slopes(self, values: np.ndarray) -> np.ndarray:
        if values.shape[1] < self.delta_width:
            return np.zeros_like(values)
        return scipy.signal.savgol_filter(values, self.delta_width, polyorder=1, deriv=1, axis=1, mode="interp")
