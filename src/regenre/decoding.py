"""Decode audio files block by block. A file that holds less than its header states is read to its end.

libsndfile reads uncompressed formats, FLAC and Ogg. FFmpeg, through PyAV, reads MP3 and what libsndfile cannot: AAC and
ALAC (.m4a, .mp4), WMA, WebM and more. FFmpeg may open only the formats of `_DEMUXERS`: in some others, a file names
further files or addresses, and FFmpeg would open them.

    open_audio  a file -> `AudioFile`
    find_audio  the audio files of a folder, and what is left out; `count_left_out` puts that into words
    AudioFile   what an open file offers
    AudioError  a fault of a file, of one of the kinds `FAULTS`
    FORMATS     suffix -> libsndfile's name of the container
    SUFFIXES    of the files that can be read
"""

import io
import mmap
import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import soundfile

from regenre.common.errors import UserError, join_lines
from regenre.common.kinds import MAX_RATE, MIN_RATE

FAULTS = (
    "missing", "broken", "unreadable", "truncated", "empty", "not_finite", "out_of_range", "silent", "too_short",
    "too_long",
)  # fmt: skip
FORMATS = {f".{name.lower()}": name for name in soundfile.available_formats() if name not in ("RAW", "SD2")} | {
    ".aif": "AIFF", ".aifc": "AIFF", ".oga": "OGG", ".opus": "OGG", ".snd": "AU",
}  # fmt: skip
_DEMUXERS = {
    "aac": ".aac", "ac3": ".ac3", "amr": ".amr", "ape": ".ape", "asf": ".wma .asf", "au": "", "caf": "",
    "dsf": ".dsf", "eac3": ".eac3",
    "matroska": ".webm .mka .mkv", "mov": ".m4a .m4b .mp4 .mov .3gp", "mp3": ".mp3 .mp2", "mpc": ".mpc", "mpc8": "",
    "ogg": "", "flac": "", "tta": ".tta", "w64": "", "wav": "", "wv": ".wv",
}  # fmt: skip # those that FFmpeg may open; none of them opens another file or an address
_STATE_LENGTH = {"asf", "caf", "matroska", "mov", "ape", "tta", "wv", "dsf", "mpc", "mpc8"}  # the others estimate it
SUFFIXES = frozenset({*FORMATS, *" ".join(_DEMUXERS.values()).split()})
LOST = "a link to nothing"  # why `find_audio` leaves a file out that should be there
# start of a file of chunks -> where the first is, how its head is packed, whether chunks are padded to even lengths
_CHUNKS = {
    b"RIFF": (12, "<4sI", True), b"RF64": (12, "<4sI", True), b"RIFX": (12, ">4sI", True),
    b"FORM": (12, ">4sI", True), b"caff": (8, ">4sq", False),
}  # fmt: skip
_OF_SAMPLES = {b"data", b"SSND", b"BODY", *_CHUNKS}  # a file may follow a file
_MOST_CHUNKS = 1 << 16
_KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip
_UNKNOWN_FROM = 0x7FFFF000 - 0x100  # programs that stream write 2 or 4 GiB, less a header, or 0 for a size
# what libsndfile's log tells of a cut file: a chunk of samples that is too short, W64's chunk beside the file's length,
# a number of frames, a remark
_SHORT_CHUNK = re.compile(r"^\s*(?:data|SSND|Data Size|BODY|Data length)[ :]+(\d+) \(?should be (\d+)\)?", re.M)
_W64_CHUNK = re.compile(r"^Length : (\d+)$.*^wave$.*^data : (\d+)$", re.M | re.S)
_FRAMES = re.compile(r"^\s*Frames\s*:\s*(\d+)$", re.M)
_REMARK = re.compile(r"seems to be (?:a )?truncated", re.I)
# where else a header states a number of frames: WAV beside its samples, MATLAB 5, NIST SPHERE
_FACT = re.compile(r"^fact : 4$\s+frames\s*: (\d+)$", re.M)
_COLUMNS = re.compile(r"Cols : (\d+)")
_COUNT = re.compile(rb"^sample_count -i (\d+)", re.M)
_FLAC_START = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # and the head of the block that describes the stream
_LONGEST_BLOCK = 4096  # samples of a block of ADPCM or GSM, of which the last is filled up
_MPEG = re.compile(rb"ID3|\xff[\xe2-\xe7\xf2-\xff]")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # then, 40 bytes from its start, the file's size
_NUMBER_AND_PATH = re.compile(r"""^\[Errno -?\d+\] |: ('.*'|".*")( returned -?\d+)?$""")  # in FFmpeg's errors
_BAD_SHARE = 0.01  # of the packets of a lossy stream that may be damaged; radio streams begin and end within one


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


