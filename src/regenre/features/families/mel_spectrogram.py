"""Log-mel bands."""

import numpy as np

from regenre.common.kinds import Positive, PositiveOrZero, Width, strict_dataclass
from regenre.features import filterbanks
from regenre.features.cepstra import convert_to_db, number_names
from regenre.features.frames import Frames


@strict_dataclass
class MelSpectrogram:
    """Power in mel bands in dB (Slaney 1998), the input to the DCT of `Mfcc`. Silence yields -100 dB.

    Parameters
    ----------
    n_mels : number of bands
    fmin_hz, fmax_hz : lowest and highest edge of the bank in Hz; fmax_hz None: `find_top_hz`
    """

    n_mels: Width
    fmin_hz: PositiveOrZero
    fmax_hz: Positive | None

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers of the bands, from low to high: `00`, `01`, ..."""
        return number_names(self.n_mels)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the levels in dB, float32, shape (n_mels, n_frames)."""
        bank = filterbanks.make_mel(frames.sr, frames.n_fft, self.n_mels, self.fmin_hz, self.fmax_hz)
        return convert_to_db(frames.sum_bands(bank))
