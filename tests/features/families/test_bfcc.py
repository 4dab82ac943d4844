import numpy as np
import pytest
import scipy.fft
from helpers import BINS_HZ, TOP_HZ, build_family, frames_of, noise, silence, sine
from spafe.fbanks.bark_fbanks import Fm

BFCC = build_family("bfcc")


def test_coefficients_equal_the_definition() -> None:
    """The curves are spafe's. Spafe's BFCC is no reference: it has another bank, loudness weights and a cube root."""
    frames = frames_of(noise(0.5))
    bark = 6 * np.arcsinh(BINS_HZ / 600)
    centres = np.linspace(0, 6 * np.arcsinh(TOP_HZ / 600), 42)[1:-1]
    bank = np.array([[Fm(centre, rate) for rate in bark] for centre in centres])
    reference = scipy.fft.dct(10 * np.log10(bank @ frames.power), axis=0, norm="ortho")[:20]
    np.testing.assert_allclose(BFCC(frames), reference, atol=1e-3)


@pytest.mark.parametrize("hz", [300, 1000, 4000])
def test_a_tone_spreads_upward(hz: float) -> None:
    """Masking falls by 10 dB a Bark above the tone and by 25 below (Hermansky 1990, eq. 3), from half a Bark on."""
    coefficients = build_family("bfcc", n_bfcc=40)(frames_of(sine(hz)))[:, 20]
    levels = scipy.fft.idct(coefficients, norm="ortho")
    centres = np.linspace(0, 6 * np.arcsinh(TOP_HZ / 600), 42)[1:-1]
    d = centres - 6 * np.arcsinh(hz / 600)
    above, below = (d > 0.8) & (d < 2.2), (d < -0.8) & (d > -1.2)
    levels -= levels.max()
    np.testing.assert_allclose(levels[above], -10 * (d[above] - 0.5), atol=0.5)  # the window widens the tone
    np.testing.assert_allclose(levels[below], 25 * (d[below] + 0.5), atol=0.5)


def test_a_gain_changes_only_coefficient_0() -> None:
    quiet, loud = BFCC(frames_of(0.01 * noise())), BFCC(frames_of(0.1 * noise()))
    np.testing.assert_allclose(loud[1:], quiet[1:], atol=1e-3)


def test_silence_yields_a_constant_coefficient_0_and_zeros() -> None:
    values = BFCC(frames_of(silence()))
    np.testing.assert_allclose(values[0], -100 * np.sqrt(40), rtol=1e-5)
    np.testing.assert_allclose(values[1:], 0, atol=1e-3)
