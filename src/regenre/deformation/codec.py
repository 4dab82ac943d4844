"""Lossy codecs: a clip is encoded in memory and decoded again, by FFmpeg through PyAV.

The containers state how many samples the encoder puts before and after the clip, and the decoder drops them: no delay.
"""

import io
from typing import Any, Literal

import av
import numpy as np
import soxr

from regenre.common.kinds import Count, strict_dataclass
from regenre.deformation.deformation import Deformation
from regenre.deformation.timing import fit_length

_CODECS = {  # codec -> FFmpeg's encoder, container, rates that it takes; clips at other rates are brought to the last
    "mp3": ("libmp3lame", "mp3", (22_050, 24_000, 32_000, 48_000, 44_100)),
    "opus": ("libopus", "ogg", (48_000,)),
}
_QUICK = "7"  # of 10: LAME then takes half the time


@strict_dataclass
class Codec(Deformation):
    """A lossy codec; of more than two channels, the first two.

    Parameters
    ----------
    kbit_s : bits per second in thousands, of all channels together
    """

    codec: Literal["mp3", "opus"]
    kbit_s: Count

    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples, see `Deformation`."""
        encoder, container, rates = _CODECS[self.codec]
        rate = sr if sr in rates else rates[-1]
        samples = np.ascontiguousarray(y.reshape(len(y), -1)[:, :2])
        coded = self._code(soxr.resample(samples, sr, rate), rate, encoder, container)
        return fit_length(soxr.resample(coded, rate, sr), len(y)).reshape(-1, *[samples.shape[1]] * (y.ndim - 1))

    def _code(self, samples: np.ndarray, sr: int, encoder: str, container: str) -> np.ndarray:
        """Encode and decode samples of shape (n_samples, n_channels)."""
        layout, stream = ("mono", "stereo")[samples.shape[1] - 1], io.BytesIO()
        with av.open(stream, "w", format=container) as file:
            track: Any = file.add_stream(encoder, rate=sr, layout=layout, options={"compression_level": _QUICK})
            track.bit_rate = 1000 * self.kbit_s
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=layout)
            frame.sample_rate = sr
            for part in (frame, None):
                file.mux(track.encode(part))
        stream.seek(0)
        with av.open(stream, "r") as file:
            return np.concatenate([frame.to_ndarray() for frame in file.decode(audio=0)], axis=1).T
