"""Synthetic speech and birdsong: speaker or bird -> samples, float64 at the rate `music.SR`.

A speaker or a bird is drawn once and then renders any number of clips. Speech has no words: syllables are vowels
(glottal pulses through formants), most of them after a fricative (filtered noise), in phrases with pauses.

    Speaker           sound of a speaker
    Bird              song of a bird
    draw_speaker      random speaker
    draw_bird         random bird
    render_speech     one clip of a speaker
    render_birdsong   one clip of a bird
"""

from dataclasses import dataclass

import numpy as np
import scipy.signal

from regenre.synthesis.music import SR

# Formants of men's vowels in Hz (Peterson and Barney 1952, table II): heed, head, had, hod, hawed, who'd, heard.
_VOWELS_HZ = (
    (270, 2290, 3010),
    (530, 1840, 2480),
    (660, 1720, 2410),
    (730, 1090, 2440),
    (570, 840, 2410),
    (300, 870, 2240),
    (490, 1350, 1690),
)
_BANDWIDTHS_HZ = (70, 100, 150)
_SHAPES = ("up", "down", "arch", "trill", "tone")


@dataclass(frozen=True)
class Speaker:
    """The sound of a speaker.

    Attributes
    ----------
    pitch_hz : mean fundamental frequency
    tract : factor of the formants, relative to a man's
    syllables_hz : syllables per second
    tilt : pole of the low-pass filter of the glottal pulses
    hiss_db : RMS level of the noise, relative to full scale
    level : peak of a clip before the noise is added
    """

    pitch_hz: float
    tract: float
    syllables_hz: float
    tilt: float
    hiss_db: float
    level: float


@dataclass(frozen=True)
class Bird:
    """The song of a bird.

    Attributes
    ----------
    motif : notes: shape, lowest and highest frequency in Hz, length in s, gap after it in s
    pause_s : nominal pause between songs
    overtone : gain of the second harmonic
    wind_db : gain of the wind, before the clip is scaled to `level`
    level : peak of a clip before the noise is added
    """

    motif: tuple[tuple[str, float, float, float, float], ...]
    pause_s: float
    overtone: float
    wind_db: float
    level: float


def draw_speaker(rng: np.random.Generator) -> Speaker:
    """Draw a voice between a deep man's and a child's."""
    height = rng.uniform()
    return Speaker(
        pitch_hz=90 * 2 ** (1.5 * height),
        tract=0.95 + 0.3 * height,
        syllables_hz=rng.uniform(3.0, 6.0),
        tilt=rng.uniform(0.75, 0.95),
        hiss_db=rng.uniform(-70, -40),
        level=rng.uniform(0.3, 0.9),
    )


def draw_bird(rng: np.random.Generator) -> Bird:
    """Draw a song of two to six notes between 1.5 and 9 kHz."""
    notes = []
    for _ in range(int(rng.integers(2, 7))):
        low = rng.uniform(1500, 5000)
        notes.append(
            (
                str(rng.choice(_SHAPES)),
                low,
                low * rng.uniform(1.05, 1.8),
                rng.uniform(0.04, 0.25),
                rng.uniform(0.01, 0.1),
            )
        )
    return Bird(
        motif=tuple(notes),
        pause_s=rng.uniform(0.2, 1.2),
        overtone=rng.uniform(0.0, 0.3),
        wind_db=rng.uniform(-60, -30),
        level=rng.uniform(0.2, 0.8),
    )


def render_speech(speaker: Speaker, duration_s: float, rng: np.random.Generator) -> np.ndarray:
    """Render one clip: phrases of three to nine syllables with pauses; the pitch falls in each phrase.

    Returns
    -------
    y : float64, shape (round(duration_s * SR),); the speech peaks at the speaker's level, and the noise is added to it
    """
    n, start = round(duration_s * SR), round(rng.uniform(0, 0.3) * SR)
    y = np.zeros(n)
    while start < n:
        n_syllables = int(rng.integers(3, 10))
        for place in range(n_syllables):
            pitch_hz = speaker.pitch_hz * (1.15 - 0.3 * place / n_syllables) * rng.uniform(0.93, 1.07)
            sound = _make_syllable(speaker, pitch_hz, rng)
            _mix_in(y, start, sound)
            start += len(sound)
        start += round(rng.uniform(0.15, 0.6) * SR)
    return _add_hiss(y, speaker.level, speaker.hiss_db, rng)


