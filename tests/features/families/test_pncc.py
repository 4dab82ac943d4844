import numpy as np
import pytest
import scipy.fft
import spafe.features.pncc
from helpers import SR, build_family, frames_of, noise, silence, sine

from regenre.features.families.pncc import filter_asymmetrically, mask, normalise_power

PNCC = build_family("pncc")


def normalise_literally(power: np.ndarray, m: int, hops: float) -> np.ndarray:
    """Apply the steps of the paper frame by frame and channel by channel, in its symbols."""
    L, n = power.shape
    clamp = lambda t: min(max(t, 0), n - 1)  # noqa: E731
    Q = np.array([[np.mean([power[l, clamp(t + d)] for d in range(-m, m + 1)]) for t in range(n)] for l in range(L)])  # noqa: E741
    out = np.zeros_like(power)
    rising, falling, fading = 0.999**hops, 0.5**hops, 0.85**hops
    R = np.zeros_like(Q)
    for l in range(L):  # noqa: E741
        le, f, p = 0.9 * Q[l, 0], None, 0.0
        for t in range(n):
            factor = rising if Q[l, t] >= le else falling
            le = factor * le + (1 - factor) * Q[l, t]
            q0 = max(Q[l, t] - le, 0)
            f = 0.9 * q0 if f is None else f
            factor = rising if q0 >= f else falling
            f = factor * f + (1 - factor) * q0
            tm = q0 if q0 >= fading * p else 0.2 * p
            p = max(fading * p, q0)
            R[l, t] = max(tm, f) if Q[l, t] >= 2 * le else f
    T = np.zeros_like(Q)
    for l in range(L):  # noqa: E741
        near = slice(max(l - 4, 0), min(l + 4, L - 1) + 1)
        T[l] = power[l] * (R[near] / Q[near]).mean(axis=0)
    mu = T.mean()
    for t in range(n):
        mu = rising * mu + (1 - rising) * T[:, t].mean()
        out[:, t] = T[:, t] / mu
    return out


@pytest.mark.parametrize(("hops", "m"), [(1.0, 2), (2.32, 1), (6.4, 0)])
def test_steps_equal_a_literal_reference(hops: float, m: int) -> None:
    power = np.exp(np.random.default_rng(0).normal(size=(12, 60)).cumsum(axis=1))
    np.testing.assert_allclose(normalise_power(power, hops), normalise_literally(power, m, hops), rtol=1e-9)


def test_masking_equals_spafes() -> None:
    power = np.square(noise().reshape(10, 2205).astype(float))
    np.testing.assert_allclose(mask(power, 0.85), spafe.features.pncc.temporal_masking(power.T).T)


def test_the_asymmetric_filter_equals_spafes_except_at_its_start() -> None:
    """Spafe's filter starts at 0, the last row of its output array; the authors' program at 0.9 of the first frame."""
    power = np.square(noise().reshape(10, 2205).astype(float))
    reference = spafe.features.pncc.asymmetric_lowpass_filtering(power.T).T
    values = filter_asymmetrically(power, 0.999, 0.5)
    assert values[:, 0] == pytest.approx(0.9 * power[:, 0] + 0.001 * 0.1 * power[:, 0])
    np.testing.assert_allclose(values[:, 500:], reference[:, 500:], rtol=1e-6)


def test_a_steady_sound_is_suppressed_but_not_an_onset() -> None:
    steady = np.ones((40, 400))
    onset = steady.copy()
    onset[:, 200] = 100
    result = normalise_power(onset, 1.0)
    assert result[:, 200].min() > 100 * result[:, 150].max()


def test_a_gain_does_not_change_the_result() -> None:
    y = noise() * np.linspace(0, 1, SR, dtype=np.float32)
    np.testing.assert_allclose(PNCC(frames_of(0.01 * y)), PNCC(frames_of(y)), atol=2e-3)


def test_a_sine_is_strongest_in_its_channel() -> None:
    y = sine(1000, 3.0) * (np.arange(3 * SR) % 11_025 < 2000)
    coefficients = build_family("pncc", n_pncc=40)(frames_of(y.astype(np.float32)))
    channels = scipy.fft.idct(coefficients, axis=0, norm="ortho")
    assert channels.mean(axis=1).argmax() in (13, 14, 15)  # 1 kHz is channel 14 of 40 from 200 Hz to 11,025 Hz


def test_silence_yields_zero() -> None:
    assert not PNCC(frames_of(silence())).any()
