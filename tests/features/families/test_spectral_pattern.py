import numpy as np
from helpers import build_family, frames_of, noise, silence, sine

from regenre.features.blocks import compute_levels

SPECTRAL_PATTERN = build_family("spectral_pattern")


def test_the_whole_pattern_equals_a_sum_by_hand() -> None:
    frames = frames_of(noise(2.0) * np.linspace(0.1, 1, 2 * 22_050, dtype=np.float32))
    levels = compute_levels(frames)
    starts = range(0, levels.shape[1] - 9, 5)
    blocks = [np.sort(levels[:, t : t + 10] - levels[:, t : t + 10].mean(), axis=1) for t in starts]
    expected = np.percentile(blocks, 90, axis=0)
    whole = build_family("spectral_pattern", n_bands=92, n_ranks=10)
    np.testing.assert_allclose(whole(frames).reshape(92, 10), expected, atol=1e-4)  # rounding of float32
    averages = np.percentile(np.reshape(blocks, (-1, 92, 5, 2)).mean(axis=3), 90, axis=0).reshape(23, 4, 5).mean(axis=1)
    np.testing.assert_allclose(SPECTRAL_PATTERN(frames).reshape(23, 5), averages, atol=1e-4)


def test_ranks_ascend_and_those_of_a_steady_tone_are_equal() -> None:
    assert (np.diff(SPECTRAL_PATTERN(frames_of(noise(3.0))).reshape(23, 5), axis=1) > 0).all()
    tone = SPECTRAL_PATTERN(frames_of(sine(1000, 3.0))).reshape(23, 5)
    assert np.ptp(tone[13]) < 0.1
    assert tone.mean(axis=1).argmax() == 13


def test_a_gain_changes_nothing() -> None:
    y = noise(2.0)
    np.testing.assert_allclose(SPECTRAL_PATTERN(frames_of(y)), SPECTRAL_PATTERN(frames_of(0.1 * y)), atol=1e-3)


def test_a_steady_sound_has_the_same_pattern_at_any_length() -> None:
    short, long = (SPECTRAL_PATTERN(frames_of(noise(duration_s))) for duration_s in (1.0, 30.0))
    assert np.abs(short - long).mean() < 1  # dB; five per cent of the range of the pattern


def test_silence_yields_zero() -> None:
    assert not SPECTRAL_PATTERN(frames_of(silence())).any()
