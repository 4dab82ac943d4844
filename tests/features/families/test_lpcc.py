import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from helpers import build_family, frames_of, noise, silence, sine

from regenre.features.families.cepstrum import make_inverse_rows
from regenre.features.families.lpcc import convert_to_cepstrum, solve_predictor

LPCC = build_family("lpcc")


def compute_lags(order: int = 13) -> np.ndarray:
    power = frames_of(scipy.signal.lfilter([1], [1, -0.9], noise())).power.astype(float)
    return np.fft.irfft(power, axis=0)[: order + 1]


def test_predictors_solve_the_normal_equations() -> None:
    lags = compute_lags()
    predictors = solve_predictor(lags)
    for t in range(5, 40, 10):
        matrix = scipy.linalg.toeplitz(lags[:-1, t]) + 1e-9 * lags[0, t] * np.eye(13)
        np.testing.assert_allclose(predictors[:, t], np.linalg.solve(matrix, lags[1:, t]), rtol=1e-6, atol=1e-9)


def test_predictors_of_an_autoregressive_process_are_its_coefficients() -> None:
    a = np.array([1.2, -0.6])
    _, response = scipy.signal.freqz([1], [1, *-a], np.pi * np.arange(929) / 928)
    lags = make_inverse_rows(3, 929) @ np.square(np.abs(response))[:, None]
    np.testing.assert_allclose(solve_predictor(lags)[:, 0], a, atol=1e-6)


def test_the_recursion_equals_the_cepstrum_of_the_model() -> None:
    """Spafe's lpc2lpcc is no reference: it multiplies by c[m] where the recursion has c[k]."""
    a = np.array([[1.2], [-0.6], [0.1]])
    model = -np.log(np.abs(np.fft.fft(np.concatenate([[1], -a[:, 0]]), 4096)))
    reference = 2 * np.fft.ifft(model).real[1:9]  # the complex cepstrum of a minimum-phase model
    np.testing.assert_allclose(convert_to_cepstrum(a, 8)[:, 0], reference, atol=1e-9)


def test_the_cepstrum_of_a_single_pole_is_its_powers_over_n() -> None:
    np.testing.assert_allclose(convert_to_cepstrum(np.array([[0.5]]), 4)[:, 0], [0.5**n / n for n in (1, 2, 3, 4)])


@pytest.mark.parametrize("y", [sine(440), sine(100) + sine(5000), np.full(22_050, 0.5, np.float32)])
def test_models_of_tonal_frames_are_stable(y: np.ndarray) -> None:
    assert np.abs(LPCC(frames_of(y))).max() < 15  # |c[n]| <= order / n for a stable model


def test_a_gain_does_not_change_the_result() -> None:
    np.testing.assert_allclose(LPCC(frames_of(0.01 * noise())), LPCC(frames_of(0.1 * noise())), atol=1e-4)


def test_silence_yields_zero() -> None:
    assert not LPCC(frames_of(silence())).any()
