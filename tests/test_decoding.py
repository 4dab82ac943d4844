"""Files as programs, disks and people leave them. Every one is written here, byte by byte, so its length is known."""

import contextlib
import io
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
import soundfile
from helpers import SR, noise, sine

from regenre import audio, decoding

N = 2 * SR
SOUND = (np.round(noise(2.0) * 2**15) / 2**15).astype(np.float32)[:, None]  # 16 bits hold it exactly
TWO_GIB, HUGE = 2**31, 2**50  # sizes that no test file has


def encode(y: np.ndarray, name: str, sr: int = SR, subtype: str | None = None) -> bytes:
    """Return the file that libsndfile writes, in its format `name`."""
    file = io.BytesIO()
    soundfile.write(file, y, sr, format=name, subtype=subtype)
    return file.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def read(path: Path) -> tuple[np.ndarray, str]:
    """Return what is read of a file before its fault, and the fault or ''."""
    blocks, fault = [], ""
    try:
        with decoding.open_audio(path) as file:
            for block in file.read_blocks(1 << 16):
                blocks.append(block)
    except decoding.AudioError as error:
        fault = error.fault
    assert fault in ("", *decoding.FAULTS)
    return np.concatenate(blocks) if blocks else np.empty((0, 1), np.float32), fault


def check(path: Path, expected: np.ndarray | str) -> None:
    """Check the samples of a file, or its fault."""
    samples, fault = read(path)
    if isinstance(expected, str):
        assert fault == expected
    else:
        assert fault == ""
        np.testing.assert_array_equal(samples, expected)


def find_pitch(samples: np.ndarray, sr: int) -> float:
    """Return the frequency of the highest peak of the spectrum."""
    return float(np.fft.rfftfreq(len(samples), 1 / sr)[np.abs(np.fft.rfft(samples[:, 0])).argmax()])


def name_case(value: object) -> str | None:
    """Return the name of a case's fields, or None for pytest's own."""
    if isinstance(value, dict):
        return ",".join(f"{key}={number:#x}" for key, number in value.items()) or "as_written"
    return "ok" if isinstance(value, np.ndarray) else None


# --- headers -----------------------------------------------------------------

FIELDS = {  # format -> field -> (identifier before it, bytes from there, struct's type)
    "wav": {
        "riff": (b"RIFF", 4, "<I"), "channels": (b"fmt ", 10, "<H"), "rate": (b"fmt ", 12, "<I"),
        "align": (b"fmt ", 20, "<H"), "bits": (b"fmt ", 22, "<H"), "data": (b"data", 4, "<I"),
    },
    "aiff": {
        "form": (b"FORM", 4, ">I"), "channels": (b"COMM", 8, ">H"), "frames": (b"COMM", 10, ">I"),
        "bits": (b"COMM", 14, ">H"), "data": (b"SSND", 4, ">I"),
    },
    "au": {"data": (b".snd", 8, ">I"), "rate": (b".snd", 16, ">I"), "channels": (b".snd", 20, ">I")},
    "rf64": {"riff": (b"ds64", 8, "<Q"), "data": (b"ds64", 16, "<Q"), "frames": (b"ds64", 24, "<Q")},
    "w64": {"data": (b"data", 16, "<Q")},
    "caf": {"data": (b"data", 4, ">Q")},
    "flac": {"frames": (b"fLaC", 21, ">Q")},  # 36 bits of it, see `falsify`
}  # fmt: skip
WAV_SIZE = len(encode(SOUND, "WAV"))


def falsify(suffix: str, **values: int) -> bytes:
    """Return the file of `SOUND` with other numbers in its header."""
    content = bytearray(encode(SOUND, suffix.upper()))
    for field, value in values.items():
        identifier, offset, kind = FIELDS[suffix][field]
        at = content.index(identifier) + offset
        if suffix == "flac":
            content[at : at + 5] = (0xF << 36 | value).to_bytes(5, "big")  # the F are bits of the number of bits
        else:
            struct.pack_into(kind, content, at, value)
    return bytes(content)


