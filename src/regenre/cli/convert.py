"""New audio files from existing ones: without pauses, or in another format.

Conventions: the input is read block by block and never changed. The output is written under a temporary name and then
renamed, so memory use does not grow with the length and no incomplete file is left.

    Output   what was written: path, lengths, number of clipped samples
    clean    cut out pauses
    convert  change container, sampling rate, number of channels or resolution
"""

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from regenre import audio
from regenre.common import files
from regenre.common.errors import UserError
from regenre.decoding import FORMATS, AudioError, open_audio

_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_UNCOMPRESSED = {*_BITS, "FLOAT", "DOUBLE"}
_FULL_SCALE = 2.0**31  # of libsndfile's int32 samples
_FRAME_S = 0.02  # length of a level measurement
_MARGIN_S = 0.05  # kept before and after each sound
_FADE_S = 0.005  # fade-out and fade-in at a cut
_LOUD_PERCENTILE = 95  # of the levels: the reference level


@dataclass(frozen=True)
class Output:
    """A new audio file.

    Attributes
    ----------
    target : path of the new file
    source_s, target_s : lengths of the input and of the new file in seconds
    n_clipped : number of samples that were clipped to full scale
    """

    target: Path
    source_s: float
    target_s: float
    n_clipped: int = 0


def clean(
    source: Path, target: Path, below_db: float = 35.0, pause_s: float = 0.3, ends: bool = False, force: bool = False
) -> Output:
    """Cut out pauses.

    A pause lasts at least `pause_s`, and its level is more than `below_db` below the reference level. Levels are the
    root mean square of 20 ms over all channels. The reference level is the 95th percentile of the levels that are
    not digital silence.

    A margin of 50 ms is kept before and after each sound. The samples fade out and in over 5 ms at a cut. All other
    samples stay the same, bit for bit, if the format is lossless.

    Parameters
    ----------
    source : audio file to read
    target : audio file to write, in the same format as `source`
    below_db : level of a pause below the reference level in dB
    pause_s : shortest pause in seconds
    ends : cut only at the beginning and the end
    force : replace `target` if it exists

    Raises
    ------
    AudioError
        The file cannot be used; the fault is `silent` if no frame is above digital silence.
    UserError
        The target exists or is the source, or its format does not support this audio.
    """
    files.check_target(target, [source], force)
    with open_audio(source) as file:
        sr, channels, subtype, container, endian = file.sr, file.channels, file.subtype, file.container, file.endian
        if not container:
            next(file.read_blocks(1), None)  # a file that holds no samples is a fault of its own
            raise UserError(f"{source}: {file.encoding} can be read, not written; convert it first: --to flac")
    dtype = "int32" if subtype in _BITS else "float64"
    size = max(1, round(_FRAME_S * sr))
    levels, n_samples = _measure_levels(source, size)
    segments = _find_segments(levels, n_samples, size, sr, below_db, pause_s, ends)

    def cut_blocks() -> Iterator[np.ndarray]:
        return _cut_segments(audio.read_blocks(source, dtype), segments, n_samples, round(_FADE_S * sr))

    _write_audio(target, cut_blocks(), sr, channels, container, subtype, endian)
    return Output(target, n_samples / sr, sum(end - start for start, end in segments) / sr)


def convert(
    source: Path,
    target: Path,
    sr: int | None = None,
    mono: bool = False,
    bits: int | None = None,
    force: bool = False,
) -> Output:
    """Write the audio in the format that the suffix of `target` names.

    The resampler is soxr at its HQ setting. Integer samples are rounded to the nearest value, without dither. Every
    sample stays the same if both formats are lossless, the rate is the same and the resolution is not lower.

    Parameters
    ----------
    source : audio file to read
    target : audio file to write
    sr : sampling rate in Hz; None: that of the source
    mono : average the channels
    bits : resolution of a sample: 8, 16, 24 or 32; None: that of the source if the format supports it, or else the
        format's default
    force : replace `target` if it exists

    Raises
    ------
    AudioError
        The file cannot be used.
    UserError
        The target exists or is the source, or its format does not support this audio.
    """
    files.check_target(target, [source], force)
    container = FORMATS.get(target.suffix.lower())
    if container is None:
        suffixes = " ".join(sorted(FORMATS))
        raise UserError(
            f"{target}: the suffix of an audio format expected ({suffixes}), {target.suffix!r} found; rename it"
        )
    with open_audio(source) as file:
        source_sr, subtype, channels = file.sr, file.subtype, file.channels
    subtype, channels, sr = _choose_subtype(target, container, subtype, bits), 1 if mono else channels, sr or source_sr
    n_read = n_samples = n_clipped = 0

    def read_and_count() -> Iterator[np.ndarray]:
        nonlocal n_read
        for block in audio.read_blocks(source, "float64"):
            n_read += len(block)
            yield block

    def convert_blocks() -> Iterator[np.ndarray]:
        nonlocal n_samples, n_clipped
        for y in _resample_blocks(read_and_count(), source_sr, sr, channels):
            n_samples += len(y)
            n_clipped += int(np.count_nonzero(np.abs(y) > 1))
            yield _quantise(y, _BITS[subtype]) if subtype in _BITS else y

    _write_audio(target, convert_blocks(), sr, channels, container, subtype)
    return Output(target, n_read / source_sr, n_samples / sr, n_clipped)


def _choose_subtype(target: Path, container: str, source_subtype: str, bits: int | None) -> str:
    """Return the subtype with `bits`, or the source's if it is uncompressed and supported, or the default."""
    subtypes = soundfile.available_subtypes(container)
    if bits:
        matches = [name for name in subtypes if _BITS.get(name) == bits]
        if not matches:
            raise UserError(f"{target}: {container} does not support {bits}-bit samples; omit --bits, or use --to wav")
        return str(matches[0])
    if target.suffix.lower() == ".opus":
        return "OPUS"
    if source_subtype in subtypes and source_subtype in _UNCOMPRESSED:
        return source_subtype
    return str(soundfile.default_subtype(container))


