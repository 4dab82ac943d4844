import numpy as np
import scipy.fft
from helpers import BINS_HZ, TOP_HZ, build_family, frames_of, noise, silence

from regenre.features.filterbanks import space_erb_centres_hz

GFCC = build_family("gfcc")


def test_coefficients_equal_the_definition() -> None:
    """Spafe's GFCC is no reference: it takes the logarithm of another gammatone bank."""
    frames = frames_of(noise(0.5))
    amplitudes = []
    for centre in space_erb_centres_hz(64, 50.0, TOP_HZ):
        bandwidth = 1.019 * 24.7 * (4.37 * centre / 1000 + 1)
        amplitudes.append(np.sqrt((1 + ((BINS_HZ - centre) / bandwidth) ** 2) ** -4.0 @ frames.power.astype(float)))
    reference = scipy.fft.dct(np.cbrt(amplitudes), axis=0, norm="ortho")[:22]
    np.testing.assert_allclose(GFCC(frames), reference, atol=1e-4)


def test_a_gain_scales_coefficients_by_its_cube_root() -> None:
    quiet, loud = GFCC(frames_of(0.01 * noise())), GFCC(frames_of(0.08 * noise()))
    np.testing.assert_allclose(loud, 2 * quiet, rtol=1e-3, atol=1e-4)


def test_silence_yields_zero() -> None:
    assert not GFCC(frames_of(silence())).any()
