"""File -> `y`: mono float32 at a stated sampling rate, with every check on the samples.

Conventions: full scale is +-1; channels are averaged; a fault is an `AudioError` whose `fault` is one
of `FAULTS` and whose text is the reason, so that a broken file becomes a row of the clip table.

    decode   a file as it is: samples (n, channels) and its own rate
    check    the faults that only the samples show: not finite, silent, too short
    load     decode, check, mix to mono and resample: what the features are computed from
"""

import re
from pathlib import Path

import numpy as np
import soundfile
import soxr

from regenre.errors import UserError

FAULTS = ("missing", "unreadable", "truncated", "empty", "not_finite", "silent", "too_short")
SILENCE_PEAK = 1e-4  # -80 dBFS, a few steps of 16-bit quantisation
_MP3_TOLERANCE = 0.9  # without a Xing header the length of an MP3 is an estimate
_UNKNOWN_SIZES = {0, 0xFFFFFFFF}  # what a program writes that streams a header before it knows the length
_SHORTER_THAN_PROMISED = re.compile(r"^\s*(?:data|SSND|Data Size|FORM|RIFF|riff)\s*:\s*(\d+) \(should be (\d+)\)", re.M)


class AudioError(UserError):
    """A clip that cannot be used. `fault` is one of `FAULTS`."""

    def __init__(self, fault: str, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Come back whole from a worker process."""
        return type(self), (self.fault, str(self))


def decode(path: Path) -> tuple[np.ndarray, int]:
    """Read a whole file with libsndfile.

    Returns
    -------
    samples : float32 array, shape (n_samples, n_channels)
    sr : int, the file's own sampling rate in Hz

    Raises
    ------
    AudioError
        `missing`, `unreadable`, `truncated` (the header promises more than the file holds; for lossy
        formats, the decoder stops early) or `empty`.
    """
    if not path.is_file():
        raise AudioError("missing", f"no file at {path}")
    try:
        with soundfile.SoundFile(path) as file:
            promised, sr, log = file.frames, file.samplerate, file.extra_info
            tolerated = _MP3_TOLERANCE if file.format == "MP3" else 1.0
            samples = file.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioError("unreadable", f"libsndfile cannot read it: {_reason(error)}") from error
    _check_size(log, promised * tolerated, len(samples))
    if len(samples) == 0:
        raise AudioError("empty", "the file holds no samples")
    return samples, sr


def check(samples: np.ndarray, sr: int, min_duration_s: float) -> None:
    """Raise `AudioError` for samples that no feature can be computed from: NaN, silence, too few."""
    if not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise AudioError("not_finite", f"{bad} of {samples.size} samples are NaN or infinite")
    peak = float(np.abs(samples).max())
    if peak < SILENCE_PEAK:
        raise AudioError("silent", f"peak {peak:.1e} of full scale, below {SILENCE_PEAK:.0e}")
    if len(samples) < min_duration_s * sr:
        raise AudioError("too_short", f"{len(samples) / sr:.2f} s, at least {min_duration_s:.2f} s expected")


def load(path: Path, sr: int) -> np.ndarray:
    """Read a clip as the features want it.

    Parameters
    ----------
    path : file in any format that libsndfile reads, any rate, any number of channels
    sr : sampling rate in Hz of the result; another rate is resampled with soxr (HQ)

    Returns
    -------
    y : float32 array, shape (n_samples,)
    """
    samples, found_sr = decode(path)
    check(samples, found_sr, min_duration_s=0.0)
    y = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)
    return y if found_sr == sr else soxr.resample(y, found_sr, sr)


def _check_size(log: str, promised: float, found: int) -> None:
    for claimed, held in _SHORTER_THAN_PROMISED.findall(log):
        if int(claimed) > int(held) and int(claimed) not in _UNKNOWN_SIZES:
            raise AudioError("truncated", f"the header promises {claimed} bytes, the file holds {held}")
    if found < promised:
        raise AudioError("truncated", f"the header promises {promised:.0f} samples, {found} could be decoded")


def _reason(error: Exception) -> str:
    """Libsndfile's own words, without the path that its message repeats."""
    return str(error).rsplit("': ", 1)[-1].strip().rstrip(".")
