from collections.abc import Callable

import librosa
import numpy as np
import pytest
import scipy.signal
from helpers import BINS_HZ, SR, TOP_HZ, frames_of, noise, sine
from spafe.fbanks.bark_fbanks import Fm

from regenre.common.errors import UserError
from regenre.features import filterbanks

N_FFT = 2048
BANKS = {
    "mel": filterbanks.make_mel(SR, N_FFT, 40, 0.0, None),
    "linear": filterbanks.make_linear(SR, N_FFT, 64, 0.0, None),
    "bark": filterbanks.make_bark(SR, N_FFT, 40, 0.0, None),
    "gammatone": filterbanks.make_gammatone(SR, N_FFT, 64, 50.0, None),
    "third_octave": filterbanks.make_third_octave(SR, N_FFT, 40.0),
    "semitones": filterbanks.make_semitones(SR, N_FFT, 92, 47.6),
}
F_HZ = filterbanks.list_bins_hz(SR, N_FFT)
MAKERS = [filterbanks.make_mel, filterbanks.make_linear, filterbanks.make_bark, filterbanks.make_gammatone]


@pytest.mark.parametrize("name", BANKS)
def test_no_band_is_empty_and_bands_run_from_low_to_high(name: str) -> None:
    bank = BANKS[name]
    assert bank.dtype == np.float32
    assert (bank.sum(axis=1) > 0).all()
    assert (np.diff(bank @ F_HZ / bank.sum(axis=1)) >= 0).all()
    with pytest.raises(ValueError, match="read-only"):
        bank[0, 0] = 1


@pytest.mark.parametrize("name", BANKS)
@pytest.mark.parametrize("hz", [400.0, 1500.0, 6000.0])
def test_a_sine_is_strongest_in_the_band_around_it(name: str, hz: float) -> None:
    bank = BANKS[name]
    levels = frames_of(sine(hz)).sum_bands(bank / bank.max(axis=1, keepdims=True))[:, 20]
    loudest = F_HZ[bank[levels.argmax()] >= 0.4 * bank[levels.argmax()].max()]
    assert loudest.min() - SR / N_FFT <= hz <= loudest.max() + SR / N_FFT


def test_the_mel_bank_equals_librosas() -> None:
    reference = librosa.filters.mel(sr=SR, n_fft=N_FFT, n_mels=40, fmax=TOP_HZ)
    np.testing.assert_array_equal(BANKS["mel"], reference[:, : len(F_HZ)])
    assert not reference[:, len(F_HZ) :].any()


def test_bins_end_where_resampling_does() -> None:
    np.testing.assert_array_equal(F_HZ, BINS_HZ)
    assert filterbanks.find_top_hz(SR) == pytest.approx(10_000, abs=1)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(("low", "high"), [(50.0, 11_025.0), (4000.0, 4000.0), (10_500.0, None)])
def test_edges_that_no_bins_lie_between_are_refused(make: Callable, low: float, high: float | None) -> None:
    message = rf"fmax_hz <= 10000 \(0.907 of half the 22050 Hz\) expected, {low:g} and {high or TOP_HZ:g} found"
    with pytest.raises(UserError, match=message):
        make(SR, N_FFT, 20, low, high)


def test_bands_narrower_than_the_bins_are_refused() -> None:
    for make, n_bands in ((filterbanks.make_mel, 128), (filterbanks.make_linear, 500)):
        with pytest.raises(UserError, match=f"a bin in each band expected, .* of {n_bands} bands without one found"):
            make(44_100, 512, n_bands, 0.0, None)


def test_linear_triangles_sum_to_one_between_the_outer_centres() -> None:
    edges = np.linspace(0, TOP_HZ, 66)
    inside = (edges[1] <= F_HZ) & (edges[-2] >= F_HZ)
    np.testing.assert_allclose(BANKS["linear"].sum(axis=0)[inside], 1, rtol=1e-6)


def test_bark_curves_equal_those_of_rastamat_and_spafe() -> None:
    """Rastamat's fft2barkmx has no ends at -1.3 and 2.5 Bark. Spafe's curves have them, and are mirrored."""
    rates = np.linspace(0, filterbanks.convert_hz_to_bark(TOP_HZ), 42)[1:-1]
    bins = filterbanks.convert_hz_to_bark(F_HZ)
    for band in (5, 20, 39):
        low, high = bins - rates[band] - 0.5, bins - rates[band] + 0.5
        rastamat = 10 ** np.minimum(0, np.minimum(high, -2.5 * low))
        inside = (bins > rates[band] - 2.5) & (bins < rates[band] + 1.3)
        np.testing.assert_allclose(BANKS["bark"][band], rastamat * inside, atol=1e-6)
        np.testing.assert_allclose(BANKS["bark"][band], [Fm(rates[band], rate) for rate in bins], atol=1e-6)


