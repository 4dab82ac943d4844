import numpy as np
import pytest
from helpers import SR, frames_of, noise, silence, sine

from regenre.features import blocks


@pytest.mark.parametrize("hz", [300.0, 1000.0, 5000.0])
def test_a_sine_is_loudest_in_its_semitone(hz: float) -> None:
    levels = blocks.compute_levels(frames_of(sine(hz)))
    assert (levels.argmax(axis=0) == int(12 * np.log2(hz / 47.6))).all()


def test_a_gain_moves_all_levels_alike() -> None:
    y = sine(440) + 1e-3 * noise()
    levels, loud = (blocks.compute_levels(frames_of(gain * y)) for gain in (1, 10))
    np.testing.assert_allclose(loud, levels + 20, atol=1e-3)  # rounding of float32


@pytest.mark.parametrize(("n", "n_frames"), [(1, 1), (2047, 4), (2048, 1), (2560, 2), (SR, 40)])
def test_frames_count_whose_window_is_inside_the_clip(n: int, n_frames: int) -> None:
    assert blocks.compute_levels(frames_of(noise()[:n])).shape == (92, n_frames)


def test_the_edges_of_a_steady_sound_are_no_rises() -> None:
    levels = blocks.compute_levels(frames_of(sine(1000)))
    assert np.ptp(levels[50]) < 0.1


def test_silence_has_the_lowest_level() -> None:
    np.testing.assert_allclose(blocks.compute_levels(frames_of(silence())), -100, rtol=1e-6)


def test_rises_are_differences_above_zero() -> None:
    values = np.array([[0.0, 5.0, 3.0, 9.0]])
    np.testing.assert_array_equal(blocks.compute_rises(values, 2), [[3, 4]])
    np.testing.assert_array_equal(blocks.compute_rises(values, 1), [[5, 0, 6]])
    np.testing.assert_array_equal(blocks.compute_rises(values, 4), [[0]])


def test_blocks_begin_a_step_apart_and_a_short_clip_is_one_block() -> None:
    values = np.arange(20.0).reshape(2, 10)
    expected = [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    np.testing.assert_array_equal(blocks.cut_blocks(values, 0.1, 0.4, 0.3)[0], expected)
    assert blocks.cut_blocks(values, 0.1, 5.0, 0.3).shape == (2, 1, 10)


@pytest.mark.parametrize(
    ("n_ranks", "expected"), [(6, [1, 2, 3, 4, 5, 9]), (2, [2, 6]), (4, [4 / 3, 8 / 3, 13 / 3, 23 / 3]), (1, [4])]
)
def test_ranks_are_averages_of_sorted_values(n_ranks: int, expected: list[float]) -> None:
    ranks = blocks.rank_blocks(np.array([[[5.0, 1, 9, 3, 2, 4]]]), n_ranks)
    np.testing.assert_allclose(ranks, [[expected]], rtol=1e-6)


def test_a_block_shorter_than_its_ranks_has_each_value_more_than_once() -> None:
    np.testing.assert_allclose(blocks.rank_blocks(np.array([2.0, 1.0]), 4), [1, 1, 2, 2], rtol=1e-6)


def test_rows_are_averaged_in_equal_parts() -> None:
    np.testing.assert_allclose(blocks.average_rows(np.array([[1.0], [3], [5], [9]]), 2), [[2], [7]])
    np.testing.assert_allclose(blocks.average_rows(np.array([[0.0], [3], [6]]), 2), [[1], [5]], rtol=1e-6)


def test_names_have_numbers_from_low_to_high_and_a_percentile() -> None:
    names = blocks.name_ranks(2, 2, blocks.name_quantile(0.9))
    assert names == (
        "00_00__q90",
        "00_01__q90",
        "01_00__q90",
        "01_01__q90",
    )
