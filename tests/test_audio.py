import pickle
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from helpers import SR, noise, sine

from regenre import audio
from regenre.common.settings import Loudness


def find_fault(path: Path, min_duration_s: float = 0.5) -> str:
    with pytest.raises(audio.AudioError) as error_info:
        audio.check_samples(*audio.decode(path), min_duration_s)
    assert "\n" not in str(error_info.value)
    return error_info.value.fault


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "au", "ogg", "mp3", "w64"])
@pytest.mark.parametrize("sr", [8_000, 22_050, 48_000])
def test_every_format_and_rate_becomes_mono_float32_at_one_rate(tmp_path: Path, suffix: str, sr: int) -> None:
    path = tmp_path / f"clip.{suffix}"
    soundfile.write(path, np.stack([sine(440, 1.0, sr)] * 2, axis=1), sr)
    y = audio.load(path, SR)
    assert y.dtype == np.float32
    assert y.ndim == 1
    assert abs(len(y) - SR) <= 0.06 * SR  # MP3 pads to whole frames of its own
    spectrum = np.abs(np.fft.rfft(y))
    assert np.fft.rfftfreq(len(y), 1 / SR)[spectrum.argmax()] == pytest.approx(440, abs=2)
    assert np.abs(y).max() == pytest.approx(0.5, abs=0.08)


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([sine(440), np.zeros(SR, np.float32)], axis=1), SR, subtype="FLOAT")
    np.testing.assert_allclose(audio.load(path, SR), sine(440) / 2, atol=1e-7)


def test_conversion_is_preparation_without_a_check() -> None:
    stereo = np.stack([sine(440, sr=44_100), noise(sr=44_100)], axis=1)
    np.testing.assert_array_equal(audio.convert(stereo, 44_100, SR), audio.prepare(stereo, 44_100, SR))
    assert not audio.convert(0 * stereo, 44_100, SR).any()


@pytest.mark.parametrize("gain", [1.0, 0.1, 1e-3])
def test_a_clip_is_brought_to_one_rms(gain: float) -> None:
    levelled = audio.level(np.float32(gain) * noise(), SR, "rms", None)
    assert levelled.dtype == np.float32
    assert np.sqrt(np.mean(np.square(levelled, dtype=np.float64))) == pytest.approx(0.1, rel=1e-5)
    np.testing.assert_allclose(levelled, audio.level(noise(), SR, "rms", None), atol=1e-6)  # float32


@pytest.mark.parametrize("sr", [22_050, 48_000])
@pytest.mark.parametrize("gain", [1.0, 1e-4])
def test_a_clip_is_brought_to_one_loudness(sr: int, gain: float) -> None:
    """EBU Tech 3341, test 1: a stereo sine of 1 kHz with a peak of -23 dBFS has -23 LUFS; one channel has 3 dB less."""
    levelled = audio.level(np.float32(gain) * sine(1000, 5.0, sr), sr, "bs1770", None)
    assert 20 * np.log10(np.abs(levelled).max()) == pytest.approx(-20 + 3.01, abs=0.1)  # LU, as the standard allows


def test_pauses_do_not_count_for_loudness_but_for_rms() -> None:
    y = np.concatenate([sine(1000, 4.0), np.zeros(12 * SR, np.float32)])
    peak = {name: np.abs(audio.level(y, SR, name, None)).max() for name in ("rms", "bs1770")}
    assert peak["rms"] == pytest.approx(0.1 * np.sqrt(2 * 4), rel=1e-3)
    assert 20 * np.log10(peak["bs1770"]) == pytest.approx(-20 + 3.01, abs=0.5)  # the block at the end is half silent


@pytest.mark.parametrize("loudness", ["none", "rms", "bs1770"])
@pytest.mark.parametrize("n", [1, 100, 8819, 8820, 8821])
def test_silence_and_clips_below_a_block_have_a_level(loudness: Loudness, n: int) -> None:
    assert not audio.level(np.zeros(n, np.float32), SR, loudness, 40.0).any()
    levelled = audio.level(noise()[:n], SR, loudness, 40.0)
    assert len(levelled) == n
    assert np.isfinite(levelled).all()
    assert levelled.any()


