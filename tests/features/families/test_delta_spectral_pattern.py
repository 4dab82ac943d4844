import numpy as np
import pytest
from helpers import SR, build_family, frames_of, noise, silence, sine

from regenre.features.blocks import compute_levels

DELTA_SPECTRAL_PATTERN = build_family("delta_spectral_pattern")


def swell(db_per_s: float) -> np.ndarray:
    return sine(1000) * (10 ** (db_per_s * np.arange(-SR, 0) / SR / 20)).astype(np.float32)


def test_a_swell_rises_by_its_slope_and_a_decay_does_not() -> None:
    rise_db = 30 * 3 * 512 / SR
    band = build_family("delta_spectral_pattern", n_bands=92)(frames_of(swell(30.0))).reshape(92, 3)[52]
    np.testing.assert_allclose(band, rise_db, rtol=0.02)  # the window weighs a swell a little unevenly
    assert not DELTA_SPECTRAL_PATTERN(frames_of(swell(30.0)[::-1])).reshape(23, 3)[13].any()


def test_the_whole_pattern_equals_a_sum_by_hand() -> None:
    frames = frames_of(noise(2.0))
    levels = compute_levels(frames)
    rises = np.maximum(levels[:, 3:] - levels[:, :-3], 0)
    blocks = [np.sort(rises[:, t : t + 25])[:, 12:] for t in range(0, rises.shape[1] - 24, 5)]
    expected = np.percentile(blocks, 90, axis=0)
    whole = build_family("delta_spectral_pattern", n_bands=92, n_ranks=13)
    np.testing.assert_allclose(whole(frames).reshape(92, 13), expected, atol=1e-4)  # rounding of float32


@pytest.mark.parametrize("y", [silence(), silence(0.01), noise(0.1)])
def test_silence_and_a_clip_shorter_than_the_delay_yield_zero(y: np.ndarray) -> None:
    assert not DELTA_SPECTRAL_PATTERN(frames_of(y)).any()
