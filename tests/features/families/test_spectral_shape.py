import librosa
import numpy as np
import pytest
from helpers import BINS_HZ, SR, TOP_HZ, build_family, frames_of, noise, sine
from hydra.errors import InstantiationException

SPECTRAL_SHAPE = build_family("spectral_shape")


INNER = slice(4, -4)  # frames without padding


def compute_shape(y: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(SPECTRAL_SHAPE.names, SPECTRAL_SHAPE(frames_of(y)), strict=True))


@pytest.mark.parametrize("hz", [200, 1000, 5000])
def test_a_sine_has_its_frequency_as_centroid_and_rolloff(hz: float) -> None:
    rows = compute_shape(sine(hz))
    bin_hz = SR / 2048
    np.testing.assert_allclose(rows["centroid"][INNER], hz, atol=bin_hz)
    np.testing.assert_allclose(rows["rolloff_85"][INNER], hz, atol=2 * bin_hz)
    assert rows["entropy"][INNER].max() < 0.25
    assert rows["flux"][INNER].max() < 1e-6


def test_the_spread_of_two_equal_sines_is_half_their_distance() -> None:
    rows = compute_shape(sine(2000) + sine(4000))
    np.testing.assert_allclose(rows["centroid"][INNER], 3000, atol=SR / 2048)  # each peak is off by half a bin at most
    np.testing.assert_allclose(rows["spread"][INNER], 1000, rtol=0.01)


def test_the_spectrum_of_an_impulse_is_flat() -> None:
    y = np.zeros(SR, np.float32)
    y[512 * 20] = 1
    frame = {name: values[20] for name, values in compute_shape(y).items()}
    assert frame["centroid"] == pytest.approx(TOP_HZ / 2, rel=1e-3)
    assert frame["spread"] == pytest.approx(TOP_HZ / np.sqrt(12), rel=2e-3)  # of a uniform distribution
    assert frame["rolloff_85"] == pytest.approx(0.85 * TOP_HZ, rel=2e-3)
    assert frame["rolloff_95"] == pytest.approx(0.95 * TOP_HZ, rel=2e-3)
    assert frame["skewness"] == pytest.approx(0, abs=1e-3)
    assert frame["kurtosis"] == pytest.approx(1.8, abs=5e-3)  # of a uniform distribution
    for name in ("entropy", "flatness", "crest"):
        assert frame[name] == pytest.approx(1, abs=3e-3), name  # the mean of the clip is subtracted


def test_noise_has_the_moments_of_its_spectrum() -> None:
    """The reference is computed in float64."""
    frames = frames_of(np.diff(noise(), prepend=np.float32(0)))  # rises by 6 dB an octave
    rows = dict(zip(SPECTRAL_SHAPE.names, SPECTRAL_SHAPE(frames), strict=True))
    f = frames.frequencies_hz.astype(float)
    for t in (10, 30):
        p = frames.magnitude[:, t].astype(float)
        p /= p.sum()
        mean = f @ p
        std = np.sqrt((f - mean) ** 2 @ p)
        assert rows["skewness"][t] == pytest.approx((f - mean) ** 3 @ p / std**3, rel=1e-4)
        assert rows["kurtosis"][t] == pytest.approx((f - mean) ** 4 @ p / std**4, rel=1e-4)
        assert rows["crest"][t] == pytest.approx(p.max() * len(f), rel=1e-4)
        assert rows["skewness"][t] < -0.2


def test_descriptors_equal_librosas() -> None:
    y = noise()
    rows, S = compute_shape(y), np.abs(librosa.stft(frames_of(y).y, pad_mode="reflect"))[:929]
    np.testing.assert_allclose(rows["centroid"], librosa.feature.spectral_centroid(S=S, freq=BINS_HZ)[0], rtol=1e-4)
    np.testing.assert_allclose(rows["spread"], librosa.feature.spectral_bandwidth(S=S, freq=BINS_HZ)[0], rtol=1e-4)
    flatness = librosa.feature.spectral_flatness(S=S)[0]
    np.testing.assert_allclose(rows["flatness"], flatness, rtol=1e-3)
    np.testing.assert_allclose(rows["rolloff_85"], librosa.feature.spectral_rolloff(S=S, freq=BINS_HZ)[0], rtol=1e-4)


@pytest.mark.parametrize("rolloffs", [[0.95, 0.85], [0.85, 0.85]])
def test_rolloffs_that_do_not_ascend_are_refused(rolloffs: list[float]) -> None:
    with pytest.raises(InstantiationException, match="rolloffs: shares in ascending order expected"):
        build_family("spectral_shape", rolloffs=rolloffs)


def test_rolloffs_that_differ_have_different_names() -> None:
    assert build_family("spectral_shape", rolloffs=[0.85, 0.854]).names[4:6] == ("rolloff_85", "rolloff_85.4")


def test_a_gain_does_not_change_the_result() -> None:
    for name, values in compute_shape(0.01 * noise()).items():
        np.testing.assert_allclose(values, compute_shape(0.5 * noise())[name], rtol=1e-3, atol=1e-7)


def test_silence_yields_zero() -> None:
    assert not np.any(SPECTRAL_SHAPE(frames_of(np.zeros(SR, np.float32))))