def test_what_bs1770_does_not_hear_stays_as_it_is() -> None:
    y = np.hanning(4 * SR).astype(np.float32)  # of 0.25 Hz
    np.testing.assert_array_equal(audio.level(y, SR, "bs1770", None), y)


@pytest.mark.parametrize("loudness", ["none", "rms"])
def test_a_floor_is_so_far_below_the_clip_and_always_the_same(loudness: Loudness) -> None:
    y = sine(440, 2.0)
    floor = audio.level(y, SR, loudness, 30.0) - audio.level(y, SR, loudness, None)
    below = np.std(floor) / np.std(audio.level(y, SR, loudness, None))
    assert 20 * np.log10(below) == pytest.approx(-30, abs=0.1)  # 44,100 samples: 0.03 dB
    np.testing.assert_array_equal(audio.level(y, SR, loudness, 30.0), audio.level(y, SR, loudness, 30.0))
    assert audio.level(y, SR, "none", None) is y


CUT_FORMATS = [
    "wav", "wavex", "aiff", "au", "w64", "rf64", "svx", "voc", "mat4", "avr", "caf", "mpc2k", "htk", "sds", "flac",
    "mp3", "nist", "mat5", "wve",
]  # fmt: skip


@pytest.mark.parametrize("suffix", CUT_FORMATS)
def test_a_file_cut_in_the_middle_is_a_fault(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip.{suffix}"
    soundfile.write(path, noise(3.0), SR)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert find_fault(path) in {"truncated", "unreadable"}


def test_a_streamed_header_without_a_length_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, sine(440), SR)
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"  # RIFF and data sizes, as written to a pipe
    path.write_bytes(content)
    assert len(audio.load(path, SR)) == SR


def test_a_file_that_is_missing_unreadable_or_empty_has_a_fault(tmp_path: Path) -> None:
    assert find_fault(tmp_path / "none.wav") == "missing"
    text = tmp_path / "text.wav"
    text.write_text("not audio")
    assert find_fault(text) == "unreadable"
    empty = tmp_path / "empty.wav"
    empty.touch()
    assert find_fault(empty) == "unreadable"
    no_samples = tmp_path / "no_samples.wav"
    soundfile.write(no_samples, np.zeros(0), SR)
    assert find_fault(no_samples) == "empty"


def test_a_fault_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(audio.AudioError("silent", "why")))
    assert (error.fault, str(error)) == ("silent", "why")


def test_samples_that_are_silent_too_short_or_not_finite_have_a_fault(tmp_path: Path) -> None:
    silent, short, nan = (tmp_path / f"{name}.wav" for name in ("silent", "short", "nan"))
    soundfile.write(silent, np.zeros(SR), SR)
    soundfile.write(short, sine(440, 0.1), SR)
    y = sine(440)
    y[100:103] = np.nan
    soundfile.write(nan, y, SR, subtype="FLOAT")
    assert find_fault(silent) == "silent"
    assert find_fault(short) == "too_short"
    assert find_fault(nan) == "not_finite"
    with pytest.raises(audio.AudioError, match="3 of 22050 samples"):
        audio.load(nan, SR)


@pytest.mark.parametrize("sr", [8_000, 22_050, 48_000])
def test_windows_of_a_long_file_join_to_the_file(tmp_path: Path, monkeypatch, sr: int) -> None:
    monkeypatch.setattr(audio, "_BLOCK", 10_000)
    path = tmp_path / "long.wav"
    soundfile.write(path, np.stack([noise(7.3, sr), 0.5 * noise(7.3, sr, seed=1)], axis=1), sr, subtype="FLOAT")
    whole = audio.load(path, SR)
    windows = list(audio.read_windows(path, SR, 2.0))
    assert [start for start, _ in windows] == [0, 2, 4, 6]  # the remainder of 1.3 s is at least half a window
    joined = np.concatenate([y for _, y in windows])
    np.testing.assert_allclose(joined[: len(whole)], whole[: len(joined)], atol=1e-4)
    assert len(whole) == pytest.approx(len(joined), abs=2)


