import numpy as np
import scipy.fft
from conftest import SR, frames_of, noise, silence

from regenre.families.gfcc import Gfcc
from regenre.filterbanks import erb_centres_hz


def test_equals_the_definition_written_out() -> None:
    """Spafe's GFCC takes the logarithm of another gammatone bank: not the same definition, not compared."""
    frames = frames_of(noise(0.5))
    f = np.arange(1025) * SR / 2048
    amplitudes = []
    for centre in erb_centres_hz(64, 50.0, SR / 2):
        bandwidth = 1.019 * 24.7 * (4.37 * centre / 1000 + 1)
        amplitudes.append(np.sqrt((1 + ((f - centre) / bandwidth) ** 2) ** -4.0 @ frames.power.astype(float)))
    reference = scipy.fft.dct(np.cbrt(amplitudes), axis=0, norm="ortho")[:22]
    np.testing.assert_allclose(Gfcc()(frames), reference, atol=1e-4)


def test_a_gain_multiplies_by_its_cube_root() -> None:
    quiet, loud = Gfcc()(frames_of(0.01 * noise())), Gfcc()(frames_of(0.08 * noise()))
    np.testing.assert_allclose(loud, 2 * quiet, rtol=1e-3, atol=1e-4)


def test_silence_is_zero() -> None:
    assert not Gfcc()(frames_of(silence())).any()
