import itertools
from dataclasses import replace

import numpy as np
import pytest

from regenre.synthesis.music import SR, STEPS, STYLES, VOICES, Artist, draw_artist, render


@pytest.fixture
def plain_artist() -> Artist:
    """An artist with a flat equaliser, no room, no second voice and next to no noise."""
    return Artist(
        key=0,
        bpm=120.0,
        drum_gain=1.0,
        pad_gain=0.5,
        borrowed="organ",
        borrowed_gain=0.0,
        brightness=0.0,
        equaliser_db=np.zeros(8),
        room_s=0.05,
        room_gain=0.0,
        hiss_db=-200.0,
        level=0.7,
    )


def compute_band_levels(y: np.ndarray) -> np.ndarray:
    """Return the power in 24 bands of a third of an octave from 50 Hz, in dB relative to the sum."""
    power = np.abs(np.fft.rfft(y)) ** 2
    edges = np.searchsorted(np.fft.rfftfreq(len(y), 1 / SR), 50 * 2 ** (np.arange(25) / 3))
    bands = np.array([power[low:high].sum() for low, high in itertools.pairwise(edges)])
    return 10 * np.log10(bands / bands.sum() + 1e-6)


def compute_modulation(y: np.ndarray) -> np.ndarray:
    """Return the strength of the level's modulation in six bands from 0.3 to 20 Hz."""
    level, period_s = measure_level(y)
    spectrum = np.abs(np.fft.rfft(level / level.mean() - 1)) / len(level)
    hertz = np.fft.rfftfreq(len(level), period_s)
    return np.array(
        [
            np.sqrt(np.square(spectrum[(hertz >= low) & (hertz < high)]).sum())
            for low, high in itertools.pairwise((0.3, 1.5, 3, 5, 7, 10, 20))
        ]
    )


def measure_level(y: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the level of each frame, and the length of a frame, about 10 ms, in seconds."""
    n = 220
    return np.sqrt(np.square(y[: len(y) // n * n].reshape(-1, n)).mean(axis=1)), n / SR


@pytest.mark.parametrize("style", STYLES)
def test_patterns_have_one_length_and_known_symbols(style: str) -> None:
    pattern = STYLES[style]
    assert len(pattern.melody) == len(pattern.chords)
    assert len(pattern.drums) in {0, len(pattern.melody)}
    assert len(pattern.melody) % STEPS == 0
    assert set(pattern.drums) <= set("ksh.")
    assert {pattern.lead, pattern.pad} <= set(VOICES)
    assert pattern.bpm[0] < pattern.bpm[1]


@pytest.mark.parametrize("style", STYLES)
def test_a_clip_has_its_length_and_the_peak_of_its_artist(style: str, plain_artist: Artist) -> None:
    y = render(STYLES[style], plain_artist, 2.5, np.random.default_rng(0))
    assert y.dtype == np.float64
    assert y.shape == (round(2.5 * SR),)
    assert np.abs(y).max() == pytest.approx(0.7, abs=1e-6)  # the noise is below -190 dB


@pytest.mark.parametrize("style", STYLES)
def test_the_random_numbers_decide_every_sample(style: str) -> None:
    artist = draw_artist(style, np.random.default_rng(1))
    first, again, other = (render(STYLES[style], artist, 1.0, np.random.default_rng(seed)) for seed in (2, 2, 3))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_an_artist_is_drawn_within_the_tempo_of_the_style() -> None:
    for seed in range(20):
        artist = draw_artist("waltz_strings", np.random.default_rng(seed))
        assert 84 <= artist.bpm <= 132
        assert artist.borrowed != "strings"


def test_the_rhythm_of_a_clip_is_nearest_to_other_clips_of_its_style(plain_artist: Artist) -> None:
    modulation = np.array(
        [
            [
                compute_modulation(
                    render(style, replace(plain_artist, bpm=np.mean(style.bpm)), 6.0, np.random.default_rng(seed))
                )
                for seed in range(8)
            ]
            for style in STYLES.values()
        ]
    )
    centres = modulation[:, :4].mean(axis=1)
    nearest = np.linalg.norm(modulation[:, 4:, None] - centres, axis=-1).argmin(axis=-1)
    assert (nearest == np.arange(len(STYLES))[:, None]).mean() > 0.7  # 0.1 by chance


def test_every_voice_has_a_timbre_of_its_own(plain_artist: Artist) -> None:
    style = replace(STYLES["drone_organ"], chords="." * 16)  # the melody alone
    levels = {
        voice: compute_band_levels(render(replace(style, lead=voice), plain_artist, 2.0, np.random.default_rng(0)))
        for voice in VOICES
    }
    for first, second in itertools.combinations(VOICES, 2):
        assert np.abs(levels[first] - levels[second]).max() > 3, f"{first} and {second}"  # dB in a third of an octave
    brightness = {voice: (np.arange(24) * 10 ** (level / 10)).sum() for voice, level in levels.items()}
    assert min(brightness, key=brightness.__getitem__) == "sub"
    assert max(brightness, key=brightness.__getitem__) == "fuzz"


def test_the_kick_drum_keeps_the_tempo(plain_artist: Artist) -> None:
    style = replace(STYLES["four_on_the_floor"], melody="." * 16, chords="." * 16)
    y = render(style, plain_artist, 10.0, np.random.default_rng(0))
    level, period_s = measure_level(y)
    level -= level.mean()
    correlation = np.correlate(level, level, "full")[len(level) - 1 :]
    lags_s = np.arange(len(correlation)) * period_s
    near_a_beat = (lags_s > 0.4) & (lags_s < 0.7)
    beat_s = lags_s[near_a_beat][correlation[near_a_beat].argmax()]
    assert beat_s == pytest.approx(0.5, rel=0.04)  # the tempo varies by 1.5 %, and a lag has a step of 2 %


def test_the_equaliser_raises_its_octave(plain_artist: Artist) -> None:
    style = STYLES["power_fifths"]
    gains_db = np.zeros(8)
    gains_db[5] = 20.0  # at 2 kHz
    flat, raised = (
        compute_band_levels(render(style, artist, 4.0, np.random.default_rng(0)))
        for artist in (plain_artist, replace(plain_artist, equaliser_db=gains_db))
    )
    difference = raised - flat
    assert difference[15:18].mean() - difference[6:9].mean() > 12  # 1.6 to 3.2 kHz against 200 to 400 Hz


def test_noise_is_added_at_its_level(plain_artist: Artist) -> None:
    style = STYLES["drone_organ"]
    quiet, noisy = (
        render(style, replace(plain_artist, hiss_db=hiss_db), 2.0, np.random.default_rng(0)) for hiss_db in (-200, -40)
    )
    rms_db = 20 * np.log10(np.sqrt(np.square(noisy - quiet).mean()))
    assert rms_db == pytest.approx(-40, abs=8.1)  # it varies by 8 dB from clip to clip


def test_a_second_voice_is_heard_only_with_its_gain(plain_artist: Artist) -> None:
    style = replace(STYLES["drone_organ"], chords="." * 16, lead="sub")
    alone, joined = (
        compute_band_levels(render(style, artist, 2.0, np.random.default_rng(0)))
        for artist in (plain_artist, replace(plain_artist, borrowed="fuzz", borrowed_gain=1.0))
    )
    assert (joined[15:] - alone[15:]).max() > 20
