import librosa
import numpy as np
import pytest
from helpers import SR, build_family, frames_of, noise, silence, sine

from regenre.common.errors import UserError
from regenre.features.frames import Frames

ENERGY = build_family("energy")


INNER = slice(4, -4)


def compute_energy(y: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(ENERGY.names, ENERGY(frames_of(y)), strict=True))


def test_descriptors_of_a_sine() -> None:
    """Whole periods in each frame, and a crest where the clip ends: there is nothing that rms could follow."""
    rows = compute_energy(sine(SR / 64, peak=0.5)[: 344 * 64 + 17])
    np.testing.assert_allclose(rows["rms"], 0.5 / np.sqrt(2), rtol=1e-4)  # at the clip's ends too
    np.testing.assert_allclose(rows["short_time_energy"], rows["rms"] ** 2, rtol=1e-5)
    np.testing.assert_allclose(rows["zero_crossing_rate"][INNER], 2 / 64, rtol=0.02)
    np.testing.assert_allclose(rows["energy_entropy"][INNER], 3, atol=0.01)  # log2 of 8 equal blocks
    assert not rows["low_energy"][INNER].any()


def test_an_onset_has_no_energy_entropy() -> None:
    y = silence()
    y[10 * 512 : 10 * 512 + 100] = 0.5
    assert compute_energy(y)["energy_entropy"][10] < 0.01  # all energy in one of eight blocks, but for the mean's


def test_low_energy_is_the_share_of_silence() -> None:
    """0.3 s of sound alternate with 0.7 s of silence.

    A 93 ms frame with more than 9 % of sound has an rms above 0.3 of the sound's, so it is not low.
    """
    y = noise(10.0) * (np.arange(10 * SR) % SR < 0.3 * SR)
    assert compute_energy(y.astype(np.float32))["low_energy"].mean() == pytest.approx(0.7 - 0.82 * 0.093, abs=0.02)


def test_rms_and_zero_crossings_equal_librosas() -> None:
    y = frames_of(noise()).y
    rows = compute_energy(y)
    np.testing.assert_allclose(rows["rms"], librosa.feature.rms(y=y, pad_mode="reflect")[0], rtol=1e-5)
    zcr = librosa.feature.zero_crossing_rate(y)[0]  # librosa pads with the edge value, regenre mirrors
    np.testing.assert_allclose(rows["zero_crossing_rate"][INNER], zcr[INNER], atol=1e-6)


def test_a_dc_offset_changes_nothing() -> None:
    np.testing.assert_allclose(ENERGY(frames_of(noise() + np.float32(0.3))), ENERGY(frames_of(noise())), atol=1e-4)


def test_more_blocks_than_samples_are_refused() -> None:
    with pytest.raises(UserError, match="n_blocks: at most n_fft, 16, expected, 17 found"):
        build_family("energy", n_blocks=17)(Frames(noise(), SR, 16, 32))


def test_silence_yields_zero() -> None:
    assert not any(values.any() for values in compute_energy(silence()).values())
