import librosa
import numpy as np
import pytest
from conftest import SR, frames_of, noise, silence, sine

from regenre.families.energy import Energy

INNER = slice(4, -4)


def energy(y: np.ndarray) -> dict[str, np.ndarray]:
    family = Energy()
    return dict(zip(family.names, family(frames_of(y)), strict=True))


def test_a_sine() -> None:
    found = energy(sine(441, peak=0.5))
    np.testing.assert_allclose(found["rms"][INNER], 0.5 / np.sqrt(2), rtol=2e-3)
    np.testing.assert_allclose(found["short_time_energy"], found["rms"] ** 2, rtol=1e-5)
    np.testing.assert_allclose(found["zero_crossing_rate"][INNER], 2 * 441 / SR, rtol=0.02)
    np.testing.assert_allclose(found["energy_entropy"][INNER], 3, atol=0.01)  # log2 of 8 equal parts
    assert not found["low_energy"][INNER].any()


def test_an_onset_has_little_entropy() -> None:
    y = silence()
    y[10 * 512 : 10 * 512 + 100] = 0.5
    assert energy(y)["energy_entropy"][10] == 0  # all in one of eight parts


def test_low_energy_is_the_silent_share() -> None:
    """Sound for 0.3 s, silence for 0.7 s: low for 0.7 s but for the 93 ms windows with more than 9 % of sound,
    whose rms is above 0.3 of the sound's."""
    y = noise(10.0) * (np.arange(10 * SR) % SR < 0.3 * SR)
    assert energy(y.astype(np.float32))["low_energy"].mean() == pytest.approx(0.7 - 0.82 * 0.093, abs=0.02)


def test_equals_librosa() -> None:
    y = noise()
    found = energy(y)
    np.testing.assert_allclose(found["rms"], librosa.feature.rms(y=y)[0], rtol=1e-5)
    zcr = librosa.feature.zero_crossing_rate(y)[0]  # pads with the edge's value where we pad with zeros
    np.testing.assert_allclose(found["zero_crossing_rate"][INNER], zcr[INNER], atol=1e-6)


def test_silence_is_zero() -> None:
    assert not any(values.any() for values in energy(silence()).values())