class AudioFile(Protocol):
    """An open audio file.

    Attributes
    ----------
    sr : sampling rate in Hz
    channels : number of channels
    container, subtype, endian : libsndfile's names; container is "" for what it cannot write
    encoding : of the file, in words
    n_stated : samples per channel by the header, or None if it does not say; the file may hold fewer
    """

    sr: int
    channels: int
    container: str
    subtype: str
    endian: str
    encoding: str
    n_stated: int | None

    def read_blocks(self, most: int, dtype: str = "float32") -> Iterator[np.ndarray]:
        """Yield the samples in order, shape (n, channels), at most `most` of all channels at once.

        Raises
        ------
        AudioError
            `unreadable`; after the last block `truncated` (the header states more than the file holds) or `empty`.
        """
        ...

    def skip(self, n: int) -> bool:
        """Go to sample n if that costs nothing; return whether it was done."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


def find_audio(folder: Path) -> tuple[list[Path], dict[str, str]]:
    """Find the audio files of a folder at any depth, also below links to folders.

    Hidden files and folders are passed over, such as the `._x.wav` that a Mac leaves.

    Returns
    -------
    paths : files with a suffix of `SUFFIXES`, sorted
    left_out : path below the folder -> why it is left out; files that are no audio are counted here too
    """
    paths: list[Path] = []
    left_out: dict[str, str] = {}
    entered = {folder.resolve()}

    def leave_out(path: Path, reason: str) -> None:
        left_out[str(path.relative_to(folder))] = reason

    def leave_folder(error: OSError) -> None:
        leave_out(Path(error.filename), "a folder that cannot be entered")

    for place, folder_names, file_names in os.walk(folder, onerror=leave_folder, followlinks=True):
        inside = []
        for path in (Path(place) / name for name in sorted(folder_names)):
            target = path.resolve()
            if path.name.startswith("."):
                leave_out(path, "hidden")
            elif path.is_symlink() and any(target in (other, *other.parents) for other in entered):
                leave_out(path, "a link to a folder that is read already")
            else:
                entered.add(target)
                inside.append(path.name)
        folder_names[:] = inside
        for path in (Path(place) / name for name in file_names):
            if path.name.startswith("."):
                leave_out(path, "hidden")
            elif path.suffix.lower() not in SUFFIXES:
                leave_out(path, "not audio")
            elif path.is_file():
                paths.append(path)
            else:
                leave_out(path, "not a file" if path.exists() else LOST)
    return sorted(paths), left_out


def count_left_out(left_out: dict[str, str]) -> str:
    """Return how many files are left out for each reason, each with an example."""
    examples: dict[str, list[str]] = {}
    for path, reason in sorted(left_out.items()):
        examples.setdefault(reason, []).append(path)
    return "; ".join(f"{len(paths)} {reason} ({paths[0]!r})" for reason, paths in sorted(examples.items()))


@contextmanager
def open_audio(path: Path) -> Iterator[AudioFile]:
    """Open a file.

    Raises
    ------
    AudioError
        `missing`, or `unreadable`: neither library knows the format, or its sampling rate is out of range.
    """
    _check_file(path)
    file = _open(path)
    try:
        if not MIN_RATE <= file.sr <= MAX_RATE:
            raise AudioError("unreadable", f"a sampling rate of {MIN_RATE} to {MAX_RATE} Hz expected, {file.sr} found")
        yield file
    finally:
        file.close()


def _check_file(path: Path) -> None:
    """Raise `AudioError` if a path names no regular file; nothing is opened, for a pipe would wait for a writer."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise AudioError(
            "missing", f"a file expected, {LOST if path.is_symlink() else 'nothing'} found there"
        ) from error
    except (OSError, ValueError) as error:  # a name that is too long, links in a circle, a folder that is closed
        raise AudioError("missing", f"no file can be opened there: {getattr(error, 'strerror', error)}") from error
    if not stat.S_ISREG(mode):
        raise AudioError("missing", f"a regular file expected, {_KINDS[stat.S_IFMT(mode)]} found there")


