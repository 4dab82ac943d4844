"""Chroma: the power in each pitch class."""

from dataclasses import dataclass
from functools import lru_cache

import librosa
import numpy as np

from regenre import filterbanks
from regenre.frames import Frames

_CLASSES = ("C", "Cs", "D", "Ds", "E", "F", "Fs", "G", "Gs", "A", "As", "B")


@dataclass(frozen=True)
class Chroma:
    """Power folded into twelve pitch classes, each frame divided by its maximum (Fujishima 1999, eq. 1 to 3).

    The bank is Ellis's (2007), as librosa makes it: a Gaussian a semitone wide around each pitch class, octaves
    around the fifth weighing most. It is tuned to the clip (`Frames.tuning`). Silence yields 0.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """`C`, `Cs`, ..., `B`; s is sharp."""
        return _CLASSES

    def __call__(self, frames: Frames) -> np.ndarray:
        """Shares of the strongest pitch class, 0 to 1, float32, shape (12, n_frames)."""
        power = pitch_classes(frames)
        return power / np.maximum(power.max(axis=0), np.finfo(np.float32).tiny)


def pitch_classes(frames: Frames) -> np.ndarray:
    """Power in each pitch class, tuned to the clip, float32, shape (12, n_frames)."""
    return frames.bands(_bank(frames.sr, frames.n_fft, frames.tuning))


@lru_cache(maxsize=128)
def _bank(sr: int, n_fft: int, tuning: float) -> np.ndarray:
    return filterbanks.shared(librosa.filters.chroma(sr=sr, n_fft=n_fft, tuning=tuning))