def test_a_file_of_about_one_window_is_one_clip(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, noise(2.9), SR)
    ((start, y),) = audio.read_windows(path, SR, 2.0)
    assert start == 0
    np.testing.assert_array_equal(y, audio.load(path, SR))
    with pytest.raises(audio.AudioError, match="nothing found there"):
        list(audio.read_windows(tmp_path / "none.wav", SR, 2.0))


def test_a_long_file_that_stops_early_or_is_not_finite_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, noise(9.0), SR)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(audio.AudioError, match="the header states"):
        list(audio.read_windows(path, SR, 1.0))
    soundfile.write(path, np.append(noise(5.0), np.nan), SR, subtype="FLOAT")
    with pytest.raises(audio.AudioError, match=r"1 of 110251 samples are NaN or infinite near 0\.0 s"):
        list(audio.read_windows(path, SR, 1.0))


def write_as(path: Path, y: np.ndarray, sr: int) -> None:
    """Write a file in the format of the suffix; .gsm stands for GSM 6.10 in WAV, .caf for floats, .m4a for ALAC."""
    if path.suffix == ".m4a":
        with av.open(str(path), "w", format="ipod") as file:
            stream = file.add_stream("alac", rate=sr, layout="mono")
            frame = av.AudioFrame.from_ndarray(y[None], format="fltp", layout="mono")
            frame.sample_rate = sr
            for packet in (*stream.encode(frame), *stream.encode(None)):
                file.mux(packet)
        return
    name = {".gsm": "WAV"}.get(path.suffix, path.suffix[1:].upper())
    subtype = {".gsm": "GSM610", ".caf": "FLOAT"}.get(path.suffix)
    soundfile.write(path, y, sr, format=name, subtype=subtype)


