"""Chroma: the power in each pitch class."""

from functools import lru_cache

import librosa
import numpy as np

from regenre.common.kinds import strict_dataclass
from regenre.features import filterbanks
from regenre.features.frames import Frames

_PITCH_CLASSES = ("C", "Cs", "D", "Ds", "E", "F", "Fs", "G", "Gs", "A", "As", "B")


@strict_dataclass
class Chroma:
    """Power folded into twelve pitch classes, each frame divided by its maximum (Fujishima 1999, eq. 1 to 3).

    The bank is Ellis's (2007), as in librosa: a Gaussian one semitone wide around each pitch class. The octaves
    around the fifth have the largest weights. The bank is tuned to the clip (`Frames.tuning`). Silence yields 0.

    Low semitones are narrower than the bins: with the usual transform, a sine at 65 Hz appears 0.2 semitones too high,
    one at 80 Hz 0.1, and below 65 Hz the class is uncertain. These bins stay, since clips without them are further from
    the chroma of a window eight times as long.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Pitch classes: `C`, `Cs`, ..., `B`; s is sharp."""
        return _PITCH_CLASSES

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the power relative to the strongest pitch class, 0 to 1, float32, shape (12, n_frames)."""
        power = compute_pitch_classes(frames)
        shares: np.ndarray = power / np.maximum(power.max(axis=0), np.finfo(np.float32).tiny)
        return shares


def compute_pitch_classes(frames: Frames) -> np.ndarray:
    """Compute the power in each pitch class, tuned to the clip, float32, shape (12, n_frames)."""
    return frames.sum_bands(_make_bank(frames.sr, frames.n_fft, frames.tuning))


@lru_cache(maxsize=128)
def _make_bank(sr: int, n_fft: int, tuning: float) -> np.ndarray:
    bank = librosa.filters.chroma(sr=sr, n_fft=n_fft, tuning=tuning)[:, : len(filterbanks.list_bins_hz(sr, n_fft))]
    return filterbanks.freeze(bank)
