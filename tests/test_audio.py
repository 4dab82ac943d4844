import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import SR, noise, sine

from regenre import audio, decoding


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


@pytest.mark.parametrize("suffix", ["wav", "aiff", "au", "w64", "rf64", "svx", "voc", "mat4", "avr", "caf", "flac", "mp3"])
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
    monkeypatch.setattr(audio, "read_blocks", partial(audio.read_blocks, most=10_000))
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
    with pytest.raises(audio.AudioError, match="no file at"):
        list(audio.read_windows(tmp_path / "none.wav", SR, 2.0))


def test_a_long_file_that_stops_early_or_is_not_finite_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, noise(9.0), SR)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(audio.AudioError, match="the header states"):
        list(audio.read_windows(path, SR, 1.0))
    soundfile.write(path, np.append(noise(5.0), np.nan), SR, subtype="FLOAT")
    with pytest.raises(audio.AudioError, match="1 of 110251 samples are NaN or infinite near 0.0 s"):
        list(audio.read_windows(path, SR, 1.0))
