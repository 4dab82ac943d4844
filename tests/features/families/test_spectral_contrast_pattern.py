import numpy as np
from helpers import build_family, frames_of, noise, silence, sine

from regenre.features.blocks import compute_levels

SPECTRAL_CONTRAST_PATTERN = build_family("spectral_contrast_pattern")


def test_the_whole_pattern_equals_a_sum_by_hand() -> None:
    frames = frames_of(noise(4.0))
    levels = compute_levels(frames).reshape(23, 4, -1)
    contrast = levels.max(axis=1) - levels.min(axis=1)
    starts = range(0, contrast.shape[1] - 39, 20)
    expected = np.percentile([np.sort(contrast[:, t : t + 40]) for t in starts], 10, axis=0)
    whole = build_family("spectral_contrast_pattern", n_bands=23, n_ranks=40)
    np.testing.assert_allclose(whole(frames).reshape(23, 40), expected, atol=1e-4)  # rounding of float32


def test_a_tone_contrasts_with_its_band_and_noise_does_not() -> None:
    band = 52 * 20 // 92
    tone, hiss = (SPECTRAL_CONTRAST_PATTERN(frames_of(y)).reshape(20, 5)[band] for y in (sine(1000, 3.0), noise(3.0)))
    assert tone.min() > 20
    assert hiss.max() < 15


def test_bands_have_four_or_five_semitones() -> None:
    assert set(np.diff([*(np.arange(20) * 92 // 20), 92])) == {4, 5}


def test_silence_yields_zero() -> None:
    assert not SPECTRAL_CONTRAST_PATTERN(frames_of(silence(3.0))).any()
