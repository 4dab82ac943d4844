"""Audio as features need it: `y` is mono float32 at a stated sampling rate, and every check of samples is made here.

Conventions: full scale is +-1; channels are averaged; a fault is an `AudioError` of one of `decoding.FAULTS` whose text
is the reason, so that a broken file becomes a row of the clip table.

    decode          whole file -> samples (n_samples, n_channels) at the file's own rate
    check_samples   raise the faults that only samples show: not finite, out of range, silent, too short
    check_length    raise the fault of too few samples
    prepare         check, mix to mono and resample; features are computed from the result
    convert         the same without a check
    level           bring a clip to one loudness, and add a floor of noise
    load            decode and prepare
    read_windows    long recording -> windows, prepared
    read_excerpt    part of a file, prepared
    read_blocks     whole file as it is, block by block
    name_errors     put the file's name into the error
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
import soxr

from regenre.common.errors import UserError
from regenre.common.settings import Loudness
from regenre.decoding import AudioError, open_audio

PASSBAND = 0.907  # share of half the lower rate that resampling keeps (soxr HQ); features read nothing above it
SILENCE_PEAK = 1e-4  # -80 dBFS, a few steps of 16-bit quantisation
MAX_PEAK = 1e6  # of full scale; integers that were stored as floats are far below it, and powers of it fit float32
MAX_SAMPLES = (
    1 << 28
)  # samples of a file that is read whole, of all channels together: 1 GiB, 100 minutes of mono at 44.1 kHz
_BLOCK = 1 << 20  # samples read at once, of all channels together
_LEVEL_DB = -20.0  # of full scale: RMS, or LUFS
_GATE_S = 0.4  # block of BS.1770


def decode(path: Path) -> tuple[np.ndarray, int]:
    """Read a whole file.

    Returns
    -------
    samples : float32 array, shape (n_samples, n_channels)
    sr : the file's own sampling rate in Hz

    Raises
    ------
    AudioError
        `missing`, `unreadable`, `truncated` (the header states more than the file holds), `empty` or `too_long`.
    """
    with open_audio(path) as file:
        return _join(_limit(file.read_blocks(_BLOCK))), file.sr


def check_samples(samples: np.ndarray, sr: int, min_duration_s: float) -> np.ndarray:
    """Return samples mixed to mono; raise `AudioError` if they are not finite, out of range, silent or too short."""
    y = _check_and_mix(samples)
    check_length(len(samples), sr, min_duration_s)
    return y


def check_length(n: int, sr: int, min_duration_s: float) -> None:
    """Raise `AudioError` for a clip of `n` samples that is shorter than `min_duration_s`."""
    if n < min_duration_s * sr:
        raise AudioError("too_short", f"{n / sr:.2f} s, at least {min_duration_s:.2f} s expected")


def load(path: Path, sr: int) -> np.ndarray:
    """Read a clip as the features need it: mono, at one rate.

    Parameters
    ----------
    path : file in any format that `decoding` reads, at any rate, with any number of channels
    sr : sampling rate of the result in Hz; files at another rate are resampled with soxr (HQ)

    Returns
    -------
    y : float32 array, shape (n_samples,)

    Raises
    ------
    AudioError
        As `decode`; `not_finite`, `out_of_range` or `silent`.
    """
    return prepare(*decode(path), sr)


def prepare(samples: np.ndarray, source_sr: int, sr: int) -> np.ndarray:
    """Check samples of shape (n_samples, n_channels), mix them to mono and resample them from `source_sr` to `sr`."""
    return _resample(_check_and_mix(samples), source_sr, sr)


def convert(samples: np.ndarray, source_sr: int, sr: int) -> np.ndarray:
    """Mix and resample samples as `prepare` does, but without a check: silence stays silence."""
    return _resample(samples.mean(axis=1, dtype=np.float32), source_sr, sr)


def level(y: np.ndarray, sr: int, loudness: Loudness, floor_db: float | None) -> np.ndarray:
    """Bring a clip to -20 dB of full scale, then add white noise that hides what is far below it.

    Logarithms of quiet bands read the noise of a recording, its quantisation and its codec. With a floor they read the
    floor. The noise is the same for every clip, so the same samples yield the same features.

    Parameters
    ----------
    y : float32 array, shape (n_samples,)
    sr : sampling rate in Hz
    loudness : `none`, as it is; `rms`, the RMS over the clip; `bs1770`, the integrated loudness of ITU-R BS.1770-4 in
        LUFS, by pyloudnorm. A clip shorter than its block of 0.4 s is repeated until it fills one. Deviates from the
        recommendation: the gate of -70 LUFS counts from a peak of full scale, so a gain before does not move it.
    floor_db : how far the RMS of the noise is below that of the clip; None for no noise

    Returns
    -------
    float32 array, shape (n_samples,); it may exceed full scale. Silence stays silence. A clip that BS.1770 does not
    hear, as it lies below 38 Hz, stays as it is.
    """
    peak = float(np.abs(y).max())
    if peak == 0 or (loudness == "none" and floor_db is None):
        return y
    scaled = y.astype(np.float64) / peak
    rms = np.sqrt(np.mean(np.square(scaled)))
    if loudness == "none":
        gain = peak
    elif loudness == "rms":
        gain = 10 ** (_LEVEL_DB / 20) / rms
    else:
        found_db = _measure_loudness(scaled, sr)
        gain = 10 ** ((_LEVEL_DB - found_db) / 20) if np.isfinite(found_db) else peak
    if floor_db is not None:
        noise = np.random.default_rng(0).standard_normal(len(y))
        scaled += 10 ** (-floor_db / 20) * rms * noise
    return np.asarray(gain * scaled, dtype=np.float32)


def _measure_loudness(y: np.ndarray, sr: int) -> float:
    import pyloudnorm  # not at the top: workers that level nothing do without it

    block = int(np.ceil(_GATE_S * sr))
    return float(
        pyloudnorm.Meter(sr, block_size=_GATE_S).integrated_loudness(y if len(y) >= block else np.resize(y, block))
    )


def read_windows(path: Path, sr: int, window_s: float) -> Iterator[tuple[float, np.ndarray]]:
    """Read a clip, or a long recording window by window, with memory for one window.

    A file of at most one and a half windows is one clip, as `load` reads it. A longer file is cut into adjacent
    windows. The remainder is a window too if it is at least half as long as one.

    Parameters
    ----------
    path, sr : as in `load`
    window_s : length of a window in seconds

    Yields
    ------
    start_s : start of the window in seconds
    y : samples of the window, shape (n_samples,); a window may be silent

    Raises
    ------
    AudioError
        As `load`; `truncated`, and `silent` if all windows are, may be raised after the last full window.
    """
    with open_audio(path) as file:
        blocks, begun, n_begun = file.read_blocks(_BLOCK), [], 0
        for block in _limit(blocks):
            begun.append(block)
            n_begun += len(block)
            if n_begun > 1.5 * window_s * file.sr:
                break
        else:
            yield 0.0, prepare(_join(begun), file.sr, sr)
            return
        n, n_windows, buffer = round(window_s * sr), 0, np.empty(0, np.float32)
        for y in _read_mono(chain(begun, blocks), sr, file.sr):
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
        start, parts, n_read = round(start_s * file.sr), [], 0
        stop = start + min(round(length_s * file.sr), MAX_SAMPLES // file.channels)
        n_stated = file.n_stated if file.n_stated is not None and file.container != "MP3" else None
        if n_stated is not None and start < n_stated and file.skip(start):
            n_read = start
        for block in file.read_blocks(_BLOCK):
            parts.append(block[max(0, start - n_read) : max(0, stop - n_read)])
            n_read += len(block)
            if n_read >= stop and n_stated is not None:
                n_read = n_stated
                break
        if n_read <= start:
            raise AudioError("too_short", f"{n_read / file.sr:.2f} s, more than {start_s:.2f} s expected")
        return prepare(_join(parts), file.sr, sr), n_read / file.sr


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
        As `decode`, but never `too_long`; `not_finite` or `out_of_range`. `truncated` is raised after the last block.
    """
    with open_audio(path) as file:
        n_read = 0
        for block in file.read_blocks(most, dtype):
            if block.dtype.kind == "f":
                _check_range(block, n_read / file.sr)
            n_read += len(block)
            yield block


