"""People and birds, synthesised: speech-like and bird-like sounds, float64 at `synthesis.SR`.

A speaker or a bird is drawn once and has a voice of its own; `speech` and `birdsong` make one clip of it. Nothing is
said: syllables are vowels (pulses of the glottis through formants) behind fricatives (hissing), in phrases.
"""

from dataclasses import dataclass

import numpy as np
import scipy.signal

from regenre.synthesis import SR

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
    """A person's voice, drawn once.

    Attributes
    ----------
    pitch_hz : of the voice on the average
    tract : formants relative to a man's
    syllables_hz : syllables a second
    tilt : of the glottis, the share of the last sample that a pulse keeps
    hiss_db, level : of the recording
    """

    pitch_hz: float
    tract: float
    syllables_hz: float
    tilt: float
    hiss_db: float
    level: float


@dataclass(frozen=True)
class Bird:
    """A bird's song, drawn once.

    Attributes
    ----------
    motif : notes: shape, lowest and highest frequency in Hz, length in s, gap behind it in s
    pause_s : between songs
    overtone : of the second harmonic
    wind_db, level : of the recording
    """

    motif: tuple[tuple[str, float, float, float, float], ...]
    pause_s: float
    overtone: float
    wind_db: float
    level: float


def draw_speaker(rng: np.random.Generator) -> Speaker:
    """A voice between a deep man's and a child's."""
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
    """A song of two to six notes between 1.5 and 9 kHz."""
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


def speech(speaker: Speaker, duration_s: float, rng: np.random.Generator) -> np.ndarray:
    """One clip, shape (n_samples,): phrases of three to nine syllables, the pitch falling in each."""
    n, at = round(duration_s * SR), round(rng.uniform(0, 0.3) * SR)
    y = np.zeros(n)
    while at < n:
        n_syllables = int(rng.integers(3, 10))
        for place in range(n_syllables):
            pitch_hz = speaker.pitch_hz * (1.15 - 0.3 * place / n_syllables) * rng.uniform(0.93, 1.07)
            sound = _syllable(speaker, pitch_hz, rng)
            _add(y, at, sound)
            at += len(sound)
        at += round(rng.uniform(0.15, 0.6) * SR)
    return _recorded(y, speaker.level, speaker.hiss_db, rng)


def birdsong(bird: Bird, duration_s: float, rng: np.random.Generator) -> np.ndarray:
    """One clip, shape (n_samples,): songs with pauses over wind, each a little higher or lower, faster or slower."""
    n, at = round(duration_s * SR), round(rng.uniform(0, 0.5) * SR)
    y = np.zeros(n)
    while at < n:
        higher, longer = rng.uniform(0.95, 1.05), rng.uniform(0.85, 1.15)
        for _ in range(int(rng.integers(1, 4))):
            for shape, low, high, length_s, gap_s in bird.motif:
                note = _note(shape, low * higher, high * higher, length_s * longer, bird.overtone)
                _add(y, at, note * rng.uniform(0.6, 1.0))
                at += len(note) + round(gap_s * longer * SR)
        at += round(bird.pause_s * rng.uniform(0.6, 1.6) * SR)
    wind = scipy.signal.lfilter([1], [1, -0.98], rng.standard_normal(n))
    return _recorded(y + 10 ** (bird.wind_db / 20) * wind, bird.level, bird.wind_db - 20, rng)


def _syllable(speaker: Speaker, pitch_hz: float, rng: np.random.Generator) -> np.ndarray:
    """A vowel, in two cases of three behind a fricative."""
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
        return vowel
    hissing = rng.standard_normal(round(rng.uniform(0.04, 0.12) * SR))
    band = rng.uniform(2000, 4500) * np.array([1.0, 2.0])
    fricative = scipy.signal.sosfilt(scipy.signal.butter(2, band, "bandpass", fs=SR, output="sos"), hissing)
    return np.concatenate([rng.uniform(0.1, 0.5) * fricative * np.hanning(len(fricative)), vowel])


def _note(shape: str, low: float, high: float, length_s: float, overtone: float) -> np.ndarray:
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


def _add(y: np.ndarray, at: int, sound: np.ndarray) -> None:
    kept = sound[: max(0, len(y) - at)]
    y[at : at + len(kept)] += kept


def _recorded(y: np.ndarray, level: float, hiss_db: float, rng: np.random.Generator) -> np.ndarray:
    return y * (level / np.abs(y).max()) + 10 ** (hiss_db / 20) * rng.standard_normal(len(y))
