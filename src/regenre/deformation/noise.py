"""Sounds that are added: hiss, and people who talk nearby.

The noise is the same in all channels. Its RMS over the clip is `below_db` under that of the clip, so silence stays.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
import scipy.fft
import soxr

from regenre.common.kinds import Finite, strict_dataclass
from regenre.deformation.deformation import Deformation
from regenre.synthesis import voices
from regenre.synthesis.music import SR

_N_SPEAKERS = 6
_BABBLE_S = 8.0  # of each speaker's speech, which is repeated


@strict_dataclass
class Noise(Deformation):
    """Added noise.

    Parameters
    ----------
    color : white (equal power at all frequencies), pink (3 dB less per octave, from 20 Hz on) or babble (six synthetic
        voices at once, which begin anywhere)
    below_db : how far the noise is below the clip
    """

    color: Literal["white", "pink", "babble"]
    below_db: Finite

    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples, see `Deformation`."""
        noise = _MAKERS[self.color](len(y), sr, rng)
        level = np.sqrt(np.mean(np.square(y, dtype=np.float64)) / max(np.mean(np.square(noise)), 1e-20))
        scale = level * 10 ** (-self.below_db / 20)
        return np.asarray(y + (scale * noise).astype(np.float32).reshape(-1, *[1] * (y.ndim - 1)))


def _make_white(n: int, sr: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(n)


def _make_pink(n: int, sr: int, rng: np.random.Generator) -> np.ndarray:
    length = scipy.fft.next_fast_len(n, real=True)
    spectrum = scipy.fft.rfft(rng.standard_normal(length))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(length, 1 / sr), 20.0))
    return np.asarray(scipy.fft.irfft(spectrum, length)[:n])


def _make_babble(n: int, sr: int, rng: np.random.Generator) -> np.ndarray:
    speech = _render_speakers(sr)
    return np.asarray(sum(np.resize(np.roll(voice, -rng.integers(len(voice))), n) for voice in speech))


@lru_cache(maxsize=4)
def _render_speakers(sr: int) -> list[np.ndarray]:
    """Return speech of speakers who are always the same, equally loud."""
    speech = []
    for number in range(_N_SPEAKERS):
        rng = np.random.default_rng(number)
        voice = soxr.resample(voices.render_speech(voices.draw_speaker(rng), _BABBLE_S, rng), SR, sr)
        speech.append(voice / np.sqrt(np.mean(np.square(voice))))
    return speech


_MAKERS = {"white": _make_white, "pink": _make_pink, "babble": _make_babble}
