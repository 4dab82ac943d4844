"""Mel-frequency cepstral coefficients."""

from dataclasses import dataclass
from functools import lru_cache

import librosa
import numpy as np
import scipy.fft

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
    """

    n_mfcc: int = 20
    n_mels: int = 128
    fmin_hz: float = 0.0
    fmax_hz: float | None = None
    top_db: float = 80.0

    @property
    def names(self) -> tuple[str, ...]:
        """`00`, `01`, ...: the coefficient's number."""
        return tuple(f"{n:02d}" for n in range(self.n_mfcc))

    def __call__(self, frames: Frames) -> np.ndarray:
        """Coefficients, float32, shape (n_mfcc, n_frames)."""
        bank = _mel_bank(frames.sr, frames.n_fft, self.n_mels, self.fmin_hz, self.fmax_hz)
        decibels = 10 * np.log10(np.maximum(bank @ frames.power, np.float32(1e-10)))
        np.maximum(decibels, decibels.max() - np.float32(self.top_db), out=decibels)
        return scipy.fft.dct(decibels, axis=0, type=2, norm="ortho")[: self.n_mfcc]


@lru_cache(maxsize=8)
def _mel_bank(sr: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None) -> np.ndarray:
    """Triangular filters, float32, shape (n_mels, n_bins)."""
    return librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