SUFFIXES = ["wav", "gsm", "aiff", "caf", "flac", "ogg", "mp3", "m4a"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("block", [7_000, 1 << 20])
def test_windows_of_every_format_join_to_the_whole(tmp_path: Path, monkeypatch, suffix: str, block: int) -> None:
    monkeypatch.setattr(audio, "_BLOCK", block)
    path = tmp_path / f"long.{suffix}"
    write_as(path, noise(3.4, 16_000), 16_000)  # 170 blocks of GSM
    whole = audio.load(path, 16_000)
    windows = list(audio.read_windows(path, 16_000, 0.5))
    assert [start for start, _ in windows[:6]] == [0, 0.5, 1, 1.5, 2, 2.5]
    assert all(len(y) == 8_000 for _, y in windows[:6])
    joined = np.concatenate([y for _, y in windows])
    np.testing.assert_array_equal(joined, whole[: len(joined)])
    assert len(whole) - len(joined) < 4_000  # less than half a window is left out


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("start_s", [0.0, 0.7, 1.9])
def test_an_excerpt_is_that_part_of_the_whole(tmp_path: Path, monkeypatch, suffix: str, start_s: float) -> None:
    monkeypatch.setattr(audio, "_BLOCK", 5_000)
    path = tmp_path / f"clip.{suffix}"
    write_as(path, noise(2.6, 16_000), 16_000)  # 130 blocks of GSM
    whole = audio.load(path, 16_000)
    y, duration_s = audio.read_excerpt(path, 16_000, start_s, 0.5)
    assert len(y) == 8_000
    start = round(start_s * 16_000)
    np.testing.assert_array_equal(y, whole[start : start + 8_000])
    assert duration_s == pytest.approx(len(whole) / 16_000)
    rest, _ = audio.read_excerpt(path, 16_000, start_s, 100.0)
    np.testing.assert_array_equal(rest, whole[start:])
    with pytest.raises(audio.AudioError, match=r"more than 9\.00 s expected") as error_info:
        audio.read_excerpt(path, 16_000, 9.0, 0.5)
    assert error_info.value.fault == "too_short"


@pytest.mark.parametrize(
    ("right", "fault", "reason"),
    [(-1.0, "silent", "the channels cancel each other: peak 5.0e-01 of full scale"), (0.0, "", ""), (0.5, "", "")],
    ids=["opposite", "dead", "quiet"],
)
def test_channels_that_cancel_are_silent_and_a_dead_channel_is_no_fault(
    tmp_path: Path, right: float, fault: str, reason: str
) -> None:
    path = tmp_path / "stereo.wav"
    y = sine(440, 3.0)
    soundfile.write(path, np.stack([y, right * y], axis=1), SR)
    if not fault:
        np.testing.assert_allclose(audio.load(path, SR), (1 + right) / 2 * y, atol=1e-4)
        assert len(list(audio.read_windows(path, SR, 1.0))) == 3
        return
    for read in (lambda: audio.load(path, SR), lambda: list(audio.read_windows(path, SR, 1.0))):
        with pytest.raises(audio.AudioError, match=reason) as error_info:
            read()
        assert error_info.value.fault == fault


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (1e5, ""),  # integers that were stored as floats
        (1e7, "out_of_range"),
        (1e30, "out_of_range"),
        (-1e38, "out_of_range"),
        (np.inf, "not_finite"),
        (-np.inf, "not_finite"),
        (np.nan, "not_finite"),
    ],
)
@pytest.mark.parametrize("n_channels", [1, 2])
def test_a_float_that_is_no_sound_is_a_fault(tmp_path: Path, value: float, fault: str, n_channels: int) -> None:
    path = tmp_path / "clip.wav"
    samples = np.repeat(noise(3.0)[:, None], n_channels, axis=1)
    samples[40_000, -1] = value
    soundfile.write(path, samples, SR, subtype="FLOAT")
    readers = [
        lambda: audio.load(path, 16_000),
        lambda: list(audio.read_windows(path, 16_000, 1.0)),
        lambda: audio.read_excerpt(path, 16_000, 1.0, 2.0),
        lambda: list(audio.read_blocks(path)),
    ]
    for read in readers:
        if not fault:
            read()
            continue
        with pytest.raises(audio.AudioError) as error_info:
            read()
        assert error_info.value.fault == fault
    audio.read_excerpt(path, 16_000, 0.0, 1.0)  # the fault is outside


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("suffix", ["wav", "mp3"])
def test_a_file_that_memory_should_not_hold_is_too_long(
    tmp_path: Path, monkeypatch, suffix: str, n_channels: int
) -> None:
    monkeypatch.setattr(audio, "_BLOCK", 4_000)
    path = tmp_path / f"clip.{suffix}"
    soundfile.write(path, np.repeat(noise(2.0)[:, None], n_channels, axis=1), SR)
    monkeypatch.setattr(audio, "MAX_SAMPLES", 2 * SR * n_channels)
    assert len(audio.load(path, SR)) == 2 * SR
    monkeypatch.setattr(audio, "MAX_SAMPLES", 2 * SR * n_channels - 1)
    for read in (lambda: audio.load(path, SR), lambda: list(audio.read_windows(path, SR, 1.9))):
        with pytest.raises(audio.AudioError, match="cut the file") as error_info:
            read()
        assert error_info.value.fault == "too_long"
    monkeypatch.setattr(audio, "MAX_SAMPLES", SR * n_channels)
    assert len(list(audio.read_windows(path, SR, 0.5))) == 4  # one window at a time is no burden
    assert sum(map(len, audio.read_blocks(path))) == 2 * SR
    assert len(audio.read_excerpt(path, SR, 1.0, 0.5)[0]) == SR // 2
