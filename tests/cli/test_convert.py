"""Files without pauses, and files in other formats, rates and resolutions."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import SR, noise, sine
from hypothesis import given, settings
from hypothesis import strategies as st

from regenre import audio
from regenre.cli import convert
from regenre.common.errors import UserError


def make_pauses(sr: int = SR) -> np.ndarray:
    """Return 1 s of silence, 1 s of sound, 2 s of hiss 60 dB below it, 1 s of sound, 0.5 s of silence."""
    sound, hiss = sine(440, 1.0, sr), noise(2.0, sr) * 0.003
    return np.concatenate([np.zeros(sr), sound, hiss, sound, np.zeros(sr // 2)]).astype(np.float32)


@pytest.mark.parametrize(("ends", "expected_s"), [(False, 2.2), (True, 4.1)])
def test_pauses_are_cut_out_and_sounds_stay(tmp_path: Path, ends: bool, expected_s: float) -> None:
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    soundfile.write(source, make_pauses(), SR)
    before = source.read_bytes()
    output = convert.clean(source, target, ends=ends)
    assert output.source_s == pytest.approx(5.5)
    assert output.target_s == pytest.approx(expected_s, abs=0.05)
    y, sr = soundfile.read(target)
    assert (sr, len(y)) == (SR, round(output.target_s * SR))
    assert source.read_bytes() == before
    loud = np.sqrt(np.convolve(np.square(y), np.ones(441) / 441, "same")) > 0.1
    assert loud.mean() == pytest.approx(2.0 / expected_s, abs=0.03)
    assert np.abs(np.diff(y)).max() < 1.1 * np.abs(np.diff(make_pauses())).max()  # no click at a cut


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_clean_keeps_the_other_samples_bit_for_bit(tmp_path: Path, subtype: str) -> None:
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    y = np.stack([noise(1.0), noise(1.0, seed=1)], axis=1) * 5  # clipped to full scale below
    soundfile.write(source, np.concatenate([np.zeros((SR, 2)), np.clip(y, -1, 1)]), SR, subtype)
    convert.clean(source, target)
    dtype = "float64" if subtype in ("FLOAT", "DOUBLE") else "int32"
    before, after = soundfile.read(source, dtype=dtype)[0], soundfile.read(target, dtype=dtype)[0]
    assert soundfile.info(target).subtype == subtype
    np.testing.assert_array_equal(after[-SR + 500 :], before[-SR + 500 :])
    assert len(after) < 1.1 * SR


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60)), min_size=1, max_size=12), st.integers(200, 4000))
def test_segments_hold_every_sound_in_order_for_any_block_size(runs: list[tuple[bool, int]], block: int) -> None:
    loud = np.concatenate([np.full(length, is_loud) for is_loud, length in runs])
    if not loud.any():
        return
    size, sr, n = 20, 1000, 20 * len(loud)
    segments = convert._find_segments(np.where(loud, 0.1, 0.0), n, size, sr, 35.0, 0.3, ends=False)
    assert all(start < end for start, end in segments)
    assert all(one[1] < other[0] for one, other in pairwise(segments))
    inside = np.zeros(n, dtype=bool)
    for start, end in segments:
        inside[start:end] = True
    assert inside[np.repeat(loud, size)].all()
    y = np.arange(n, dtype=np.float64)[:, None]
    in_blocks = np.concatenate(list(convert._cut_segments(np.split(y, range(block, n, block)), segments, n, 1)))
    assert len(in_blocks) == inside.sum()
    at_once = np.concatenate(list(convert._cut_segments([y], segments, n, 1)))
    np.testing.assert_array_equal(in_blocks, at_once)


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "w64", "caf"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_lossless_conversion_changes_no_sample(tmp_path: Path, suffix: str, subtype: str) -> None:
    source, target = tmp_path / "a.wav", tmp_path / f"b.{suffix}"
    soundfile.write(source, np.clip(noise(2.0)[:, None] * [8, 1], -1, 1), 44_100, subtype)
    output = convert.convert(source, target)
    assert soundfile.info(target).subtype == subtype
    assert output.n_clipped == 0
    np.testing.assert_array_equal(soundfile.read(target, dtype="int32")[0], soundfile.read(source, dtype="int32")[0])


def test_fewer_bits_are_rounded_to_the_nearest(tmp_path: Path) -> None:
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    y = np.linspace(-1, 1, 10_001)
    soundfile.write(source, y, SR, "DOUBLE")
    output = convert.convert(source, target, bits=16)
    expected = np.clip(np.rint(y * 32_768), -32_768, 32_767)
    np.testing.assert_array_equal(soundfile.read(target, dtype="int16")[0], expected)
    assert output.n_clipped == 0


def test_a_tone_keeps_its_frequency_at_another_rate_and_format_in_mono(tmp_path: Path) -> None:
    source, target = tmp_path / "a.flac", tmp_path / "b.ogg"
    soundfile.write(source, np.stack([sine(440, 3.0, 44_100)] * 2, axis=1), 44_100)
    output = convert.convert(source, target, sr=16_000, mono=True)
    y, sr = soundfile.read(target)
    assert (sr, y.ndim, len(y)) == (16_000, 1, 48_000)
    assert output.target_s == pytest.approx(3.0)
    assert np.abs(np.fft.rfft(y)).argmax() / 3 == pytest.approx(440, abs=1)


def test_lossy_audio_becomes_16_bit_wav(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.mp3", sine(440, 2.0), SR)
    convert.convert(tmp_path / "a.mp3", tmp_path / "b.wav", sr=16_000)
    assert soundfile.info(tmp_path / "b.wav").subtype == "PCM_16"


def test_samples_above_full_scale_are_clipped_and_counted(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(440, peak=2.0), SR, "FLOAT")
    output = convert.convert(tmp_path / "a.wav", tmp_path / "b.flac", bits=24)
    assert output.n_clipped == pytest.approx(SR * 2 / 3, rel=0.01)  # |2 sin| > 1 two thirds of the time
    assert np.abs(soundfile.read(tmp_path / "b.flac")[0]).max() <= 1


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("a.wav", {}, "a new file expected, the input .*a.wav found"),
        ("there.wav", {}, "there.wav: a new file expected, but it is there already; give another name, or --force"),
        ("b.xyz", {}, r"the suffix of an audio format expected \(\.aif .*\), '.xyz' found; rename it"),
        ("b.mp3", {}, r"MP3 MPEG_LAYER_III does not support 1 channel\(s\) at 384000 Hz"),
        ("b.flac", {"bits": 32}, "FLAC does not support 32-bit samples"),
    ],
)
def test_a_mistake_raises_and_changes_no_file(tmp_path: Path, target: str, options: dict, message: str) -> None:
    soundfile.write(tmp_path / "a.wav", sine(440, 0.1, 384_000), 384_000)
    (tmp_path / "there.wav").write_text("precious")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match=message):
        convert.convert(tmp_path / "a.wav", tmp_path / target, **options)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_name_that_is_no_utf_8_is_kept(tmp_path: Path) -> None:
    soundfile.write(os.fsencode(tmp_path / "a\udcff.wav"), sine(440), SR)
    output = convert.convert(tmp_path / "a\udcff.wav", tmp_path / "b\udcff.flac")
    assert output.target.is_file()


def test_a_file_without_samples_is_empty(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), SR)
    with pytest.raises(audio.AudioError, match="the file holds no samples"):
        convert.clean(tmp_path / "a.wav", tmp_path / "b.wav")


def test_a_truncated_or_silent_file_yields_no_new_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(60.0), SR)
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:2_000_000])
    soundfile.write(tmp_path / "silent.wav", np.zeros(SR), SR)
    for edit in (convert.convert, convert.clean):
        with pytest.raises(audio.AudioError, match="the header states"):
            edit(tmp_path / "a.wav", tmp_path / "b.flac")
    with pytest.raises(audio.AudioError, match="every frame of 20 ms is below 1e-04 of full scale"):
        convert.clean(tmp_path / "silent.wav", tmp_path / "b.wav")
    assert {path.name for path in tmp_path.iterdir()} == {"a.wav", "silent.wav"}


def test_a_file_that_is_shorter_than_what_was_written_is_not_kept(tmp_path: Path, monkeypatch) -> None:
    """As on a full disk: libsndfile closes a compressed file without an error."""
    soundfile.write(tmp_path / "a.wav", noise(3.0), SR)
    whole = soundfile.SoundFile.write
    monkeypatch.setattr(soundfile.SoundFile, "write", lambda file, block: whole(file, block[: len(block) // 2]))
    for suffix in ("flac", "mp3", "ogg"):
        with pytest.raises(OSError, match=r"66150 samples were written, \d+ can be read back; is the disk full\?"):
            convert.convert(tmp_path / "a.wav", tmp_path / f"b.{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_write_that_fails_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(3.0), SR)
    code = (
        "import resource, sys; from regenre.cli.main import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, -1)); main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "convert", "a.wav", "--to", "flac"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert process.returncode == 1
    assert "regenre: a.wav: System error; is the disk full?" in process.stderr
    assert "Traceback" not in process.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
