import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import SR, noise, sine

from regenre import audio


def fault_of(path: Path, min_duration_s: float = 0.5) -> str:
    with pytest.raises(audio.AudioError) as caught:
        audio.check(*audio.decode(path), min_duration_s)
    assert "\n" not in str(caught.value)
    return caught.value.fault


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "au", "ogg", "mp3", "w64"])
@pytest.mark.parametrize("sr", [8_000, 22_050, 48_000])
def test_every_format_and_rate_becomes_mono_float32_at_the_rate_asked_for(tmp_path: Path, suffix: str, sr: int) -> None:
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


@pytest.mark.parametrize("suffix", ["wav", "aiff", "au", "w64", "flac", "mp3"])
def test_a_file_cut_in_the_middle_is_a_fault(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip.{suffix}"
    soundfile.write(path, noise(3.0), SR)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert fault_of(path) in {"truncated", "unreadable"}


def test_a_streamed_header_without_a_length_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, sine(440), SR)
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"  # RIFF and data sizes, as written to a pipe
    path.write_bytes(content)
    assert len(audio.load(path, SR)) == SR


def test_faults_of_files(tmp_path: Path) -> None:
    assert fault_of(tmp_path / "none.wav") == "missing"
    text = tmp_path / "text.wav"
    text.write_text("not audio")
    assert fault_of(text) == "unreadable"
    empty = tmp_path / "empty.wav"
    empty.touch()
    assert fault_of(empty) == "unreadable"
    no_samples = tmp_path / "no_samples.wav"
    soundfile.write(no_samples, np.zeros(0), SR)
    assert fault_of(no_samples) == "empty"


def test_a_fault_comes_back_from_a_worker() -> None:
    back = pickle.loads(pickle.dumps(audio.AudioError("silent", "why")))
    assert (back.fault, str(back)) == ("silent", "why")


def test_faults_of_samples(tmp_path: Path) -> None:
    silent, short, nan = (tmp_path / f"{name}.wav" for name in ("silent", "short", "nan"))
    soundfile.write(silent, np.zeros(SR), SR)
    soundfile.write(short, sine(440, 0.1), SR)
    y = sine(440)
    y[100:103] = np.nan
    soundfile.write(nan, y, SR, subtype="FLOAT")
    assert fault_of(silent) == "silent"
    assert fault_of(short) == "too_short"
    assert fault_of(nan) == "not_finite"
    with pytest.raises(audio.AudioError, match="3 of 22050 samples"):
        audio.load(nan, SR)


@pytest.mark.parametrize("sr", [8_000, 22_050, 48_000])
def test_windows_of_a_long_file_are_the_file_cut(tmp_path: Path, monkeypatch, sr: int) -> None:
    monkeypatch.setattr(audio, "_BLOCK", 10_000)
    path = tmp_path / "long.wav"
    soundfile.write(path, np.stack([noise(7.3, sr), 0.5 * noise(7.3, sr, seed=1)], axis=1), sr, subtype="FLOAT")
    whole = audio.load(path, SR)
    found = list(audio.windows(path, SR, 2.0))
    assert [start for start, _ in found] == [0, 2, 4, 6]  # 1.3 s are left: at least half a window
    joined = np.concatenate([y for _, y in found])
    np.testing.assert_allclose(joined[: len(whole)], whole[: len(joined)], atol=1e-4)
    assert len(whole) == pytest.approx(len(joined), abs=2)


def test_a_file_of_about_one_window_is_one_clip(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, noise(2.9), SR)
    ((start, y),) = audio.windows(path, SR, 2.0)
    assert start == 0
    np.testing.assert_array_equal(y, audio.load(path, SR))
    with pytest.raises(audio.AudioError, match="no file at"):
        list(audio.windows(tmp_path / "none.wav", SR, 2.0))


def test_a_long_file_that_stops_early_or_is_not_finite_is_said(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, noise(9.0), SR)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(audio.AudioError, match="the header promises"):
        list(audio.windows(path, SR, 1.0))
    soundfile.write(path, np.append(noise(5.0), np.nan), SR, subtype="FLOAT")
    with pytest.raises(audio.AudioError, match="NaN or infinite samples near"):
        list(audio.windows(path, SR, 1.0))