def _measure_levels(source: Path, size: int) -> tuple[np.ndarray, int]:
    """Return the mean square of each frame of `size` samples, and the number of samples."""
    levels: list[np.ndarray] = []
    n_samples, remainder = 0, np.empty(0)
    for block in audio.read_blocks(source):
        n_samples += len(block)
        squares = np.concatenate([remainder, np.square(block, dtype=np.float64).mean(axis=1)])
        n_whole = len(squares) // size * size
        levels.append(squares[:n_whole].reshape(-1, size).mean(axis=1))
        remainder = squares[n_whole:]
    if len(remainder):
        levels.append(remainder.mean(keepdims=True))
    return np.concatenate(levels), n_samples


def _find_segments(
    levels: np.ndarray, n_samples: int, size: int, sr: int, below_db: float, pause_s: float, ends: bool
) -> list[tuple[int, int]]:
    """Return the segments to keep, each with its first sample and the sample after its last."""
    nonzero = levels[levels > audio.SILENCE_PEAK**2 / 2]
    if not len(nonzero):
        raise AudioError("silent", f"every frame of 20 ms is below {audio.SILENCE_PEAK:.0e} of full scale")
    threshold = np.percentile(nonzero, _LOUD_PERCENTILE) * 10 ** (-below_db / 10)
    loud = np.flatnonzero(levels >= threshold)
    pauses = np.flatnonzero(np.diff(loud) * size > pause_s * sr) if not ends else np.empty(0, int)
    first, last = loud[np.r_[0, pauses + 1]], loud[np.r_[pauses, len(loud) - 1]]
    margin = round(_MARGIN_S * sr)
    segments: list[tuple[int, int]] = []
    for start, end in zip(first * size - margin, (last + 1) * size + margin, strict=True):
        start, end = max(0, int(start)), min(n_samples, int(end))
        if segments and start <= segments[-1][1]:
            segments[-1] = segments[-1][0], end
        else:
            segments.append((start, end))
    return segments


def _cut_segments(
    blocks: Iterable[np.ndarray], segments: list[tuple[int, int]], n_samples: int, fade: int
) -> Iterator[np.ndarray]:
    """Yield the samples of the segments, with a fade of `fade` samples at each cut."""
    offset = 0
    for block in blocks:
        for start, end in segments:
            low, high = max(start, offset), min(end, offset + len(block))
            if low >= high:
                continue
            positions = np.arange(low, high)
            gain = np.ones(high - low)
            if start > 0:
                gain = np.minimum(gain, (positions - start + 0.5) / fade)
            if end < n_samples:
                gain = np.minimum(gain, (end - positions - 0.5) / fade)
            samples = block[low - offset : high - offset]
            in_fade = gain < 1
            if in_fade.any():
                samples = samples.copy()
                samples[in_fade] = (samples[in_fade] * gain[in_fade, None]).astype(samples.dtype)
            yield samples
        offset += len(block)


def _resample_blocks(blocks: Iterable[np.ndarray], source_sr: int, sr: int, channels: int) -> Iterator[np.ndarray]:
    """Yield the blocks at `sr`, with all channels or their average."""
    resampler = soxr.ResampleStream(source_sr, sr, channels, dtype="float64") if sr != source_sr else None
    for block in blocks:
        y = block if block.shape[1] == channels else block.mean(axis=1, keepdims=True)
        yield resampler.resample_chunk(y) if resampler else y
    if resampler:
        yield resampler.resample_chunk(np.empty((0, channels)), last=True)


def _quantise(y: np.ndarray, bits: int) -> np.ndarray:
    """Round samples of full scale 1 to `bits`, as int32 whose upper `bits` libsndfile writes."""
    n_steps = 2 ** (bits - 1)
    step = _FULL_SCALE / n_steps
    integers: np.ndarray = (np.clip(np.rint(y * n_steps), -n_steps, n_steps - 1) * step).astype(np.int32)
    return integers


def _write_audio(
    target: Path,
    blocks: Iterable[np.ndarray],
    sr: int,
    channels: int,
    container: str,
    subtype: str,
    endian: str = "FILE",
) -> None:
    def write(temporary: Path) -> None:
        try:
            file = soundfile.SoundFile(os.fsencode(temporary), "w", sr, channels, subtype, endian, container)
        except (soundfile.LibsndfileError, ValueError) as error:
            raise UserError(
                f"{target}: {container} {subtype} does not support {channels} channel(s) at {sr} Hz;"
                " change --to, --rate or --mono"
            ) from error
        n_written = 0
        try:
            with file:
                for block in blocks:
                    file.write(block)
                    n_written += len(block)
            _check_length(temporary, target, n_written)
        except soundfile.LibsndfileError as error:
            raise OSError(errno.EIO, f"{error.error_string.rstrip('.')}; is the disk full?", str(target)) from error

    files.write_atomically(target, write)


def _check_length(path: Path, target: Path, n_written: int) -> None:
    """Read a new file back: libsndfile does not say that a disk is full when it closes a compressed file."""
    with open_audio(path) as file:
        n_read = sum(map(len, file.read_blocks(1 << 20)))
        tolerance = 0 if file.container not in ("MP3", "OGG") else file.sr // 10
    if abs(n_read - n_written) > tolerance:
        raise OSError(
            errno.EIO, f"{n_written} samples were written, {n_read} can be read back; is the disk full?", str(target)
        )
