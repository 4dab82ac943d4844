"""Read audio files: `y` is mono float32 at a stated sampling rate, and every check on the samples is made here.

Conventions: full scale is +-1; channels are averaged; a fault is an `AudioError` whose `fault` is one
of `FAULTS` and whose text is the reason, so that a broken file becomes a row of the clip table.

    decode          whole file -> samples (n_samples, n_channels) at the file's own rate
    check_samples   raise the faults that only the samples show: not finite, silent, too short
    check_length    raise the fault of too few samples
    prepare         check, mix to mono and resample; features are computed from the result
    load            decode and prepare
    read_windows    long recording -> windows, prepared
    read_excerpt    part of a file, prepared
    read_blocks     whole file as it is, block by block
    open_audio      open a file; raise its faults
    name_errors     put the file's name into the error
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
_BLOCK = 1 << 20  # samples read at once, of all channels together
_UNKNOWN_SIZES = {0, 0xFFFFFFFF}  # written by programs that stream and do not know the length yet
_SIZE_MISMATCH = re.compile(r"^\s*(?:data|SSND|Data Size|FORM|RIFF|riff)\s*:\s*(\d+) \(should be (\d+)\)", re.M)


class AudioError(UserError):
    """A fault that makes a clip unusable.

    Attributes
    ----------
    fault : one of `FAULTS`
    """

    def __init__(self, fault: str, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Keep `fault` when the error is pickled by a worker process."""
        return type(self), (self.fault, str(self))


def decode(path: Path) -> tuple[np.ndarray, int]:
    """Read a whole file with libsndfile.

    Returns
    -------
    samples : float32 array, shape (n_samples, n_channels)
    sr : the file's own sampling rate in Hz

    Raises
    ------
    AudioError
        `missing`, `unreadable`, `truncated` (the header promises more than the file holds, or the decoder of a
        lossy format stops early) or `empty`.
    """
    with open_audio(path) as file:
        n_expected, sr, log = _count_expected(file), file.samplerate, file.extra_info
        samples = file.read(dtype="float32", always_2d=True)
    _check_size(log, n_expected, len(samples))
    return samples, sr


def check_samples(samples: np.ndarray, sr: int, min_duration_s: float) -> None:
    """Raise `AudioError` for samples that are not finite, silent or too short."""
    if not np.isfinite(samples).all():
        n_bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise AudioError("not_finite", f"{n_bad} of {samples.size} samples are NaN or infinite")
    peak = float(np.abs(samples).max())
    if peak < SILENCE_PEAK:
        raise AudioError("silent", f"peak {peak:.1e} of full scale, below {SILENCE_PEAK:.0e}")
    check_length(len(samples), sr, min_duration_s)


def check_length(n: int, sr: int, min_duration_s: float) -> None:
    """Raise `AudioError` for a clip of `n` samples that is shorter than `min_duration_s`."""
    if n < min_duration_s * sr:
        raise AudioError("too_short", f"{n / sr:.2f} s, at least {min_duration_s:.2f} s expected")


def load(path: Path, sr: int) -> np.ndarray:
    """Read a clip as the features need it: mono, at one rate.

    Parameters
    ----------
    path : file in any format that libsndfile reads, at any rate, with any number of channels
    sr : sampling rate of the result in Hz; files at another rate are resampled with soxr (HQ)

    Returns
    -------
    y : float32 array, shape (n_samples,)

    Raises
    ------
    AudioError
        As `decode`; `not_finite` or `silent`.
    """
    return prepare(*decode(path), sr)


def prepare(samples: np.ndarray, source_sr: int, sr: int) -> np.ndarray:
    """Check samples of shape (n_samples, n_channels), mix them to mono and resample them from `source_sr` to `sr`."""
    check_samples(samples, source_sr, min_duration_s=0.0)
    y = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)
    return y if source_sr == sr else soxr.resample(y, source_sr, sr)


def read_windows(path: Path, sr: int, window_s: float) -> Iterator[tuple[float, np.ndarray]]:
    """Read a clip, or a long recording window by window, with memory for one window.

    A file of at most one and a half windows is one clip, and `load` reads it. A longer file is cut into adjacent
    windows. The remainder is a window too if it is at least half as long as one.

    Parameters
    ----------
    path, sr : as in `load`
    window_s : length of a window in seconds

    Yields
    ------
    start_s : start of the window in seconds
    y : samples of the window, shape (n_samples,); windows are not checked for silence

    Raises
    ------
    AudioError
        As `load`; `truncated` may be raised after the last full window.
    """
    with open_audio(path) as file:
        source_sr, n_expected = file.samplerate, file.frames
    if n_expected <= 1.5 * window_s * source_sr:
        yield 0.0, load(path, sr)
        return
    n, n_windows, buffer = round(window_s * sr), 0, np.empty(0, np.float32)
    for y in _read_mono(path, sr, source_sr):
        buffer = np.concatenate([buffer, y])
        while len(buffer) >= n:
            yield n_windows * n / sr, buffer[:n]
            n_windows, buffer = n_windows + 1, buffer[n:]
    if len(buffer) >= n / 2:
        yield n_windows * n / sr, buffer


