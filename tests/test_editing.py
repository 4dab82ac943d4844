"""What is cut out and what is kept; formats, rates and resolutions."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import SR, noise, sine
from hypothesis import given, settings
from hypothesis import strategies as st

from regenre import audio, editing
from regenre.errors import UserError


def with_pauses(sr: int = SR) -> np.ndarray:
    """1 s of pause, 1 s of sound, 2 s of hiss 60 dB below, 1 s of sound, 0.5 s of pause."""
    sound, hiss = sine(440, 1.0, sr), noise(2.0, sr) * 0.003
    return np.concatenate([np.zeros(sr), sound, hiss, sound, np.zeros(sr // 2)]).astype(np.float32)


@pytest.mark.parametrize(("ends", "expected_s"), [(False, 2.2), (True, 4.1)])
def test_pauses_are_cut_and_what_is_heard_stays(tmp_path: Path, ends: bool, expected_s: float) -> None:
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    soundfile.write(source, with_pauses(), SR)
    before = source.read_bytes()
    made = editing.clean(source, target, ends=ends)
    assert made.source_s == pytest.approx(5.5)
    assert made.target_s == pytest.approx(expected_s, abs=0.05)
    y, sr = soundfile.read(target)
    assert (sr, len(y)) == (SR, round(made.target_s * SR))
    assert source.read_bytes() == before
    loud = np.sqrt(np.convolve(np.square(y), np.ones(441) / 441, "same")) > 0.1
    assert loud.mean() == pytest.approx(2.0 / expected_s, abs=0.03)
    assert np.abs(np.diff(y)).max() < 1.1 * np.abs(np.diff(with_pauses())).max()  # no click at a cut


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_kept_samples_are_the_same_bit_for_bit(tmp_path: Path, subtype: str) -> None:
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    y = np.stack([noise(1.0), noise(1.0, seed=1)], axis=1) * 5  # as loud as can be, clipped by the writing
    soundfile.write(source, np.concatenate([np.zeros((SR, 2)), np.clip(y, -1, 1)]), SR, subtype)
    editing.clean(source, target)
    dtype = "float64" if subtype in ("FLOAT", "DOUBLE") else "int32"
    before, after = soundfile.read(source, dtype=dtype)[0], soundfile.read(target, dtype=dtype)[0]
    assert soundfile.info(target).subtype == subtype
    np.testing.assert_array_equal(after[-SR + 500 :], before[-SR + 500 :])
    assert len(after) < 1.1 * SR


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60)), min_size=1, max_size=12), st.integers(200, 4000))
def test_cutting_keeps_what_is_heard_in_order_whatever_the_blocks(runs: list[tuple[bool, int]], block: int) -> None:
    heard = np.concatenate([np.full(length, loud) for loud, length in runs])
    if not heard.any():
        return
    size, sr, n = 20, 1000, 20 * len(heard)
    kept = editing._kept(np.where(heard, 0.1, 0.0), n, size, sr, 35.0, 0.3, ends=False)
    assert all(start < end for start, end in kept)
    assert all(one[1] < other[0] for one, other in pairwise(kept))
    inside = np.zeros(n, dtype=bool)
    for start, end in kept:
        inside[start:end] = True
    assert inside[np.repeat(heard, size)].all()
    y = np.arange(n, dtype=np.float64)[:, None]
    cut = np.concatenate(list(editing._cut(np.split(y, range(block, n, block)), kept, n, 1)))
    assert len(cut) == inside.sum()
    whole = np.concatenate(list(editing._cut([y], kept, n, 1)))
    np.testing.assert_array_equal(cut, whole)


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "w64", "caf"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_lossless_conversion_changes_no_sample(tmp_path: Path, suffix: str, subtype: str) -> None:
    source, target = tmp_path / "a.wav", tmp_path / f"b.{suffix}"
    soundfile.write(source, np.clip(noise(2.0)[:, None] * [8, 1], -1, 1), 44_100, subtype)
    made = editing.convert(source, target)
    assert soundfile.info(target).subtype == subtype
    assert made.n_clipped == 0
    np.testing.assert_array_equal(soundfile.read(target, dtype="int32")[0], soundfile.read(source, dtype="int32")[0])


def test_fewer_bits_are_rounded_to_the_nearest(tmp_path: Path) -> None:
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    y = np.linspace(-1, 1, 10_001)
    soundfile.write(source, y, SR, "DOUBLE")
    made = editing.convert(source, target, bits=16)
    expected = np.clip(np.rint(y * 32_768), -32_768, 32_767)
    np.testing.assert_array_equal(soundfile.read(target, dtype="int16")[0], expected)
    assert made.n_clipped == 0


def test_rate_channels_and_format_change_and_the_tone_stays(tmp_path: Path) -> None:
    source, target = tmp_path / "a.flac", tmp_path / "b.ogg"
    soundfile.write(source, np.stack([sine(440, 3.0, 44_100)] * 2, axis=1), 44_100)
    made = editing.convert(source, target, sr=16_000, mono=True)
    y, sr = soundfile.read(target)
    assert (sr, y.ndim, len(y)) == (16_000, 1, 48_000)
    assert made.target_s == pytest.approx(3.0)
    assert np.abs(np.fft.rfft(y)).argmax() / 3 == pytest.approx(440, abs=1)


def test_lossy_audio_becomes_plain_samples(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.mp3", sine(440, 2.0), SR)
    editing.convert(tmp_path / "a.mp3", tmp_path / "b.wav", sr=16_000)
    assert soundfile.info(tmp_path / "b.wav").subtype == "PCM_16"


def test_samples_beyond_full_scale_are_counted(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(440, peak=2.0), SR, "FLOAT")
    made = editing.convert(tmp_path / "a.wav", tmp_path / "b.flac", bits=24)
    assert made.n_clipped == pytest.approx(SR * 2 / 3, rel=0.01)  # |2 sin| > 1 two thirds of the time
    assert np.abs(soundfile.read(tmp_path / "b.flac")[0]).max() <= 1


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("a.wav", {}, "a new file expected, the input itself found"),
        ("there.wav", {}, "there.wav is there already; give --out another name, or --force"),
        ("b.xyz", {}, r"a suffix that names an audio format expected \(\.aif .*\), '.xyz' found"),
        ("b.mp3", {}, "MP3 MPEG_LAYER_III does not hold 1 channels at 384000 Hz"),
        ("b.flac", {"bits": 32}, "FLAC has no samples of 32 bits"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(tmp_path: Path, target: str, options: dict, said: str) -> None:
    soundfile.write(tmp_path / "a.wav", sine(440, 0.1, 384_000), 384_000)
    (tmp_path / "there.wav").write_text("precious")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match=said):
        editing.convert(tmp_path / "a.wav", tmp_path / target, **options)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_that_is_cut_short_or_silent_leaves_nothing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(60.0), SR)
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:2_000_000])
    soundfile.write(tmp_path / "silent.wav", np.zeros(SR), SR)
    for make in (editing.convert, editing.clean):
        with pytest.raises(audio.AudioError, match="the header promises"):
            make(tmp_path / "a.wav", tmp_path / "b.flac")
    with pytest.raises(audio.AudioError, match="no 20 ms of it reach"):
        editing.clean(tmp_path / "silent.wav", tmp_path / "b.wav")
    assert {path.name for path in tmp_path.iterdir()} == {"a.wav", "silent.wav"}