HEADERS = [
    ("wav", {}, SOUND),
    ("wav", {"riff": 0}, SOUND),
    ("wav", {"riff": WAV_SIZE}, SOUND),  # it counts its own header
    ("wav", {"riff": WAV_SIZE + 192}, SOUND),  # a chunk after the samples was cut off
    ("wav", {"riff": WAV_SIZE - 208}, SOUND),
    ("wav", {"riff": 2**32 - 1}, SOUND),
    ("wav", {"data": 0}, SOUND),  # written to a pipe, as the next ones
    ("wav", {"data": TWO_GIB}, SOUND),
    ("wav", {"data": 2**32 - 1}, SOUND),
    ("wav", {"riff": 0x7FFFF024, "data": 0x7FFFF000}, SOUND),
    ("wav", {"riff": 0x7FFFFFFF, "data": 0x7FFFFFDB}, SOUND),
    ("wav", {"riff": 2**32 - 1, "data": 2**32 - 1}, SOUND),
    ("wav", {"data": 2 * N - 200}, SOUND[:-100]),  # what follows the samples may be anything
    ("wav", {"data": 2 * N + 200}, "truncated"),
    ("wav", {"channels": 0}, "unreadable"),
    ("wav", {"channels": 1024}, SOUND[: N // 1024 * 1024].reshape(-1, 1024)),
    ("wav", {"channels": 65535}, "unreadable"),
    ("wav", {"align": 7}, SOUND),
    ("wav", {"bits": 0}, "unreadable"),
    ("wav", {"rate": 0}, "unreadable"),
    ("wav", {"rate": 1}, "unreadable"),
    ("wav", {"rate": 999}, "unreadable"),
    ("wav", {"rate": 1000}, SOUND),
    ("wav", {"rate": 768_000}, SOUND),
    ("wav", {"rate": 768_001}, "unreadable"),
    ("wav", {"rate": 2**31 - 1}, "unreadable"),
    ("wav", {"rate": 2**31}, "unreadable"),
    ("aiff", {}, SOUND),
    ("aiff", {"data": 0}, SOUND),
    ("aiff", {"data": 2**32 - 1}, SOUND),
    ("aiff", {"frames": 0}, SOUND),
    ("aiff", {"frames": 2**32 - 1}, SOUND),
    ("aiff", {"data": 0, "frames": 2**32 - 1}, SOUND),
    ("aiff", {"form": 0}, SOUND),
    ("aiff", {"channels": 0}, "unreadable"),
    ("aiff", {"channels": 65535}, "unreadable"),
    ("aiff", {"bits": 0}, "unreadable"),
    ("au", {}, SOUND),
    ("au", {"data": 2**32 - 1}, SOUND),
    ("au", {"rate": 0}, "unreadable"),
    ("au", {"channels": 0}, "unreadable"),
    ("rf64", {}, SOUND),
    ("rf64", {"data": HUGE, "frames": HUGE // 2}, SOUND),
    ("rf64", {"riff": HUGE, "data": HUGE, "frames": HUGE // 2}, SOUND),
    ("w64", {}, SOUND),
    ("w64", {"data": 24}, SOUND),  # the length of its own header
    ("w64", {"data": HUGE}, SOUND),
    ("caf", {}, SOUND),
    ("flac", {}, SOUND),
    ("flac", {"frames": 0}, SOUND),
    ("flac", {"frames": 2**32}, SOUND),
    ("flac", {"frames": 2**36 - 1}, SOUND),
    ("au", {"data": TWO_GIB}, SOUND),
    ("au", {"data": 0}, SOUND),
    ("rf64", {"data": 0, "frames": 0}, SOUND),  # written to a pipe
    ("rf64", {"riff": 0, "data": 0, "frames": 0}, SOUND),
    ("caf", {"data": 2**64 - 1}, SOUND),
    ("flac", {"frames": N + 200}, "unreadable"),  # as a damaged one: libsndfile does not tell them apart
]  # fmt: skip


@pytest.mark.parametrize(("suffix", "values", "expected"), HEADERS, ids=name_case)
def test_what_is_there_is_read_whatever_the_header_promises(
    tmp_path: Path, suffix: str, values: dict[str, int], expected: np.ndarray | str
) -> None:
    check(write(tmp_path / f"clip.{suffix}", falsify(suffix, **values)), expected)


@pytest.mark.parametrize(
    ("name", "end", "fault"),
    [
        ("clip.wav", 0, "unreadable"),
        ("clip.wav", 30, "unreadable"),  # within the header
        ("clip.wav", 36, "unreadable"),  # before the samples' chunk
        ("clip.wav", 44, "empty"),
        ("clip.wav", 45, "empty"),  # half a sample
        ("clip.wav", WAV_SIZE // 2, "truncated"),
        ("clip.wav", WAV_SIZE - 2, "truncated"),
        ("clip.flac", 20, "unreadable"),
        ("clip.aiff", 30, "unreadable"),
    ],
)
def test_a_file_that_ends_early_is_a_fault(tmp_path: Path, name: str, end: int, fault: str) -> None:
    path = tmp_path / name
    check(write(path, encode(SOUND, path.suffix[1:].upper())[:end]), fault)


def test_a_flac_without_a_length_that_ends_early_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    content = falsify("flac", frames=0)
    samples, fault = read(write(tmp_path / "clip.flac", content[: len(content) // 2]))
    assert fault in ("", "truncated")
    assert N / 4 < len(samples) < 3 * N / 4
    np.testing.assert_array_equal(samples, SOUND[: len(samples)])


@pytest.mark.parametrize(("name", "n"), [("AVR", N), ("CAF", N), ("MAT4", N), ("VOC", N), ("SDS", N // 40 * 40)])
def test_a_whole_file_of_any_length_has_no_fault(tmp_path: Path, name: str, n: int) -> None:
    check(write(tmp_path / f"clip.{name.lower()}", encode(SOUND[:n], name, subtype="PCM_16")), SOUND[:n])


@pytest.mark.parametrize("n_blocks", [50, 51])  # an odd size is padded by a byte
def test_a_telephone_recording_holds_320_samples_in_65_bytes(tmp_path: Path, n_blocks: int) -> None:
    content = encode(sine(440, n_blocks * 320 / 8000, 8000), "WAV", 8000, "GSM610")
    assert struct.unpack_from("<I", content, content.index(b"data") + 4) == (n_blocks * 65,)
    samples, fault = read(write(tmp_path / "clip.wav", content))
    assert (len(samples), fault) == (n_blocks * 320, "")
    assert find_pitch(samples, 8000) == pytest.approx(440, abs=1)
    check(write(tmp_path / "cut.wav", content[: len(content) // 2]), "truncated")


@pytest.mark.parametrize("subtype", ["MS_ADPCM", "G721_32", "GSM610"])
@pytest.mark.parametrize("n", [8000, 8001, 8159])
def test_the_padding_of_the_last_block_is_no_sound(tmp_path: Path, subtype: str, n: int) -> None:
    samples, fault = read(write(tmp_path / "clip.wav", encode(sine(440, n / 8000, 8000), "WAV", 8000, subtype)))
    assert (len(samples), fault) == (n, "")


@pytest.mark.parametrize("name", ["page.wav", "page.mp3", "page.m4a", "page.flac", "page.ogg", "page.au", "page.snd"])
def test_a_page_that_was_saved_as_audio_is_unreadable(tmp_path: Path, name: str) -> None:
    check(write(tmp_path / name, b"<!DOCTYPE html><title>Sign in</title>" * 50), "unreadable")


# --- Ogg ---------------------------------------------------------------------

STEREO = np.repeat(SOUND, 2, axis=1)
OPUS, STEREO_OPUS = (encode(y, "OGG", 48_000, "OPUS") for y in (SOUND, STEREO))


@pytest.mark.parametrize(
    ("first", "second", "n"),
    [
        (encode(SOUND, "OGG"), encode(SOUND, "OGG"), 2 * N),
        (OPUS, OPUS, 2 * N),
        (encode(SOUND, "OGG"), encode(STEREO, "OGG"), 2 * N),
        (encode(SOUND, "OGG"), encode(SOUND, "OGG", 2 * SR), N + N // 2),
        (OPUS, STEREO_OPUS, 2 * N),
    ],
    ids=["vorbis", "opus", "vorbis, mono and stereo", "vorbis, two rates", "opus, mono and stereo"],
)
def test_oggs_that_were_joined_are_read_to_the_end_or_a_fault(
    tmp_path: Path, first: bytes, second: bytes, n: int
) -> None:
    samples, fault = read(write(tmp_path / "clip.ogg", first + second))
    assert fault or len(samples) == pytest.approx(n, abs=1024)
    assert fault or np.abs(samples).max() < 1


# --- several in one file -----------------------------------------------------


def tag_flac(flac: bytes) -> bytes:
    """Return a FLAC with a picture that is a FLAC."""
    picture = b"fLaC\0\0\0\x22" + bytes(100)
    return flac[:42] + b"\x06" + len(picture).to_bytes(3) + picture + flac[42:]


def test_flacs_that_were_joined_are_read_to_the_end(tmp_path: Path) -> None:
    flac = encode(SOUND, "FLAC")
    check(write(tmp_path / "a.flac", tag_flac(flac)), SOUND)
    check(write(tmp_path / "b.flac", tag_flac(flac) + flac + flac), np.concatenate([SOUND] * 3))
    check(write(tmp_path / "c.flac", flac + encode(SOUND, "FLAC", 2 * SR)), "unreadable")
    check(write(tmp_path / "d.flac", flac + falsify("flac", frames=0)), "unreadable")


@pytest.mark.parametrize(("name", "mark"), [("WAV", b"data"), ("AIFF", b"SSND"), ("CAF", b"data"), ("SVX", b"BODY")])
def test_a_second_chunk_of_samples_is_a_fault(tmp_path: Path, name: str, mark: bytes) -> None:
    content = encode(SOUND, name, subtype="PCM_16")
    check(write(tmp_path / f"a.{name.lower()}", content), SOUND)
    check(write(tmp_path / f"b.{name.lower()}", content + content[content.rindex(mark) :]), "unreadable")
    if name != "CAF":
        check(write(tmp_path / f"c.{name.lower()}", content + content), "unreadable")


# --- MP3 ---------------------------------------------------------------------


class Mp3Frame(NamedTuple):
    """A frame of a layer III stream."""

    content: bytes
    n_samples: int
    sr: int


MPEG_1, MPEG_2, MPEG_25 = 3, 2, 0  # as bits of a header
HIGH = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
LOW = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
KBPS = {MPEG_1: HIGH, MPEG_2: LOW, MPEG_25: LOW}
RATES = {MPEG_1: [44100, 48000, 32000], MPEG_2: [22050, 24000, 16000], MPEG_25: [11025, 12000, 8000]}
DELAY = 1105  # samples that LAME and a decoder put in front, which are left out where the header tells LAME's share


def split_mp3(content: bytes) -> list[Mp3Frame]:
    """Return the frames of an MP3; what lies between them is passed over."""
    frames, at = [], 0
    while 0 <= (at := content.find(b"\xff", at)) <= len(content) - 4:
        sync, version, layer, _, kbps, rate, padding, _ = split_bits(content[at : at + 4], 11, 2, 2, 1, 4, 2, 1, 9)
        if sync == 0x7FF and version != 1 and layer == 1 and 0 < kbps < 15 and rate < 3:
            n_samples, sr = 1152 if version == MPEG_1 else 576, RATES[version][rate]
            size = n_samples * KBPS[version][kbps] * 1000 // (8 * sr) + padding
            if at + size <= len(content):
                frames.append(Mp3Frame(content[at : at + size], n_samples, sr))
                at += size
                continue
        at += 1
    return frames


def split_bits(content: bytes, *lengths: int) -> list[int]:
    """Return the numbers that follow each other in some bytes."""
    bits, values = "".join(f"{byte:08b}" for byte in content), []
    for length in lengths:
        values.append(int(bits[:length], 2))
        bits = bits[length:]
    return values


def count_mp3(content: bytes) -> int:
    """Return the number of samples of an MP3, at the rate of its first frame, without a frame that states it."""
    frames = split_mp3(content)
    if b"Xing" in frames[0].content[:40] or b"VBRI" in frames[0].content[:40]:
        frames = frames[1:]
    return round(sum(frame.n_samples * frames[0].sr / frame.sr for frame in frames))


def encode_mp3(y: np.ndarray, sr: int) -> bytes:
    """Return an MP3 of variable bit rate with LAME's header."""
    file = io.BytesIO()
    soundfile.write(file, y, sr, format="MP3", bitrate_mode="VARIABLE", compression_level=0.0)
    return file.getvalue()


def strip_header(content: bytes) -> bytes:
    """Return an MP3 without the frame that states the length."""
    frames = split_mp3(content)
    assert b"Xing" in frames[0].content
    return b"".join(frame.content for frame in frames[1:])


def add_vbri(content: bytes) -> bytes:
    """Return an MP3 with a header of Fraunhofer's encoder in front."""
    frames = split_mp3(content)
    longest = max(frames, key=lambda frame: len(frame.content)).content
    header = b"VBRI" + struct.pack(">HHHIIHHHH", 1, 0, 75, len(longest) + len(content), len(frames), 0, 1, 2, 1)
    return (longest[:4] + bytes(32) + header).ljust(len(longest), b"\0") + content


def tag(n_stated: int, n_actual: int, footer: bool = False) -> bytes:
    """Return an ID3v2 tag that states a size, which should be `n_actual`."""
    size = bytes(n_stated >> shift & 0x7F for shift in (21, 14, 7, 0))
    begin = b"ID3\4\0" + (b"\x10" if footer else b"\0") + size + bytes(n_actual)
    return begin + (b"3DI\4\0\x10" + size if footer else b"")


MP3_LENGTH = 60_000
MP3_RATES = [44_100, 22_050, 8_000]  # MPEG 1, 2 and 2.5
MP3S = {sr: encode_mp3(sine(440, MP3_LENGTH / sr, sr), sr) for sr in MP3_RATES}
OTHER = encode_mp3(np.stack([sine(440, 1.0, 48_000)] * 2, axis=1), 48_000)
BIG_PICTURE = 200_000


class Mp3Case(NamedTuple):
    """What is done to an MP3, and how long it is then."""

    make: Callable[[bytes], bytes]
    n: int | None = None  # samples; None: as many as its frames hold
    tolerance: int = 0


MP3_CASES = {
    "as encoded": Mp3Case(lambda mp3: mp3, MP3_LENGTH),
    "without Xing": Mp3Case(strip_header),
    "VBRI": Mp3Case(lambda mp3: add_vbri(strip_header(mp3))),
    "ID3v2": Mp3Case(lambda mp3: tag(256, 256) + mp3, MP3_LENGTH),
    "ID3v2 with footer": Mp3Case(lambda mp3: tag(256, 256, footer=True) + mp3, MP3_LENGTH),
    "ID3v2 with picture": Mp3Case(lambda mp3: tag(BIG_PICTURE, BIG_PICTURE) + mp3, MP3_LENGTH),
    "ID3v2 states less": Mp3Case(lambda mp3: tag(256, 900) + mp3, None, 1152),  # Xing's frame may count or not
    "junk in front": Mp3Case(lambda mp3: bytes(3000) + mp3, None, 1152),
    "ID3v1": Mp3Case(lambda mp3: mp3 + b"TAG" + b"a" * 125, MP3_LENGTH),
    "two": Mp3Case(lambda mp3: mp3 + mp3, None, DELAY),
    "two without Xing": Mp3Case(lambda mp3: 2 * strip_header(mp3)),
    "other rate and channels": Mp3Case(lambda mp3: mp3 + OTHER, None, DELAY + 1152),  # FFmpeg is a frame late
    "part of a frame at the end": Mp3Case(lambda mp3: strip_header(mp3)[:-20], None, 1152),  # FFmpeg completes it
}


@pytest.mark.parametrize("sr", MP3_RATES)
@pytest.mark.parametrize("name", MP3_CASES)
def test_an_mp3_is_as_long_as_its_frames(tmp_path: Path, name: str, sr: int) -> None:
    case = MP3_CASES[name]
    content = case.make(MP3S[sr])
    path = write(tmp_path / "clip.mp3", content)
    samples, fault = read(path)
    assert fault == ""
    expected = count_mp3(content) if case.n is None else case.n
    assert len(samples) == pytest.approx(expected, abs=case.tolerance)
    assert len(samples) == pytest.approx(count_mp3(content), abs=3 * 1152)
    assert find_pitch(samples, sr) == pytest.approx(440, abs=2)
    with decoding.open_audio(path) as file:
        assert (file.sr, file.channels) == (sr, 1)


@pytest.mark.parametrize("sr", MP3_RATES)
def test_an_mp3_of_rising_bit_rate_without_xing_is_counted(tmp_path: Path, sr: int) -> None:
    silent_then_loud = np.concatenate([np.zeros(sr, np.float32), noise(1.0, sr)])
    content = strip_header(encode_mp3(silent_then_loud, sr))
    sizes = [len(frame.content) for frame in split_mp3(content)]
    assert max(sizes) > 3 * sizes[5]
    samples, fault = read(write(tmp_path / "clip.mp3", content))
    assert (len(samples), fault) == (count_mp3(content), "")


@pytest.mark.parametrize("sr", MP3_RATES)
def test_an_id3_tag_that_states_too_much_hides_samples_or_all(tmp_path: Path, sr: int) -> None:
    content = tag(4096, 256) + MP3S[sr]
    samples, fault = read(write(tmp_path / "clip.mp3", content))
    assert fault == ""
    assert len(samples) == pytest.approx(count_mp3(content[10 + 4096 :]), abs=1152)
    check(write(tmp_path / "hidden.mp3", tag(2**28 - 1, 256) + MP3S[sr]), "unreadable")


@pytest.mark.parametrize("sr", MP3_RATES)
@pytest.mark.parametrize(
    ("make", "fault"),
    [(lambda mp3: mp3, "truncated"), (lambda mp3: add_vbri(strip_header(mp3)), "truncated"), (strip_header, "")],
    ids=["Xing", "VBRI", "neither"],
)
def test_half_an_mp3_is_its_first_half_and_never_other_memory(
    tmp_path: Path, make: Callable[[bytes], bytes], fault: str, sr: int
) -> None:
    content = make(MP3S[sr])
    whole, _ = read(write(tmp_path / "whole.mp3", content))
    path = write(tmp_path / "half.mp3", content[: len(content) // 2])
    halves = []
    for value in (np.nan, 1e9):
        np.full(1 << 18, value, np.float32)  # memory that is handed out again
        samples, actual = read(path)
        assert actual == fault
        halves.append(samples)
    np.testing.assert_array_equal(*halves)
    n = len(halves[0])
    assert n == pytest.approx(len(whole) / 2, abs=0.2 * len(whole))
    np.testing.assert_array_equal(halves[0][: n - 1152], whole[: n - 1152])
    assert np.abs(halves[0]).max() < 1


def test_an_mp3_is_read_by_its_bytes_whatever_its_name(tmp_path: Path) -> None:
    samples, fault = read(write(tmp_path / "clip.wav", MP3S[44_100]))
    assert (len(samples), fault) == (MP3_LENGTH, "")


def test_the_channels_of_a_later_part_are_averaged(tmp_path: Path) -> None:
    samples, _ = read(write(tmp_path / "clip.mp3", MP3S[44_100] + OTHER))
    assert np.abs(samples[-20_000:-5_000]).max() == pytest.approx(0.5, rel=0.05)


# --- what FFmpeg alone reads -------------------------------------------------


class Coding(NamedTuple):
    """A file that FFmpeg writes."""

    suffix: str
    container: str
    codec: str
    sr: int
    options: dict[str, str]
    half: str  # the fault of half the file


CODINGS = {
    "AAC": Coding("m4a", "ipod", "aac", 44_100, {}, "unreadable"),
    "AAC, index in front": Coding("m4a", "ipod", "aac", 44_100, {"movflags": "faststart"}, "truncated"),
    "ALAC": Coding("m4a", "ipod", "alac", 44_100, {}, "unreadable"),
    "ALAC, index in front": Coding("m4a", "ipod", "alac", 44_100, {"movflags": "faststart"}, "truncated"),
    "ALAC in CAF": Coding("caf", "caf", "alac", 44_100, {}, "unreadable"),
    "MP4": Coding("mp4", "mp4", "aac", 22_050, {}, "unreadable"),
    "MP4 in fragments": Coding("mp4", "mp4", "aac", 44_100, {"movflags": "empty_moov+frag_keyframe"}, "truncated"),
    "WMA": Coding("wma", "asf", "wmav2", 44_100, {}, "truncated"),
    "WebM": Coding("webm", "webm", "libopus", 48_000, {}, "truncated"),
    "WebM, recorded live": Coding("webm", "webm", "libopus", 48_000, {"live": "1"}, ""),
    "ADTS": Coding("aac", "adts", "aac", 44_100, {}, ""),
}


def encode_with_ffmpeg(path: Path, y: np.ndarray, coding: Coding) -> bytes:
    with av.open(str(path), "w", format=coding.container, options=coding.options) as file:
        stream = file.add_stream(coding.codec, rate=coding.sr, layout="mono")
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(y[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = coding.sr, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return path.read_bytes()


@pytest.mark.parametrize("name", CODINGS)
def test_what_ffmpeg_writes_has_the_right_length_and_pitch(tmp_path: Path, name: str) -> None:
    coding = CODINGS[name]
    path = tmp_path / f"clip.{coding.suffix}"
    encode_with_ffmpeg(path, sine(440, 2.0, coding.sr), coding)
    samples, sr = audio.decode(path)
    assert sr == coding.sr
    exact = coding.codec in ("alac", "libopus")
    assert len(samples) == pytest.approx(2 * sr, abs=0 if exact else 2048)  # the codec's delay, and its last frame
    assert find_pitch(samples, sr) == pytest.approx(440, abs=2)
    assert np.abs(samples[sr // 2 : sr]).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", CODINGS)
def test_half_of_what_ffmpeg_writes_is_a_fault_or_states_no_length(tmp_path: Path, name: str) -> None:
    coding = CODINGS[name]
    path = tmp_path / f"clip.{coding.suffix}"
    content = encode_with_ffmpeg(path, sine(440, 2.0, coding.sr), coding)
    samples, fault = read(write(path, content[: len(content) // 2]))
    assert fault == coding.half
    if fault != "unreadable" and name != "WMA":  # its size is checked before anything is decoded
        assert len(samples) == pytest.approx(coding.sr, rel=0.15)
        assert find_pitch(samples, coding.sr) == pytest.approx(440, abs=2)


def test_many_channels_are_each_their_own(tmp_path: Path) -> None:
    """Planar frames of more than eight channels, of which PyAV may see channels that are other memory."""
    y = np.stack([sine(100 + 50 * number, 1.0, 48_000) for number in range(36)], axis=1)
    with av.open(str(tmp_path / "clip.webm"), "w") as file:
        stream = file.add_stream("libopus", rate=48_000, layout="36 channels", options={"mapping_family": "255"})
        frame = av.AudioFrame.from_ndarray(y.reshape(1, -1), format="flt", layout="36 channels")
        frame.sample_rate, frame.pts = 48_000, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    samples, fault = read(tmp_path / "clip.webm")
    assert (samples.shape[1], fault) == (36, "")
    for number in (0, 7, 8, 9, 35):
        assert find_pitch(samples[:, number:], 48_000) == pytest.approx(100 + 50 * number, abs=2)


# --- names and places --------------------------------------------------------


@pytest.mark.parametrize("stem", ["list", "concat:list"])
@pytest.mark.parametrize("suffix", ["m4a", "mp4", "wav", "mp3", "webm"])
@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile sound.wav\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nsound.wav\n#EXT-X-ENDLIST\n",
        "#EXTM3U\nsound.wav\n",
        "[playlist]\nFile1=sound.wav\nNumberOfEntries=1\n",
    ],
    ids=["ffconcat", "HLS", "M3U", "PLS"],
)
def test_a_list_of_other_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, suffix: str, stem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("sound.wav"), encode(SOUND, "WAV"))
    path = write(Path(f"{stem}.{suffix}"), text.encode())
    check(path, "unreadable")
    check(tmp_path / path, "unreadable")


def test_ffmpeg_would_follow_such_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above is worth something: without regenre's list of formats FFmpeg reads the other file."""
    monkeypatch.chdir(tmp_path)
    write(Path("sound.wav"), encode(SOUND, "WAV"))
    with (
        write(Path("list.m4a"), b"ffconcat version 1.0\nfile sound.wav\n").open("rb") as source,
        av.open(source) as container,
    ):
        assert sum(frame.samples for frame in container.decode(audio=0)) == N


@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac"])
@pytest.mark.parametrize(
    "stem",
    [b"concat:other", b"concat:other.wav|x", b"http:x", b"http://x", b"file:other", b"pipe:0", b"-", b"%03d",
     b"bad\xff\xfebytes", b"line\nbreak", b"it's", b"caf\xc3\xa9", b" ", b"n" * 250],
    ids=ascii,
)  # fmt: skip
def test_a_name_that_looks_like_an_address_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stem: bytes, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("other.wav"), encode(SOUND[:5000], "WAV"))
    path = Path(os.fsdecode(stem + b"." + suffix.encode()))
    path.parent.mkdir(exist_ok=True, parents=True)
    content = {"wav": encode(SOUND, "WAV"), "flac": falsify("flac", frames=0), "mp3": MP3S[SR]}[suffix]
    samples, fault = read(write(path, content))
    assert (len(samples), fault) == (MP3_LENGTH if suffix == "mp3" else N, "")


@pytest.mark.parametrize("name", ["plain.mp3", "line\nbreak.mp3", "it's.mp3"])
def test_a_reason_does_not_repeat_the_path(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, tag(2**28 - 1, 256) + MP3S[44_100])
    with pytest.raises(decoding.AudioError) as error_info, decoding.open_audio(path):
        pass
    assert "\n" not in str(error_info.value)
    assert str(tmp_path) not in str(error_info.value)


def do_nothing(path: Path) -> None:
    pass


def bind(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as server:  # a socket's path has to be short
        server.bind(path.name)


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("none.wav", do_nothing, "a file expected, nothing found there"),
        ("n" * 300 + ".wav", do_nothing, "no file can be opened there: File name too long"),
        ("nul\0.wav", do_nothing, "no file can be opened there: embedded null byte"),
        ("folder.flac", Path.mkdir, "a regular file expected, a folder found there"),
        ("dangling.wav", lambda path: path.symlink_to("nowhere"), "a file expected, a link to nothing found there"),
        ("circle.wav", lambda path: path.symlink_to(path.name), "no file can be opened there: Too many levels of"),
        ("pipe.wav", os.mkfifo, "a regular file expected, a pipe found there"),
        ("socket.wav", bind, "a regular file expected, a socket found there"),
        ("device.mp3", lambda path: path.symlink_to("/dev/zero"), "a regular file expected, a device found there"),
    ],
    ids=["none", "long name", "NUL", "folder", "dangling link", "circular link", "pipe", "socket", "device"],
)
def test_what_is_no_file_is_missing_and_not_even_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / name
    make(path)
    monkeypatch.setattr(Path, "open", None)  # a pipe that is opened would wait for a writer
    with pytest.raises(decoding.AudioError, match=f"^{reason}") as caught, decoding.open_audio(path):
        pass
    assert caught.value.fault == "missing"


def test_the_audio_files_of_a_folder_are_listed_and_the_others_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "named.wav").mkdir()
    other = tmp_path / "other"
    other.mkdir()
    for path in (folder / "b.WAV", folder / "deep/er/a.opus", other / "c.m4a"):
        path.touch()
    for name in ("notes.txt", "._b.wav", ".hidden/d.wav"):
        (folder / name).touch()
    (folder / "linked").symlink_to(other)
    (folder / "deep/circle").symlink_to(folder)
    (folder / "lost.wav").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.wav")
    (folder / "zero.wav").symlink_to("/dev/zero")
    paths, left_out = decoding.find_audio(folder)
    assert [str(path.relative_to(folder)) for path in paths] == ["b.WAV", "deep/er/a.opus", "linked/c.m4a"]
    assert left_out == {
        "notes.txt": "not audio",
        "._b.wav": "hidden",
        ".hidden": "hidden",
        "deep/circle": "a link to a folder that is read already",
        "lost.wav": decoding.LOST,
        "pipe.wav": "not a file",
        "zero.wav": "not a file",
    }
    assert decoding.count_left_out(left_out) == (
        "1 a link to a folder that is read already ('deep/circle'); 1 a link to nothing ('lost.wav'); "
        "2 hidden ('._b.wav'); 2 not a file ('pipe.wav'); 1 not audio ('notes.txt')"
    )
