"""File -> `y`: mono float32 at a stated sampling rate, with every check on the samples.

Conventions: full scale is +-1; channels are averaged; a fault is an `AudioError` whose `fault` is one
of `FAULTS` and whose text is the reason, so that a broken file becomes a row of the clip table.

    decode   a file as it is: samples (n, channels) and its own rate
    check    the faults that only the samples show: not finite, silent, too short
    prepared check, mix to mono and resample: what the features are computed from
    load     decode, and prepare
    blocks   a file as it is, piece by piece
    windows  a long recording at the features' rate, piece by piece
    excerpt  a part of it
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import soxr

from regenre.errors import UserError

FAULTS = ("missing", "unreadable", "truncated", "empty", "not_finite", "silent", "too_short")
FORMATS = {f".{name.lower()}": name for name in soundfile.available_formats() if name not in ("RAW", "SD2")} | {
    ".aif": "AIFF", ".aifc": "AIFF", ".oga": "OGG", ".opus": "OGG", ".snd": "AU",
}  # fmt: skip # suffix -> libsndfile's name of the container
SILENCE_PEAK = 1e-4  # -80 dBFS, a few steps of 16-bit quantisation
_MP3_TOLERANCE = 0.9  # without a Xing header the length of an MP3 is an estimate
_BLOCK = 1 << 20  # samples that are read at once
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
    with opened(path) as file:
        promised, sr, log = _promised(file), file.samplerate, file.extra_info
        samples = file.read(dtype="float32", always_2d=True)
    _check_size(log, promised, len(samples))
    return samples, sr


def check(samples: np.ndarray, sr: int, min_duration_s: float) -> None:
    """Raise `AudioError` for samples that no feature can be computed from: NaN, silence, too few."""
    if not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise AudioError("not_finite", f"{bad} of {samples.size} samples are NaN or infinite")
    peak = float(np.abs(samples).max())
    if peak < SILENCE_PEAK:
        raise AudioError("silent", f"peak {peak:.1e} of full scale, below {SILENCE_PEAK:.0e}")
    check_length(len(samples), sr, min_duration_s)


def check_length(n: int, sr: int, min_duration_s: float) -> None:
    """Raise `AudioError` for too few samples."""
    if n < min_duration_s * sr:
        raise AudioError("too_short", f"{n / sr:.2f} s, at least {min_duration_s:.2f} s expected")


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
    return prepared(*decode(path), sr)


def prepared(samples: np.ndarray, found_sr: int, sr: int) -> np.ndarray:
    """Samples of shape (n_samples, n_channels) at their own rate, as `load` yields them: checked, mono, at `sr`."""
    check(samples, found_sr, min_duration_s=0.0)
    y = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)
    return y if found_sr == sr else soxr.resample(y, found_sr, sr)


def windows(path: Path, sr: int, window_s: float) -> Iterator[tuple[float, np.ndarray]]:
    """Read a clip, or a long recording window by window, with memory for one window.

    A file of up to one and a half windows is one clip, read as `load` does. Of a longer one, windows lie side by side;
    what is left at the end is a window if it is at least half of one.

    Parameters
    ----------
    path, sr : as in `load`
    window_s : length of a window in seconds

    Yields
    ------
    start in seconds, and y of that window; windows are not checked for silence

    Raises
    ------
    AudioError
        As `load`; `truncated` may come after the last whole window.
    """
    with opened(path) as file:
        found_sr, promised = file.samplerate, file.frames
    if promised <= 1.5 * window_s * found_sr:
        yield 0.0, load(path, sr)
        return
    n, n_cut, held = round(window_s * sr), 0, np.empty(0, np.float32)
    for y in _mono(path, sr, found_sr):
        held = np.concatenate([held, y])
        while len(held) >= n:
            yield n_cut * n / sr, held[:n]
            n_cut, held = n_cut + 1, held[n:]
    if len(held) >= n / 2:
        yield n_cut * n / sr, held


def excerpt(path: Path, sr: int, start_s: float, length_s: float) -> tuple[np.ndarray, float]:
    """A part of a file, with memory for that part.

    Returns
    -------
    y : as `load` makes it; shorter where the file ends
    length of the whole file in seconds

    Raises
    ------
    AudioError
        As `load`; `too_short` for a file that ends before `start_s`.
    """
    with opened(path) as file:
        found_sr, whole_s = file.samplerate, file.frames / file.samplerate
        if start_s >= whole_s > 0:
            raise AudioError("too_short", f"{whole_s:.2f} s, more than {start_s:.2f} s expected")
        file.seek(round(start_s * found_sr))
        samples = file.read(round(length_s * found_sr), dtype="float32", always_2d=True)
    if len(samples) == 0:
        raise AudioError("empty", "the file holds no samples")
    return prepared(samples, found_sr, sr), whole_s


def blocks(path: Path, dtype: str = "float32", most: int = _BLOCK) -> Iterator[np.ndarray]:
    """A file's samples in order, shape (n, n_channels), a million numbers or fewer at once.

    Raises
    ------
    AudioError
        As `decode`, and `not_finite`; `truncated` comes after the last block.
    """
    n_read = 0
    with opened(path) as file:
        promised, sr, log = _promised(file), file.samplerate, file.extra_info
        for block in file.blocks(max(1, most // file.channels), dtype=dtype, always_2d=True):
            if not np.isfinite(block).all():
                raise AudioError("not_finite", f"NaN or infinite samples near {n_read / sr:.1f} s")
            n_read += len(block)
            yield block
    _check_size(log, promised, n_read)


@contextmanager
def opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """The open file; what libsndfile refuses is an `AudioError`."""
    if not path.is_file():
        raise AudioError("missing", f"no file at {path}")
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioError("unreadable", f"libsndfile cannot read it: {_reason(error)}") from error


@contextmanager
def said_of(path: Path) -> Iterator[None]:
    """What is wrong with a file, said with its name."""
    try:
        yield
    except AudioError as error:
        raise UserError(f"{path}: {error}") from error


def _mono(path: Path, sr: int, found_sr: int) -> Iterator[np.ndarray]:
    """Mono blocks of a file at another rate."""
    resample = soxr.ResampleStream(found_sr, sr, 1, dtype="float32")
    for block in blocks(path):
        yield resample.resample_chunk(block.mean(axis=1, dtype=np.float32))
    yield resample.resample_chunk(np.empty(0, np.float32), last=True)


def _promised(file: soundfile.SoundFile) -> float:
    """Samples that the header lets expect at least."""
    return file.frames * (_MP3_TOLERANCE if file.format == "MP3" else 1.0)


def _check_size(log: str, promised: float, found: int) -> None:
    for claimed, held in _SHORTER_THAN_PROMISED.findall(log):
        if int(claimed) > int(held) and int(claimed) not in _UNKNOWN_SIZES:
            raise AudioError("truncated", f"the header promises {claimed} bytes, the file holds {held}")
    if found < promised:
        raise AudioError("truncated", f"the header promises {promised:.0f} samples, {found} could be decoded")
    if found == 0:
        raise AudioError("empty", "the file holds no samples")


def _reason(error: Exception) -> str:
    """Libsndfile's own words, without the path that its message repeats."""
    return str(error).rsplit("': ", 1)[-1].strip().rstrip(".")
