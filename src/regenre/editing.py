"""Audio files made anew: without what is hardly heard, or in another format and at another rate.

The input is read block by block and never touched; the output is written under a temporary name and then renamed,
so memory does not grow with the length and nothing half-written is left.

    clean    cut out pauses
    convert  another container, sampling rate, number of channels or resolution
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from regenre import audio, tables
from regenre.errors import UserError

_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_PLAIN = {*_BITS, "FLOAT", "DOUBLE"}
_FULL = 2.0**31  # of what libsndfile reads as int32
_FRAME_S = 0.02  # over which a level is taken
_MARGIN_S = 0.05  # kept on either side of what is heard
_FADE_S = 0.005  # out and in at a cut
_LOUD = 95  # percentile of the levels that the others are held against


@dataclass(frozen=True)
class Made:
    """What came out.

    Attributes
    ----------
    source_s, target_s : lengths in seconds
    n_clipped : samples beyond full scale, which were held at it
    """

    target: Path
    source_s: float
    target_s: float
    n_clipped: int = 0


def clean(
    source: Path, target: Path, below_db: float = 35.0, pause_s: float = 0.3, ends: bool = False, force: bool = False
) -> Made:
    """Cut out pauses.

    A pause is at least `pause_s` long, and its level (root mean square of 20 ms over all channels) is more than
    `below_db` below the loud parts' (the 95th percentile of the levels that are not digital silence).
    50 ms are kept on either side of what is heard. At a cut the samples fade out and in over 5 ms; every other
    sample that is kept is the same, bit for bit, where the format is lossless.

    Parameters
    ----------
    ends : cut at the beginning and the end alone
    force : replace `target`

    Raises
    ------
    AudioError
        The file cannot be used; `silent` where nothing at all is heard.
    UserError
        The target is there, or is the source, or its format cannot hold this audio.
    """
    _check_target(source, target, force)
    with audio.opened(source) as file:
        sr, channels, subtype, container, endian = (
            file.samplerate, file.channels, file.subtype, file.format, file.endian,
        )  # fmt: skip
    dtype = "int32" if subtype in _BITS else "float64"
    size = max(1, round(_FRAME_S * sr))
    levels, n = _levels(source, size)
    kept = _kept(levels, n, size, sr, below_db, pause_s, ends)

    def parts() -> Iterator[np.ndarray]:
        return _cut(audio.blocks(source, dtype), kept, n, round(_FADE_S * sr))

    _write(target, parts(), sr, channels, container, subtype, endian)
    return Made(target, n / sr, sum(end - start for start, end in kept) / sr)


def convert(
    source: Path,
    target: Path,
    sr: int | None = None,
    mono: bool = False,
    bits: int | None = None,
    force: bool = False,
) -> Made:
    """Write the audio as `target`'s suffix says.

    Resampling is soxr's HQ; integers are rounded to the nearest, without dither. Between lossless formats at the same
    rate, and at the same or a higher resolution, every sample stays the same.

    Parameters
    ----------
    sr : sampling rate in Hz; None: the source's
    mono : average the channels
    bits : a sample: 8, 16, 24 or 32; None: the source's where the format has it, or else the format's default
    force : replace `target`

    Raises
    ------
    AudioError
        The file cannot be used.
    UserError
        The target is there, or is the source, or its format cannot hold this audio.
    """
    _check_target(source, target, force)
    container = audio.FORMATS.get(target.suffix.lower())
    if container is None:
        offered = " ".join(sorted(audio.FORMATS))
        raise UserError(f"{target}: a suffix that names an audio format expected ({offered}), {target.suffix!r} found")
    with audio.opened(source) as file:
        found_sr, subtype, channels, promised = file.samplerate, file.subtype, file.channels, file.frames
    subtype, channels, sr = _subtype(target, container, subtype, bits), 1 if mono else channels, sr or found_sr
    counted = {"samples": 0, "clipped": 0}

    def parts() -> Iterator[np.ndarray]:
        for y in _at(audio.blocks(source, "float64"), found_sr, sr, channels):
            counted["samples"] += len(y)
            counted["clipped"] += int(np.count_nonzero(np.abs(y) > 1))
            yield _integers(y, _BITS[subtype]) if subtype in _BITS else y

    _write(target, parts(), sr, channels, container, subtype)
    return Made(target, promised / found_sr, counted["samples"] / sr, counted["clipped"])


def _check_target(source: Path, target: Path, force: bool) -> None:
    if target.exists() and source.exists() and target.samefile(source):
        raise UserError(f"{target}: a new file expected, the input itself found; give --out another name")
    if target.exists() and not force:
        raise UserError(f"{target} is there already; give --out another name, or --force to replace it")


def _subtype(target: Path, container: str, found: str, bits: int | None) -> str:
    """The source's coding where it is one of samples as they are, or else the container's usual one."""
    offered = soundfile.available_subtypes(container)
    if bits:
        of_size = [name for name in offered if _BITS.get(name) == bits]
        if not of_size:
            raise UserError(f"{target}: {container} has no samples of {bits} bits; leave out --bits, or take --to wav")
        return of_size[0]
    if target.suffix.lower() == ".opus":
        return "OPUS"
    return found if found in offered and found in _PLAIN else str(soundfile.default_subtype(container))


def _levels(source: Path, size: int) -> tuple[np.ndarray, int]:
    """Mean square of each `size` samples, and the number of samples."""
    squares: list[np.ndarray] = []
    n, held = 0, np.empty(0)
    for block in audio.blocks(source):
        n += len(block)
        held = np.concatenate([held, np.square(block, dtype=np.float64).mean(axis=1)])
        whole = len(held) // size * size
        squares.append(held[:whole].reshape(-1, size).mean(axis=1))
        held = held[whole:]
    if len(held):
        squares.append(held.mean(keepdims=True))
    return np.concatenate(squares), n


def _kept(
    levels: np.ndarray, n: int, size: int, sr: int, below_db: float, pause_s: float, ends: bool
) -> list[tuple[int, int]]:
    """What is kept: from sample, to sample."""
    sounding = levels[levels > audio.SILENCE_PEAK**2 / 2]
    if not len(sounding):
        raise audio.AudioError("silent", f"no 20 ms of it reach {audio.SILENCE_PEAK:.0e} of full scale")
    heard = np.flatnonzero(levels >= np.percentile(sounding, _LOUD) * 10 ** (-below_db / 10))
    breaks = np.flatnonzero(np.diff(heard) * size > pause_s * sr) if not ends else np.empty(0, int)
    first, last = heard[np.r_[0, breaks + 1]], heard[np.r_[breaks, len(heard) - 1]]
    margin = round(_MARGIN_S * sr)
    kept: list[tuple[int, int]] = []
    for start, end in zip(first * size - margin, (last + 1) * size + margin, strict=True):
        start, end = max(0, int(start)), min(n, int(end))
        if kept and start <= kept[-1][1]:
            kept[-1] = kept[-1][0], end
        else:
            kept.append((start, end))
    return kept


def _cut(blocks: Iterable[np.ndarray], kept: list[tuple[int, int]], n: int, fade: int) -> Iterator[np.ndarray]:
    """The kept samples, faded where samples were cut off."""
    at = 0
    for block in blocks:
        for start, end in kept:
            low, high = max(start, at), min(end, at + len(block))
            if low >= high:
                continue
            places = np.arange(low, high)
            gain = np.ones(high - low)
            if start > 0:
                gain = np.minimum(gain, (places - start + 0.5) / fade)
            if end < n:
                gain = np.minimum(gain, (end - places - 0.5) / fade)
            part = block[low - at : high - at]
            faded = gain < 1
            if faded.any():
                part = part.copy()
                part[faded] = (part[faded] * gain[faded, None]).astype(part.dtype)
            yield part
        at += len(block)


def _at(blocks: Iterable[np.ndarray], found_sr: int, sr: int, channels: int) -> Iterator[np.ndarray]:
    """Blocks with this number of channels at this rate."""
    resample = soxr.ResampleStream(found_sr, sr, channels, dtype="float64") if sr != found_sr else None
    for block in blocks:
        y = block if block.shape[1] == channels else block.mean(axis=1, keepdims=True)
        yield resample.resample_chunk(y) if resample else y
    if resample:
        yield resample.resample_chunk(np.empty((0, channels)), last=True)


def _integers(y: np.ndarray, bits: int) -> np.ndarray:
    """Full scale 1 -> the int32 of which libsndfile keeps the upper `bits`."""
    step = _FULL / 2 ** (bits - 1)
    most = 2 ** (bits - 1)
    return (np.clip(np.rint(y * most), -most, most - 1) * step).astype(np.int32)


def _write(
    target: Path,
    parts: Iterable[np.ndarray],
    sr: int,
    channels: int,
    container: str,
    subtype: str,
    endian: str = "FILE",
) -> None:
    def write(temporary: Path) -> None:
        try:
            file = soundfile.SoundFile(temporary, "w", sr, channels, subtype, endian, container)
        except (soundfile.LibsndfileError, ValueError) as error:
            raise UserError(
                f"{target}: {container} {subtype} does not hold {channels} channels at {sr} Hz;"
                " choose another --to, --rate or --mono"
            ) from error
        with file:
            for part in parts:
                file.write(part)

    tables.atomically(target, write)
