import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from conftest import frames_of, noise, silence, sine

from regenre.families.lpcc import Lpcc, cepstrum_of, predictor


def lags_of(order: int = 13) -> np.ndarray:
    power = frames_of(scipy.signal.lfilter([1], [1, -0.9], noise())).power.astype(float)
    return np.fft.irfft(power, axis=0)[: order + 1]


def test_levinson_solves_the_normal_equations() -> None:
    lags = lags_of()
    found = predictor(lags)
    for t in range(5, 40, 10):
        matrix = scipy.linalg.toeplitz(lags[:-1, t]) + 1e-9 * lags[0, t] * np.eye(13)
        np.testing.assert_allclose(found[:, t], np.linalg.solve(matrix, lags[1:, t]), rtol=1e-6, atol=1e-9)


def test_an_autoregressive_process_gives_its_coefficients_away() -> None:
    a = np.array([1.2, -0.6])
    y = scipy.signal.lfilter([1], [1, *-a], noise(20.0)).astype(np.float32)
    lags = np.fft.irfft(frames_of(y).power[:, 4:-4].astype(float).mean(axis=1))[:3, None]
    np.testing.assert_allclose(predictor(lags)[:, 0], a, atol=0.02)


def test_the_recursion_is_the_cepstrum_of_the_model() -> None:
    """Spafe's lpc2lpcc multiplies by c[m] where the recursion has c[k], so it is no reference."""
    a = np.array([[1.2], [-0.6], [0.1]])
    model = -np.log(np.abs(np.fft.fft(np.concatenate([[1], -a[:, 0]]), 4096)))
    reference = 2 * np.fft.ifft(model).real[1:9]  # the complex cepstrum of a minimum-phase model
    np.testing.assert_allclose(cepstrum_of(a, 8)[:, 0], reference, atol=1e-9)


def test_a_single_pole_has_the_powers_over_n() -> None:
    np.testing.assert_allclose(cepstrum_of(np.array([[0.5]]), 4)[:, 0], [0.5**n / n for n in (1, 2, 3, 4)])


@pytest.mark.parametrize("y", [sine(440), sine(100) + sine(5000), np.full(22_050, 0.5, np.float32)])
def test_tonal_frames_stay_stable(y: np.ndarray) -> None:
    assert np.abs(Lpcc()(frames_of(y))).max() < 15  # |c[n]| <= order / n for a stable model


def test_a_gain_changes_nothing() -> None:
    np.testing.assert_allclose(Lpcc()(frames_of(0.01 * noise())), Lpcc()(frames_of(0.1 * noise())), atol=1e-4)


def test_silence_is_zero() -> None:
    assert not Lpcc()(frames_of(silence())).any()
