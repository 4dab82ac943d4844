import librosa
import numpy as np
import pytest
from conftest import SR, frames_of, noise, sine

from regenre.families.spectral_shape import SpectralShape

INNER = slice(4, -4)  # frames without padding


def shape(y: np.ndarray) -> dict[str, np.ndarray]:
    family = SpectralShape()
    return dict(zip(family.names, family(frames_of(y)), strict=True))


@pytest.mark.parametrize("hz", [200, 1000, 5000])
def test_a_sine_has_its_frequency_as_centroid_and_rolloff(hz: float) -> None:
    found = shape(sine(hz))
    bin_hz = SR / 2048
    np.testing.assert_allclose(found["centroid"][INNER], hz, atol=bin_hz)
    np.testing.assert_allclose(found["rolloff_85"][INNER], hz, atol=2 * bin_hz)
    assert found["entropy"][INNER].max() < 0.25
    assert found["flux"][INNER].max() < 1e-6


def test_two_equal_sines_spread_by_half_their_distance() -> None:
    found = shape(sine(2000) + sine(4000))
    np.testing.assert_allclose(found["centroid"][INNER], 3000, atol=SR / 2048)  # half a bin either way, each
    np.testing.assert_allclose(found["spread"][INNER], 1000, rtol=0.01)


def test_an_impulse_is_flat() -> None:
    y = np.zeros(SR, np.float32)
    y[512 * 20] = 1
    found = {name: values[20] for name, values in shape(y).items()}
    assert found["centroid"] == pytest.approx(SR / 4, rel=1e-3)
    assert found["spread"] == pytest.approx(SR / 2 / np.sqrt(12), rel=2e-3)  # of a uniform distribution
    assert found["rolloff_85"] == pytest.approx(0.85 * SR / 2, rel=2e-3)
    assert found["rolloff_95"] == pytest.approx(0.95 * SR / 2, rel=2e-3)
    assert found["skewness"] == pytest.approx(0, abs=1e-3)
    assert found["kurtosis"] == pytest.approx(1.8, abs=5e-3)  # of a uniform distribution
    for name in ("entropy", "flatness", "crest"):
        assert found[name] == pytest.approx(1, abs=1e-4), name
    assert found["slope"] == pytest.approx(0, abs=1e-7)


def test_noise_has_the_moments_of_its_spectrum() -> None:
    """Against scipy's moments of the bins weighted by their magnitudes, in float64."""
    frames = frames_of(np.diff(noise(), prepend=np.float32(0)))  # rises by 6 dB an octave
    family = SpectralShape()
    found = dict(zip(family.names, family(frames), strict=True))
    f = frames.frequencies_hz.astype(float)
    for t in (10, 30):
        p = frames.magnitude[:, t].astype(float)
        p /= p.sum()
        mean = f @ p
        std = np.sqrt((f - mean) ** 2 @ p)
        assert found["skewness"][t] == pytest.approx((f - mean) ** 3 @ p / std**3, rel=1e-4)
        assert found["kurtosis"][t] == pytest.approx((f - mean) ** 4 @ p / std**4, rel=1e-4)
        assert found["slope"][t] == pytest.approx(np.polyfit(f, p * len(f), 1)[0], rel=1e-4)
        assert found["crest"][t] == pytest.approx(p.max() * len(f), rel=1e-4)
        assert found["skewness"][t] < -0.2


def test_equals_librosa() -> None:
    y = noise()
    found, S = shape(y), np.abs(librosa.stft(y))
    np.testing.assert_allclose(found["centroid"], librosa.feature.spectral_centroid(S=S, sr=SR)[0], rtol=1e-4)
    np.testing.assert_allclose(found["spread"], librosa.feature.spectral_bandwidth(S=S, sr=SR)[0], rtol=1e-4)
    flatness = librosa.feature.spectral_flatness(S=S)[0]
    np.testing.assert_allclose(found["flatness"], flatness, rtol=1e-3)
    np.testing.assert_allclose(found["rolloff_85"], librosa.feature.spectral_rolloff(S=S, sr=SR)[0], rtol=1e-4)


def test_a_gain_changes_nothing() -> None:
    for name, values in shape(0.01 * noise()).items():
        np.testing.assert_allclose(values, shape(0.5 * noise())[name], rtol=1e-3, atol=1e-7)


def test_silence_is_zero() -> None:
    assert not np.any(SpectralShape()(frames_of(np.zeros(SR, np.float32))))
