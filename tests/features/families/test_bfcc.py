import numpy as np
import scipy.fft
from helpers import SR, build_family, frames_of, noise, silence
from spafe.fbanks.bark_fbanks import Fm

BFCC = build_family("bfcc")


def test_coefficients_equal_the_definition() -> None:
    """The curves are spafe's. Spafe's BFCC is no reference: it has another bank, loudness weights and a cube root."""
    frames = frames_of(noise(0.5))
    bark = 6 * np.arcsinh(np.arange(1025) * SR / 2048 / 600)
    centres = np.linspace(0, bark[-1], 42)[1:-1]
    bank = np.array([[Fm(rate, centre) for rate in bark] for centre in centres])
    reference = scipy.fft.dct(10 * np.log10(bank @ frames.power), axis=0, norm="ortho")[:20]
    np.testing.assert_allclose(BFCC(frames), reference, atol=1e-3)


def test_a_gain_changes_only_coefficient_0() -> None:
    quiet, loud = BFCC(frames_of(0.01 * noise())), BFCC(frames_of(0.1 * noise()))
    np.testing.assert_allclose(loud[1:], quiet[1:], atol=1e-3)


def test_silence_yields_a_constant_coefficient_0_and_zeros() -> None:
    values = BFCC(frames_of(silence()))
    np.testing.assert_allclose(values[0], -100 * np.sqrt(40), rtol=1e-5)
    np.testing.assert_allclose(values[1:], 0, atol=1e-3)