def test_gammatone_bandwidths_equal_erbs() -> None:
    """The integral of (1 + x^2)^-4 is 5 pi / 16, so the area of a band is 1.019 * 5 pi / 16 = 1.0004 ERB."""
    centres = filterbanks.space_erb_centres_hz(64, 50.0, TOP_HZ)
    inner = (centres > 300) & (centres < 8000)  # bands whose flanks lie within 0 to sr / 2
    area = BANKS["gammatone"].sum(axis=1) * SR / N_FFT
    np.testing.assert_allclose(area[inner], filterbanks.compute_erb_hz(centres[inner]), rtol=0.01)
    assert filterbanks.compute_erb_hz(1000.0) == pytest.approx(132.6, abs=0.1)  # as in Glasberg and Moore


def test_gammatone_magnitudes_equal_those_of_the_impulse_response() -> None:
    t = np.arange(4 * SR) / SR
    fine_hz = np.fft.rfftfreq(len(t), 1 / SR)
    for band, hz in enumerate(filterbanks.space_erb_centres_hz(64, 50.0, TOP_HZ)):
        if 200 < hz < 9000:
            impulse = (
                t**3 * np.exp(-2 * np.pi * 1.019 * filterbanks.compute_erb_hz(hz) * t) * np.cos(2 * np.pi * hz * t)
            )
            response = np.square(np.abs(np.fft.rfft(impulse)))
            power = np.interp(F_HZ, fine_hz, response / np.interp(hz, fine_hz, response))
            near = np.abs(F_HZ - hz) < 3 * filterbanks.compute_erb_hz(hz)
            # the response has a mirror image at -hz, which the formula leaves out
            np.testing.assert_allclose(BANKS["gammatone"][band][near], power[near], atol=5e-3)


def test_gammatone_bands_have_the_power_of_gammatone_filters_in_time() -> None:
    """The reference is scipy's filter, on ten seconds of noise."""
    y = noise(10.0)
    power = frames_of(y).sum_bands(BANKS["gammatone"])[:, 4:-4].mean(axis=1) * 2 / (N_FFT * 0.375 * N_FFT)
    for band in (20, 40, 55):
        hz = filterbanks.space_erb_centres_hz(64, 50.0, TOP_HZ)[band]
        filtered = scipy.signal.lfilter(*scipy.signal.gammatone(hz, "iir", fs=SR), y)
        assert power[band] == pytest.approx(np.mean(filtered**2), rel=0.05)


def test_erb_centres_are_equally_spaced_in_erb_rate() -> None:
    centres = filterbanks.space_erb_centres_hz(64, 50.0, 11_025.0)
    assert (centres[0], centres[-1]) == (pytest.approx(50), pytest.approx(11_025))
    steps = np.diff(21.4 * np.log10(4.37e-3 * centres + 1))  # Glasberg and Moore 1990, eq. 4
    np.testing.assert_allclose(steps, steps[0])


@pytest.mark.parametrize("sr", [16_000, 22_050, 48_000])
def test_semitones_are_as_wide_as_their_edges_say(sr: int) -> None:
    edges = 47.6 * 2 ** (np.arange(85) / 12)  # below 8 kHz
    bank = filterbanks.make_semitones(sr, N_FFT, 84, 47.6)
    np.testing.assert_allclose(bank.sum(axis=1) * sr / N_FFT, np.diff(edges), rtol=1e-5)
    assert bank.sum(axis=0).max() <= 1 + 1e-6


def test_semitones_above_the_last_bin_are_empty() -> None:
    n_below = int(12 * np.log2(0.907 * 4000 / 47.6)) + 1
    assert (filterbanks.make_semitones(8000, N_FFT, 92, 47.6).sum(axis=1) > 0).sum() == n_below


def test_overlaps_are_lengths_that_intervals_share() -> None:
    overlaps = filterbanks.compute_overlaps(np.array([0.0, 1.5, 4.0]), np.array([-1.0, 1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(overlaps, [[1, 0.5, 0], [0, 0.5, 1]])