def read_excerpt(path: Path, sr: int, start_s: float, length_s: float) -> tuple[np.ndarray, float]:
    """Read a part of a file, with memory for that part.

    Parameters
    ----------
    path, sr : as in `load`
    start_s, length_s : start and length of the part in seconds

    Returns
    -------
    y : as `load` returns it; shorter than `length_s` if the file ends before
    duration_s : length of the whole file in seconds

    Raises
    ------
    AudioError
        As `load`; `too_short` for a file that ends before `start_s`.
    """
    with open_audio(path) as file:
        source_sr, duration_s = file.samplerate, file.frames / file.samplerate
        if start_s >= duration_s > 0:
            raise AudioError("too_short", f"{duration_s:.2f} s, more than {start_s:.2f} s expected")
        file.seek(round(start_s * source_sr))
        samples = file.read(round(length_s * source_sr), dtype="float32", always_2d=True)
    if len(samples) == 0:
        raise AudioError("empty", "the file holds no samples")
    return prepare(samples, source_sr, sr), duration_s


def read_blocks(path: Path, dtype: str = "float32", most: int = _BLOCK) -> Iterator[np.ndarray]:
    """Read a file block by block, with memory for one block.

    Parameters
    ----------
    path : as in `load`
    dtype : of the blocks
    most : samples in a block, of all channels together

    Yields
    ------
    samples in order, shape (n, n_channels)

    Raises
    ------
    AudioError
        As `decode`; `not_finite`. `truncated` is raised after the last block.
    """
    n_read = 0
    with open_audio(path) as file:
        n_expected, sr, log = _count_expected(file), file.samplerate, file.extra_info
        for block in file.blocks(max(1, most // file.channels), dtype=dtype, always_2d=True):
            if not np.isfinite(block).all():
                raise AudioError("not_finite", f"NaN or infinite samples near {n_read / sr:.1f} s")
            n_read += len(block)
            yield block
    _check_size(log, n_expected, n_read)


@contextmanager
def open_audio(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a file; raise `AudioError` if it is missing or libsndfile cannot read it."""
    if not path.is_file():
        raise AudioError("missing", f"no file at {path}")
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioError("unreadable", f"libsndfile cannot read it: {_extract_reason(error)}") from error


@contextmanager
def name_errors(path: Path) -> Iterator[None]:
    """Turn an `AudioError` into a `UserError` that names the file."""
    try:
        yield
    except AudioError as error:
        raise UserError(f"{path}: {error}") from error


def _read_mono(path: Path, sr: int, source_sr: int) -> Iterator[np.ndarray]:
    """Read a file block by block, mixed to mono and resampled to `sr`."""
    stream = soxr.ResampleStream(source_sr, sr, 1, dtype="float32")
    for block in read_blocks(path):
        yield stream.resample_chunk(block.mean(axis=1, dtype=np.float32))
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def _count_expected(file: soundfile.SoundFile) -> float:
    """Return the least number of samples per channel that the header promises."""
    length: float = file.frames * (_MP3_TOLERANCE if file.format == "MP3" else 1.0)
    return length


def _check_size(log: str, n_expected: float, n_samples: int) -> None:
    """Raise `AudioError` if libsndfile's log or the number of samples shows that the file is cut or empty."""
    for n_header, n_file in _SIZE_MISMATCH.findall(log):
        if int(n_header) > int(n_file) and int(n_header) not in _UNKNOWN_SIZES:
            raise AudioError("truncated", f"the header promises {n_header} bytes, the file holds {n_file}")
    if n_samples < n_expected:
        raise AudioError("truncated", f"the header promises {n_expected:.0f} samples, {n_samples} could be decoded")
    if n_samples == 0:
        raise AudioError("empty", "the file holds no samples")


def _extract_reason(error: Exception) -> str:
    """Return libsndfile's message without the path."""
    return str(error).rsplit("': ", 1)[-1].strip().rstrip(".")
