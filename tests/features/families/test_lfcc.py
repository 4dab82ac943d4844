import numpy as np
import scipy.fft
from helpers import BINS_HZ, TOP_HZ, build_family, frames_of, noise, silence

LFCC = build_family("lfcc")


def test_coefficients_equal_the_definition() -> None:
    frames = frames_of(noise(0.5))
    edges = np.linspace(0, TOP_HZ, 66)
    bands = [np.interp(BINS_HZ, edges[b : b + 3], [0, 1, 0]) @ frames.power.astype(float) for b in range(64)]
    reference = scipy.fft.dct(10 * np.log10(bands), axis=0, norm="ortho")[:20]
    np.testing.assert_allclose(LFCC(frames), reference, atol=1e-3)


def test_a_gain_changes_only_coefficient_0() -> None:
    quiet, loud = LFCC(frames_of(0.01 * noise())), LFCC(frames_of(0.1 * noise()))
    np.testing.assert_allclose(loud[1:], quiet[1:], atol=1e-3)
    np.testing.assert_allclose(loud[0] - quiet[0], 20 * np.sqrt(64), rtol=1e-4)


def test_silence_yields_a_constant_coefficient_0_and_zeros() -> None:
    values = LFCC(frames_of(silence()))
    np.testing.assert_allclose(values[0], -100 * np.sqrt(64), rtol=1e-5)
    np.testing.assert_allclose(values[1:], 0, atol=1e-3)
