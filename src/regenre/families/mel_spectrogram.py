"""Log-mel bands."""

from dataclasses import dataclass

import numpy as np

from regenre import filterbanks
from regenre.cepstra import decibels, numbered
from regenre.frames import Frames


@dataclass(frozen=True)
class MelSpectrogram:
    """Power in mel bands in dB: what `Mfcc` takes the DCT of (Slaney 1998). Silence yields -100 dB.

    Parameters
    ----------
    n_mels : number of bands
    fmin_hz, fmax_hz : edges of the bank in Hz; fmax_hz None means sr / 2
    """

    n_mels: int = 40
    fmin_hz: float = 0.0
    fmax_hz: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """`00`, `01`, ...: the band's number, from low to high."""
        return numbered(self.n_mels)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Levels in dB, float32, shape (n_mels, n_frames)."""
        bank = filterbanks.mel(frames.sr, frames.n_fft, self.n_mels, self.fmin_hz, self.fmax_hz)
        return decibels(frames.bands(bank))
