import numpy as np
import scipy.fft
from conftest import SR, frames_of, noise, silence
from spafe.fbanks.bark_fbanks import Fm

from regenre.families.bfcc import Bfcc


def test_equals_the_definition_written_out() -> None:
    """With spafe's curve. Spafe's own BFCC has another bank, loudness weights and a cube root: not compared."""
    frames = frames_of(noise(0.5))
    bark = 6 * np.arcsinh(np.arange(1025) * SR / 2048 / 600)
    centres = np.linspace(0, bark[-1], 42)[1:-1]
    bank = np.array([[Fm(rate, centre) for rate in bark] for centre in centres])
    reference = scipy.fft.dct(10 * np.log10(bank @ frames.power), axis=0, norm="ortho")[:20]
    np.testing.assert_allclose(Bfcc()(frames), reference, atol=1e-3)


def test_a_gain_moves_the_0th_coefficient_alone() -> None:
    quiet, loud = Bfcc()(frames_of(0.01 * noise())), Bfcc()(frames_of(0.1 * noise()))
    np.testing.assert_allclose(loud[1:], quiet[1:], atol=1e-3)


def test_silence_is_a_constant() -> None:
    values = Bfcc()(frames_of(silence()))
    np.testing.assert_allclose(values[0], -100 * np.sqrt(40), rtol=1e-5)
    np.testing.assert_allclose(values[1:], 0, atol=1e-3)
