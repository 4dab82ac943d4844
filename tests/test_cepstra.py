import numpy as np
import scipy.fft
from conftest import noise

from regenre.cepstra import cepstra, decibels, numbered


def test_cepstra_are_the_first_coefficients_of_the_orthonormal_dct() -> None:
    bands = noise().reshape(63, 350)
    reference = scipy.fft.dct(bands.astype(float), axis=0, norm="ortho")
    np.testing.assert_allclose(cepstra(bands, 13), reference[:13], atol=1e-6)


def test_decibels() -> None:
    power = np.array([0, 1e-12, 1, 100], np.float32)
    np.testing.assert_allclose(decibels(power), [-100, -100, 0, 20], rtol=1e-6)
    np.testing.assert_allclose(decibels(power, top_db=30), [-10, -10, 0, 20], rtol=1e-6)
    assert power[0] == 0


def test_numbers_sort_as_text() -> None:
    assert numbered(3) == ("00", "01", "02")