def _open(path: Path) -> AudioFile:
    with _explain():
        with path.open("rb") as stream:
            start = stream.read(10)
            n_chunks = _count_sample_chunks(stream, start[:4])
        if not start:
            raise AudioError("unreadable", "the file is empty")
        if n_chunks > 1:
            raise AudioError("unreadable", f"one chunk of samples expected, {n_chunks} found; split the file")
    first = ""
    if not _MPEG.match(start) and path.suffix.lower() not in (".mp3", ".mp2"):
        try:
            file = _SndFile(path)
            if file.n_stated is None and file.container in ("AU", "RF64"):
                file.close()
                file = _SndFile(_RepairedFile(path))
        except AudioError as error:
            first = f"{error}; "
        else:
            if file.container in _FIND_PARTS and not file.is_doubtful:
                parts = _FIND_PARTS[file.container](path)
                if len(parts) > 1:
                    file.close()
                    return _Chain(path, parts)
            return _prefer_ffmpeg(path, file) if file.is_doubtful else file
    try:
        return _FfmpegFile(path)
    except AudioError as error:
        raise AudioError(error.fault, f"{first}{error}") from error


def _prefer_ffmpeg(path: Path, file: "_SndFile") -> AudioFile:
    """Return the file as FFmpeg reads it, if it can."""
    try:
        other = _FfmpegFile(path)
    except AudioError:
        return file
    file.close()
    return other


