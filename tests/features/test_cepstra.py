import numpy as np
import scipy.fft
from helpers import noise

from regenre.features.cepstra import compute_cepstra, convert_to_db, number_names


def test_cepstra_are_the_first_coefficients_of_the_orthonormal_dct() -> None:
    bands = noise().reshape(63, 350)
    reference = scipy.fft.dct(bands.astype(float), axis=0, norm="ortho")
    np.testing.assert_allclose(compute_cepstra(bands, 13), reference[:13], atol=1e-6)


def test_decibels_have_a_floor() -> None:
    power = np.array([0, 1e-12, 1, 100], np.float32)
    np.testing.assert_allclose(convert_to_db(power), [-100, -100, 0, 20], rtol=1e-6)
    np.testing.assert_allclose(convert_to_db(power, top_db=30), [-10, -10, 0, 20], rtol=1e-6)
    assert power[0] == 0


def test_numbers_sort_as_text() -> None:
    assert number_names(3) == ("00", "01", "02")
