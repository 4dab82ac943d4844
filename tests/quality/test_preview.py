from pathlib import Path

import numpy as np
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


def test_previews_are_read_back_in_the_order_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    previews = {name: preview.make_preview(sine(440 * number, 2.0), SR) for number, name in enumerate("abc", 1)}
    preview.write_previews(path, previews)
    read = preview.read_previews(path, ["c", "none", "a"])
    assert list(read) == ["c", "a"]
    np.testing.assert_array_equal(read["a"].levels, previews["a"].levels)
    np.testing.assert_array_equal(read["c"].peaks, previews["c"].peaks)
    assert preview.read_previews(path, []) == {}
    preview.write_previews(path, {})  # a table without audio
    assert preview.read_previews(path, ["a"]) == {}