class _SndFile:
    """A file that libsndfile reads."""

    def __init__(self, source: Path | IO[bytes] | mmap.mmap) -> None:
        with _explain("libsndfile"):
            name: Any = os.fsencode(source) if isinstance(source, Path) else source
            self._file = file = soundfile.SoundFile(name)
        if file.format == "RAW":  # libsndfile takes any bytes for sound if the suffix is .au, .snd, .vox or .gsm
            file.close()
            raise AudioError("unreadable", "libsndfile finds no header in it")
        self.sr, self.channels = file.samplerate, file.channels
        self.container, self.subtype, self.endian = file.format, file.subtype, file.endian
        self.encoding = f"{file.format_info}, {file.subtype_info}"
        self.n_stated = self._read_length(source)
        self._start = 0
        # it reads MP3 with other memory's bytes, and little or nothing of a file whose header states no length
        self.is_doubtful = self.container == "MP3" or self.n_stated is None

    def _read_length(self, source: Path | IO[bytes] | mmap.mmap) -> int | None:
        n, log = self._file.frames, self._file.extra_info
        if self.container == "MAT5" and (columns := _COLUMNS.findall(log)):
            return int(columns[-1])
        if self.container == "NIST" and isinstance(source, Path):
            with source.open("rb") as stream:
                counts = _COUNT.findall(stream.read(1024))
            return int(counts[0]) if counts else None
        if (fact := _FACT.search(log)) and 0 < n - int(fact[1]) < _LONGEST_BLOCK:
            return int(fact[1])
        return n if 0 < n < _UNKNOWN_FROM else None

    def read_blocks(self, most: int, dtype: str = "float32") -> Iterator[np.ndarray]:
        n_read = self._start
        is_padded = self.n_stated is not None and self.n_stated < self._file.frames
        while not (is_padded and n_read == self.n_stated):
            n = max(1, most // self.channels)
            if self.n_stated is not None and (is_padded or self._file.seekable()):
                n = min(n, max(1, self.n_stated - n_read))
            with _explain("libsndfile", "it is cut off or damaged: "):
                block = self._file.read(out=np.zeros((n, self.channels), dtype))  # zeros: never another memory's bytes
            if not len(block):
                break
            n_read += len(block)
            yield block
        self._check_end(n_read)

    def _check_end(self, n_read: int) -> None:
        log = self._file.extra_info
        chunks = [(int(n_stated), int(n_actual)) for n_stated, n_actual in _SHORT_CHUNK.findall(log)]
        chunks += [(int(n_stated) - 24, int(n_actual)) for n_actual, n_stated in _W64_CHUNK.findall(log)]
        for n_stated, n_actual in chunks:
            if n_actual < n_stated < _UNKNOWN_FROM:
                raise AudioError(
                    "truncated", f"the header states {n_stated} bytes of samples, the file holds {n_actual}"
                )
        for n_stated in map(int, _FRAMES.findall(log) if self.container in ("RF64", "MPC2K", "AVR") else ()):
            _check_count(n_stated if n_stated < _UNKNOWN_FROM else None, n_read)
        if self.container in ("VOC", "MAT4") and _REMARK.search(log):  # of others it counts a pad byte
            raise AudioError("truncated", f"the header states more samples than the {n_read} that the file holds")
        _check_count(self.n_stated, n_read)

    def skip(self, n: int) -> bool:
        if not self._file.seekable():
            return False
        with _explain("libsndfile"):
            self._start = self._file.seek(n)
        return True

    def close(self) -> None:
        self._file.close()


class _RepairedFile(mmap.mmap):
    """The content of an AU or RF64 whose header states no size, with the one that it has; the file is kept."""

    def __new__(cls, path: Path) -> "_RepairedFile":
        with path.open("rb") as stream:
            content = super().__new__(cls, stream.fileno(), 0, access=mmap.ACCESS_COPY)
        if content[:4] == b".snd":
            content[8:12] = b"\xff" * 4  # it is unknown
        elif content[12:16] == b"ds64" and (place := content.find(b"data", 16, 1 << 16)) > 0:
            content[28:36] = struct.pack("<Q", len(content) - place - 8)
        return content

    def seek(self, place: int, whence: Any = io.SEEK_SET) -> None:
        """Go to a place; one that does not exist is the end, as libsndfile prints what is raised here."""
        try:
            super().seek(place, whence)
        except ValueError:
            super().seek(0, io.SEEK_END)


class _Chain:
    """Several Ogg or FLAC streams in one file, one after the other; each is read as a file of its own."""

    def __init__(self, path: Path, parts: list[tuple[int, int]]) -> None:
        self._source = path.open("rb")
        self._content = mmap.mmap(self._source.fileno(), 0, access=mmap.ACCESS_READ)
        self._parts = parts
        first = self._open_part(0)
        self.sr, self.channels = first.sr, first.channels
        self.container, self.subtype, self.endian = first.container, first.subtype, first.endian
        self.encoding = f"{first.encoding}, {len(parts)} streams"
        self.n_stated: int | None = None

    def _open_part(self, number: int) -> _SndFile:
        start, end = self._parts[number]
        part = _SndFile(io.BytesIO(self._content[start:end]))
        if part.is_doubtful:
            raise AudioError("unreadable", f"its stream {number + 1} does not state its length; split the file")
        return part

    def read_blocks(self, most: int, dtype: str = "float32") -> Iterator[np.ndarray]:
        for number in range(len(self._parts)):
            part = self._open_part(number)
            if (part.sr, part.channels) != (self.sr, self.channels):
                raise AudioError(
                    "unreadable",
                    f"one sampling rate and number of channels expected, {self.sr} Hz and {self.channels} found in its"
                    f" first stream, {part.sr} Hz and {part.channels} in stream {number + 1}; split the file",
                )
            yield from part.read_blocks(most, dtype)

    def skip(self, n: int) -> bool:
        return n == 0

    def close(self) -> None:
        self._content.close()
        self._source.close()


def _find_ogg_parts(path: Path) -> list[tuple[int, int]]:
    """Return where each of the Ogg streams of a file begins and ends: a first page follows pages that are not first."""
    starts = [0]
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place, is_first = 0, True
        while (place := content.find(b"OggS\0", place + 1)) > 0:
            was_first, is_first = is_first, bool(content[place + 5] & 2)
            if is_first and not was_first:
                starts.append(place)
        return list(zip(starts, [*starts[1:], len(content)], strict=True))


def _find_flac_parts(path: Path) -> list[tuple[int, int]]:
    """Return where each of the FLAC streams of a file begins and ends; pictures and tags of the first are passed."""
    starts = [0]
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content, _explain():
        place, is_last = 4, False
        while not is_last:
            is_last = bool(content[place] & 0x80)
            place += 4 + int.from_bytes(content[place + 1 : place + 4])
        starts += [match.start() for match in _FLAC_START.finditer(content, place)]
        return list(zip(starts, [*starts[1:], len(content)], strict=True))


_FIND_PARTS = {"OGG": _find_ogg_parts, "FLAC": _find_flac_parts}


def _count_sample_chunks(stream: IO[bytes], start: bytes) -> int:
    """Return how many chunks of samples a WAV, AIFF, CAF or 8SVX has; 0 for other files. Libraries read one of them.

    Parameters
    ----------
    start : the file's first four bytes
    """
    if start not in _CHUNKS:
        return 0
    place, head, is_padded = _CHUNKS[start]
    n_chunks = 0
    for _ in range(_MOST_CHUNKS):
        stream.seek(place)
        content = stream.read(struct.calcsize(head))
        if len(content) < struct.calcsize(head):
            break
        name, n = struct.unpack(head, content)
        n_chunks += name in _OF_SAMPLES
        if not 0 <= n < 1 << 62:
            break
        place += len(content) + n + (n % 2 if is_padded else 0)
    return n_chunks


class _FfmpegFile:
    """A file that FFmpeg reads."""

    def __init__(self, path: Path) -> None:
        import av

        av.logging.set_level(av.logging.PANIC)
        with ExitStack() as stack, _explain("FFmpeg"):
            source = stack.enter_context(_Source(path))  # FFmpeg is not told the name, which could be an address
            options = {"format_whitelist": ",".join(_DEMUXERS)}
            container: Any = stack.enter_context(av.open(source, options=options))
            stream = container.streams.best("audio")
            if stream is None:
                raise AudioError("unreadable", "FFmpeg finds no audio in it")
            coding: Any = stream.codec_context
            if coding is None:
                raise AudioError("unreadable", "FFmpeg has no decoder for it")
            self.sr, self.channels = int(coding.sample_rate or 0), len(coding.layout.channels)
            if not self.channels:
                raise AudioError("unreadable", "FFmpeg finds no channel in it")
            demuxer = container.format.name.partition(",")[0]
            if demuxer in ("asf", "caf"):
                _check_size(path, demuxer)
            if (demuxer, coding.name) == ("caf", "alac"):
                coding.options = {"flags2": "skip_manual"}  # the last packet is short, and FFmpeg would cut it again
            self._close = stack.pop_all().close
        self._stream: Any = stream
        is_mp3 = demuxer == "mp3"
        self.container, self.subtype = ("MP3", "MPEG_LAYER_III") if is_mp3 else ("", "")
        self.endian, self.encoding = "FILE", f"{container.format.long_name}, {coding.codec.long_name}"
        self.n_stated, self._tolerance = None, 0
        if is_mp3:
            self.n_stated, self._tolerance = _read_mp3_length(path), 3 * 1152
        elif demuxer in _STATE_LENGTH and (duration := stream.duration or container.duration):
            base = stream.time_base if stream.duration else Fraction(1, 1_000_000)
            self.n_stated = int(duration * (base or 0) * self.sr)
            self._tolerance = self.sr // 5 + self.n_stated // 50

    def read_blocks(self, most: int, dtype: str = "float32") -> Iterator[np.ndarray]:
        n, n_read, parts = max(1, most // self.channels), 0, []
        for part in self._decode():
            parts.append(part)
            n_read += len(part)
            if sum(map(len, parts)) >= n:
                yield np.concatenate(parts).astype(dtype, copy=False)
                parts = []
        if parts:
            yield np.concatenate(parts).astype(dtype, copy=False)
        _check_count(self.n_stated, n_read, self._tolerance)

    def _decode(self) -> Iterator[np.ndarray]:
        """Yield what each packet holds, at the rate and with the channels that the stream began with."""
        import av

        n_packets = n_bad = 0
        packets, resampler = self._stream.container.demux(self._stream), _Resampler(self.channels, self.sr)
        while True:
            with _explain("FFmpeg"):
                try:
                    packet = next(packets, None)
                except av.error.FFmpegError:  # the file ends within a packet
                    packet = None
            if packet is None:
                break
            n_packets += 1
            with _explain("FFmpeg"):
                try:
                    samples = resampler.convert(packet.decode())
                except av.error.FFmpegError:
                    n_bad += 1
                    continue
            yield from samples
        with _explain("FFmpeg"):
            samples = resampler.flush()
        yield from samples
        if n_bad > max(2, _BAD_SHARE * n_packets):
            raise AudioError("unreadable", f"{n_bad} of {n_packets} packets are damaged")

    def skip(self, n: int) -> bool:
        return n == 0

    def close(self) -> None:
        self._close()


class _Source(io.FileIO):
    """A file in which a damaged header may ask for a place before the beginning; PyAV prints what `seek` raises."""

    def seek(self, place: int, whence: int = 0) -> int:
        try:
            return super().seek(place, whence)
        except (OSError, OverflowError):
            return -1


class _Resampler:
    """Brings FFmpeg's frames to float32, one rate and one number of channels, though the stream may change within."""

    def __init__(self, channels: int, sr: int) -> None:
        self._channels, self._sr = channels, sr
        self._kind: tuple[str, str, int] | None = None
        self._resampler: Any = None

    def convert(self, frames: list[Any]) -> list[np.ndarray]:
        """Return the samples of the frames, each of shape (n, n_channels)."""
        import av

        samples: list[np.ndarray] = []
        for frame in frames:
            frame.pts = None  # samples follow each other, whatever their clock says
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if kind != self._kind:
                samples += self.flush()
                # interleaved, since PyAV reads past the list of a planar frame's channels if there are more than eight
                self._kind, self._resampler = kind, av.AudioResampler("flt", frame.layout, self._sr)
            samples += map(self._mix, self._resampler.resample(frame))
        return samples

    def _mix(self, frame: Any) -> np.ndarray:
        """Bring another number of channels to that which the stream began with, by their mean."""
        samples: np.ndarray = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
        if samples.shape[1] == self._channels:
            return samples
        return np.repeat(samples.mean(axis=1, keepdims=True, dtype=np.float32), self._channels, axis=1)

    def flush(self) -> list[np.ndarray]:
        """Return what is left of the frames before."""
        return [*map(self._mix, self._resampler.resample(None))] if self._resampler else []


def _check_count(n_stated: int | None, n_read: int, tolerance: int = 0) -> None:
    if n_stated is not None and n_read < n_stated - tolerance:
        raise AudioError("truncated", f"the header states {n_stated} samples, {n_read} could be decoded")
    if n_read == 0:
        raise AudioError("empty", "the file holds no samples")


def _check_size(path: Path, demuxer: str) -> None:
    """Raise `AudioError` if a WMA or CAF is shorter than it states; FFmpeg then takes its length from its size."""
    with path.open("rb") as stream:
        start = stream.read(1 << 16)
    place = start.find(_ASF_PROPERTIES if demuxer == "asf" else b"data")
    if not 0 <= place <= len(start) - 48:
        return
    if demuxer == "asf":
        (n_stated,) = struct.unpack("<q", start[place + 40 : place + 48])
    else:
        n_stated = place + 12 + struct.unpack(">q", start[place + 4 : place + 12])[0]
    size = path.stat().st_size
    if size < n_stated < _UNKNOWN_FROM:
        raise AudioError("truncated", f"the header states {n_stated} bytes, the file has {size}")


def _read_mp3_length(path: Path) -> int | None:
    """Return the number of samples that the Xing or VBRI header of an MP3 states, or None without one."""
    with path.open("rb") as stream:
        start = stream.read(10)
        if start[:3] == b"ID3":
            a, b, c, d = start[6:10]
            stream.seek((a << 21 | b << 14 | c << 7 | d) + 10 * (2 if start[5] & 0x10 else 1))
        else:
            stream.seek(0)
        frame = stream.read(4096)
    match = re.search(rb"\xff[\xe2-\xe7\xf2-\xff]", frame)
    if not match:
        return None
    frame = frame[match.start() :][:300]
    per_frame = 1152 if frame[1] & 0x18 == 0x18 else 576
    for name, place in ((b"Xing", 8), (b"Info", 8), (b"VBRI", 14)):
        at = frame.find(name)
        if at >= 0 and len(frame) >= at + place + 4 and (name == b"VBRI" or frame[at + 7] & 1):
            (n_frames,) = struct.unpack(">I", frame[at + place : at + place + 4])
            return int(n_frames) * per_frame
    return None


@contextmanager
def _explain(library: str = "", cause: str = "") -> Iterator[None]:
    """Turn what a library raises about a file, of whatever kind, into an `AudioError`; it begins with the cause."""
    try:
        yield
    except AudioError:
        raise
    except Exception as error:
        reason = join_lines(str(error)).partition("; last error log")[0].rsplit("': ", 1)[-1].strip().rstrip(".")
        reason = _NUMBER_AND_PATH.sub("", reason)
        prefix = f"{library} cannot read it: " if library else ""
        raise AudioError("unreadable", cause + prefix + (reason or type(error).__name__)) from error
