"""Mel-frequency cepstral coefficients."""

from dataclasses import dataclass

import numpy as np
import scipy.signal

from regenre import filterbanks
from regenre.cepstra import cepstra, decibels, numbered
from regenre.frames import Frames


@dataclass(frozen=True)
class Mfcc:
    """The DCT-II of the log power in mel bands (Davis and Mermelstein 1980, eq. 1).

        S_db[b] = 10 log10 max(1e-10, sum_k W[b, k] |X[k]|^2),  floored at top_db below the clip's maximum
        c[n]    = sum_b S_db[b] cos(pi n (b + 1/2) / n_mels), orthonormal

    with W the triangular mel bank of Slaney's Auditory Toolbox (1998), each triangle of unit area.
    Silence yields c[0] = -100 sqrt(n_mels) and zeros.

    Deviates from Davis and Mermelstein in librosa's way: DCT from n = 0, decibels, Slaney's mel scale,
    so that the numbers equal `librosa.feature.mfcc` with the same settings.

    Parameters
    ----------
    n_mfcc : number of coefficients, the 0th included
    n_mels : number of mel bands
    fmin_hz, fmax_hz : edges of the bank in Hz; fmax_hz None means sr / 2
    top_db : dynamic range that is kept below the clip's loudest band, in dB
    delta_width : 0, or the odd number of frames over which each coefficient's slope is taken (a line
        fitted to them, Furui 1986), appended as `d00`, `d01`, ...; a clip of fewer frames has slope 0
    """

    n_mfcc: int = 20
    n_mels: int = 128
    fmin_hz: float = 0.0
    fmax_hz: float | None = None
    top_db: float = 80.0
    delta_width: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """`00`, `01`, ...: the coefficient's number."""
        numbers = numbered(self.n_mfcc)
        return numbers + tuple(f"d{number}" for number in numbers if self.delta_width)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Coefficients, float32, shape (n_mfcc or twice that, n_frames)."""
        bank = filterbanks.mel(frames.sr, frames.n_fft, self.n_mels, self.fmin_hz, self.fmax_hz)
        values = cepstra(decibels(frames.bands(bank), self.top_db), self.n_mfcc)
        return np.concatenate([values, self._slopes(values)]) if self.delta_width else values

    def _slopes(self, values: np.ndarray) -> np.ndarray:
        if values.shape[1] < self.delta_width:
            return np.zeros_like(values)
        return scipy.signal.savgol_filter(values, self.delta_width, polyorder=1, deriv=1, axis=1, mode="interp")
