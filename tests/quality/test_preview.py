import io
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import SR, sine

from regenre.quality import preview


def test_a_tone_that_begins_half_way_is_seen_at_its_time_its_level_and_its_frequency() -> None:
    y = np.concatenate([np.zeros(5 * SR, np.float32), sine(SR / 8, 5.0)])  # full scale is 1, the sine's is 0.5
    view = preview.make_preview(y, SR)
    assert view.duration_s == 10
    assert view.peaks[: preview.WIDTH // 2].max() == 0
    assert set(view.peaks[preview.WIDTH // 2 :]) <= {127, 128}
    levels = view.levels[:, preview.WIDTH // 2 + 1 : -3]
    assert set(levels.argmax(axis=0)) <= {preview.HEIGHT // 4 - 1, preview.HEIGHT // 4}
    assert levels.max() == 255
    assert view.levels[:, : preview.WIDTH // 2 - 3].max() == 0


def test_a_clip_shorter_than_the_picture_is_wide_has_a_preview() -> None:
    view = preview.make_preview(np.ones(100, np.float32), SR)
    assert view.peaks.shape == (preview.WIDTH,)
    assert view.levels.shape == (preview.HEIGHT, preview.WIDTH)


def test_the_excerpt_is_the_middle_of_the_clip_and_has_the_same_bytes_each_time() -> None:
    y = np.concatenate([sine(2000, 3.0), sine(500, 4.0), sine(2000, 3.0)])
    mp3 = preview.make_preview(y, SR).mp3
    assert mp3 == preview.make_preview(y, SR).mp3
    assert not re.search(rb"Lav[cf]\d", mp3)  # a version would change the bytes with the library
    assert len(mp3) < 17_000
    heard, sr = soundfile.read(io.BytesIO(mp3))
    assert (sr, heard.ndim) == (preview.EXCERPT_SR, 1)
    assert len(heard) == pytest.approx(4 * SR, abs=3 * 1152)  # MP3 has whole frames and a delay
    middle = heard[SR : 2 * SR]  # 1 s: bins of 1 Hz
    assert np.abs(np.fft.rfft(middle)).argmax() == 500
    assert np.sqrt(np.square(middle).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)  # 32 kbit/s


@pytest.mark.parametrize(("n", "sr"), [(1, 8000), (100, 96_000), (96_000, 48_000)])
def test_the_excerpt_of_a_short_clip_is_the_whole_clip(n: int, sr: int) -> None:
    heard, _ = soundfile.read(io.BytesIO(preview.make_preview(np.full(n, 3, np.float32), sr).mp3))
    assert len(heard) == pytest.approx(n / sr * preview.EXCERPT_SR, abs=3 * 1152)


def test_previews_are_read_back_in_the_order_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    previews = {name: preview.make_preview(sine(440 * number, 2.0), SR) for number, name in enumerate("abc", 1)}
    preview.write_previews(path, previews)
    read = preview.read_previews(path, ["c", "none", "a"])
    assert list(read) == ["c", "a"]
    np.testing.assert_array_equal(read["a"].levels, previews["a"].levels)
    assert read["a"].mp3 == previews["a"].mp3
    np.testing.assert_array_equal(read["c"].peaks, previews["c"].peaks)
    assert preview.read_previews(path, []) == {}
    preview.write_previews(path, {})  # a table without audio
    assert preview.read_previews(path, ["a"]) == {}