@contextmanager
def name_errors(path: Path) -> Iterator[None]:
    """Turn an `AudioError` into a `UserError` that names the file."""
    try:
        yield
    except AudioError as error:
        raise UserError(f"{path}: {error}") from error


def _limit(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Pass the blocks on; raise `AudioError` if they are more than memory should hold."""
    n = 0
    for block in blocks:
        n += block.size
        if n > MAX_SAMPLES:
            raise AudioError(
                "too_long", f"at most {MAX_SAMPLES:,} samples of all channels expected, more found; cut the file"
            )
        yield block


def _join(blocks: Iterable[np.ndarray]) -> np.ndarray:
    parts = list(blocks)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _check_and_mix(samples: np.ndarray) -> np.ndarray:
    """Mix samples to mono; raise `AudioError` if they are not finite, out of range or silent."""
    peak = _check_range(samples)
    mono, mixed_peak = _mix(samples, peak)
    _check_sound(peak, mixed_peak)
    return mono


def _resample(y: np.ndarray, source_sr: int, sr: int) -> np.ndarray:
    return y if source_sr == sr else soxr.resample(y, source_sr, sr)


def _mix(samples: np.ndarray, peak: float) -> tuple[np.ndarray, float]:
    """Return samples mixed to mono, and their peak; `peak` is that of the channels."""
    if samples.shape[1] == 1:
        return samples[:, 0], peak
    mono: np.ndarray = samples.mean(axis=1, dtype=np.float32)
    return mono, float(np.abs(mono).max())


def _check_range(samples: np.ndarray, start_s: float | None = None) -> float:
    """Return the peak; raise `AudioError` for samples that are not finite, or too large for their powers to be."""
    place = "" if start_s is None else f" near {start_s:.1f} s"
    peak = float(np.abs(samples).max())
    if not np.isfinite(peak):
        n_bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise AudioError("not_finite", f"{n_bad} of {samples.size} samples are NaN or infinite{place}")
    if peak > MAX_PEAK:
        raise AudioError("out_of_range", f"peak {peak:.1e} of full scale, at most {MAX_PEAK:.0e} expected{place}")
    return peak


def _check_sound(peak: float, mixed_peak: float) -> None:
    """Raise `AudioError` for silence, by the peak of the channels and the peak of their mean."""
    if peak < SILENCE_PEAK:
        raise AudioError("silent", f"peak {peak:.1e} of full scale, below {SILENCE_PEAK:.0e}")
    if mixed_peak < SILENCE_PEAK:
        raise AudioError(
            "silent", f"the channels cancel each other: peak {peak:.1e} of full scale, {mixed_peak:.1e} when mixed"
        )


def _read_mono(blocks: Iterable[np.ndarray], sr: int, source_sr: int) -> Iterator[np.ndarray]:
    """Mix blocks to mono and resample them to `sr`; after the last one, raise `AudioError` if all was silence."""
    stream = soxr.ResampleStream(source_sr, sr, 1, dtype="float32")
    peak = mixed_peak = 0.0
    n_read = 0
    for block in blocks:
        block_peak = _check_range(block, n_read / source_sr)
        mono, mono_peak = _mix(block, block_peak)
        n_read += len(block)
        peak, mixed_peak = max(peak, block_peak), max(mixed_peak, mono_peak)
        yield stream.resample_chunk(mono)
    _check_sound(peak, mixed_peak)
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)