def render_birdsong(bird: Bird, duration_s: float, rng: np.random.Generator) -> np.ndarray:
    """Render one clip: songs with pauses over wind; pitch and tempo vary a little from song to song.

    Returns
    -------
    y : float64, shape (round(duration_s * SR),); song and wind peak at the bird's level, and the noise is added to them
    """
    n, start = round(duration_s * SR), round(rng.uniform(0, 0.5) * SR)
    y = np.zeros(n)
    while start < n:
        pitch_factor, length_factor = rng.uniform(0.95, 1.05), rng.uniform(0.85, 1.15)
        for _ in range(int(rng.integers(1, 4))):
            for shape, low, high, length_s, gap_s in bird.motif:
                note = _make_note(
                    shape, low * pitch_factor, high * pitch_factor, length_s * length_factor, bird.overtone
                )
                _mix_in(y, start, note * rng.uniform(0.6, 1.0))
                start += len(note) + round(gap_s * length_factor * SR)
        start += round(bird.pause_s * rng.uniform(0.6, 1.6) * SR)
    wind = scipy.signal.lfilter([1], [1, -0.98], rng.standard_normal(n))
    return _add_hiss(y + 10 ** (bird.wind_db / 20) * wind, bird.level, bird.wind_db - 20, rng)


def _make_syllable(speaker: Speaker, pitch_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Return a vowel; two of three have a fricative before them."""
    length = round(rng.uniform(0.7, 1.3) / speaker.syllables_hz * SR)
    phase = np.cumsum(pitch_hz * (1 - 0.1 * np.linspace(0, 1, length)) / SR)
    pulses = np.diff(np.floor(phase), prepend=0.0) + 0.01 * rng.standard_normal(length)
    voiced = scipy.signal.lfilter([1], [1, -speaker.tilt], pulses)
    for formant_hz, bandwidth_hz in zip(_VOWELS_HZ[rng.integers(len(_VOWELS_HZ))], _BANDWIDTHS_HZ, strict=True):
        radius = np.exp(-np.pi * bandwidth_hz / SR)
        resonator = [1, -2 * radius * np.cos(2 * np.pi * formant_hz * speaker.tract / SR), radius**2]
        voiced = scipy.signal.lfilter([sum(resonator)], resonator, voiced)
    vowel = voiced / np.abs(voiced).max() * np.hanning(length) ** 0.5
    if rng.uniform() < 1 / 3:
        return np.asarray(vowel)
    hissing = rng.standard_normal(round(rng.uniform(0.04, 0.12) * SR))
    band = rng.uniform(2000, 4500) * np.array([1.0, 2.0])
    fricative = scipy.signal.sosfilt(scipy.signal.butter(2, band, "bandpass", fs=SR, output="sos"), hissing)
    return np.concatenate([rng.uniform(0.1, 0.5) * fricative * np.hanning(len(fricative)), vowel])


def _make_note(shape: str, low: float, high: float, length_s: float, overtone: float) -> np.ndarray:
    """Return a whistle whose frequency moves between `low` and `high` in Hz along a shape."""
    t = np.linspace(0, 1, round(length_s * SR))
    course = {
        "up": t,
        "down": 1 - t,
        "arch": np.sin(np.pi * t),
        "trill": 0.5 + 0.5 * np.sin(2 * np.pi * 40 * length_s * t),
        "tone": np.full_like(t, 0.5),
    }[shape]
    phase = 2 * np.pi * np.cumsum(low * (high / low) ** course) / SR
    audible = overtone * (2 * high < 0.45 * SR)
    return (np.sin(phase) + audible * np.sin(2 * phase)) * np.hanning(len(t))


def _mix_in(y: np.ndarray, start: int, sound: np.ndarray) -> None:
    """Add a sound to `y` from the sample `start`; cut it at the end of `y`."""
    sound = sound[: max(0, len(y) - start)]
    y[start : start + len(sound)] += sound


def _add_hiss(y: np.ndarray, level: float, hiss_db: float, rng: np.random.Generator) -> np.ndarray:
    """Scale the peak to `level`, then add white noise."""
    recording: np.ndarray = y * (level / np.abs(y).max()) + 10 ** (hiss_db / 20) * rng.standard_normal(len(y))
    return recording
