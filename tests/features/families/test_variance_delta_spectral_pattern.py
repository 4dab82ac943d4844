import numpy as np
import pytest
from helpers import build_family, frames_of, noise, silence

from regenre.features.blocks import rank_rises

VARIANCE_DELTA_SPECTRAL_PATTERN = build_family("variance_delta_spectral_pattern")


def test_blocks_that_do_not_overlap_have_numpys_deviation() -> None:
    frames = frames_of(noise(10.0))
    family = build_family("variance_delta_spectral_pattern", n_bands=92, step_s=0.58)
    ranks = rank_rises(frames, 3, 0.07, 0.58, 0.58)
    np.testing.assert_allclose(family(frames).reshape(92, 3), ranks.std(axis=1, ddof=1), rtol=1e-4)


def test_the_spread_of_a_steady_sound_does_not_depend_on_its_length() -> None:
    long = VARIANCE_DELTA_SPECTRAL_PATTERN(frames_of(noise(30.0)))
    short = [VARIANCE_DELTA_SPECTRAL_PATTERN(frames_of(noise(1.5, seed=seed))) for seed in range(20)]
    ratio = np.sqrt(np.square(short).mean(axis=0)).mean() / long.mean()
    assert ratio == pytest.approx(1, abs=0.1)  # 20 clips; without the correction it is 0.68


def test_blocks_of_the_same_frames_have_the_same_spread() -> None:
    """Steps are whole frames: 20 and 23 ms are one of 23.2 ms."""
    first, second = (build_family("variance_delta_spectral_pattern", step_s=step_s) for step_s in (0.02, 0.0232))
    np.testing.assert_array_equal(first(frames_of(noise(3.0))), second(frames_of(noise(3.0))))


@pytest.mark.parametrize("y", [silence(2.0), noise(0.8)])
def test_silence_and_one_block_yield_zero(y: np.ndarray) -> None:
    assert not VARIANCE_DELTA_SPECTRAL_PATTERN(frames_of(y)).any()


def test_names_consist_of_band_rank_and_statistic() -> None:
    assert VARIANCE_DELTA_SPECTRAL_PATTERN.names[3 * 7 + 2] == "07_02__std"
