"""Synthetic music: style and artist -> samples, float64 at the rate `SR`.

A style is what distinguishes a class; an artist has a sound of its own within a style. Notes are additive voices,
drums are short sounds that repeat, and an equaliser and a room colour the mix.

    SR            sampling rate in Hz
    STEPS         steps per beat
    Style         tempo, patterns, harmony and voices of a class
    STYLES        the ten styles by name
    VOICES        partials and envelopes of the instruments
    Artist        sound of an artist
    draw_artist   random artist of a style
    render        one clip
"""

from dataclasses import dataclass, replace

import numpy as np

SR = 22_050
STEPS = 4  # per beat


@dataclass(frozen=True)
class Style:
    """What distinguishes a class.

    Attributes
    ----------
    bpm : lowest and highest tempo in beats per minute
    drums : one bar, one character per step: kick (k), snare (s), hat (h), rest (.); "" for no drums
    melody : one bar of note onsets (x) of the lead voice
    chords : one bar of chord onsets (c)
    scale : degrees in semitones above the root
    progression : chord roots in semitones above the key, one per bar
    lead, pad : voices of melody and chords (`VOICES`)
    sustain_s : length of the melody's notes in seconds
    """

    bpm: tuple[float, float]
    drums: str
    melody: str
    chords: str
    scale: tuple[int, ...]
    progression: tuple[int, ...]
    lead: str
    pad: str
    sustain_s: float


MAJOR, MINOR, PENTATONIC = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 7, 10)
BLUE, LYDIAN, FIFTHS = (0, 3, 5, 6, 7, 10), (0, 2, 4, 6, 7, 9, 11), (0, 7)

STYLES = {
    "arpeggio_bells": Style(
        (104, 128), "", "xxxxxxxxxxxxxxxx", "c...............", LYDIAN, (0, 2, 7, 5), "bell", "glass", 0.5
    ),
    "brass_march": Style(
        (106, 122),
        "k.sskhs.k.ssk.sh",
        "x...x.x.x...x...",
        "c...c...c...c...",
        MAJOR,
        (0, 5, 7, 0),
        "brass",
        "brass",
        0.3,
    ),
    "broken_beat_bass": Style(
        (156, 174),
        "k.h.s.hk.hk.s.h.",
        "x.....x...x.....",
        "................",
        MINOR,
        (0, 0, 8, 10),
        "sub",
        "glass",
        0.4,
    ),
    "drone_organ": Style(
        (56, 72), "", "x.......x.......", "c...............", MINOR, (0, 0, 5, 0), "organ", "organ", 2.0
    ),
    "four_on_the_floor": Style(
        (120, 132), "k.h.k.h.k.h.k.h.", "..x...x...x...x.", "c.......c.......", MINOR, (0, 8, 3, 10), "saw", "saw", 0.15
    ),
    "offbeat_chords": Style(
        (70, 86), "....k.......s...", "x.....x.x.....x.", "..c...c...c...c.", MAJOR, (0, 0, 5, 7), "sub", "organ", 0.3
    ),
    "power_fifths": Style(
        (146, 184),
        "k.h.s.h.k.k.s.h.",
        "x.x.x.x.x.x.x.x.",
        "c.c.c.c.c.c.c.c.",
        FIFTHS,
        (0, 3, 5, 10),
        "fuzz",
        "fuzz",
        0.2,
    ),
    "shuffle_pluck": Style(
        (84, 108), "k..hs..hk..hs..h", "x..xx..x...xx..x", "c.......c.......", BLUE, (0, 5, 7, 0), "pluck", "pluck", 0.4
    ),
    "square_riff": Style(
        (98, 116),
        "k.h.s.h.k.khs.h.",
        "x.xx..x.x.xx..x.",
        "c...............",
        PENTATONIC,
        (0, 0, 10, 5),
        "square",
        "glass",
        0.12,
    ),
    "waltz_strings": Style(
        (84, 132), "k...h...h...", "x...x...x.x.", "c...c...c...", MAJOR, (0, 7, 9, 5), "strings", "strings", 0.6
    ),
}

# Voice -> (partial amplitudes, attack in s, decay rate in 1/s, inharmonicity).
VOICES = {
    "bell": ([1, 0.6, 0.1, 0.5, 0, 0.35, 0, 0.2], 0.002, 5.0, 0.02),
    "brass": ([0.6, 0.9, 1, 0.8, 0.6, 0.4, 0.3, 0.2], 0.05, 1.0, 0.0),
    "fuzz": ([1, 0.9, 0.85, 0.8, 0.7, 0.7, 0.6, 0.6, 0.5, 0.5, 0.4, 0.4], 0.003, 1.5, 0.0),
    "glass": ([1, 0.1, 0.3, 0.05, 0.1], 0.2, 0.6, 0.005),
    "organ": ([1, 0.7, 0.5, 0.6, 0, 0.3, 0, 0.3], 0.02, 0.1, 0.0),
    "pluck": ([1, 0.7, 0.5, 0.35, 0.25, 0.15], 0.002, 7.0, 0.001),
    "saw": ([1 / n for n in range(1, 11)], 0.005, 1.0, 0.0),
    "square": ([1 / n if n % 2 else 0 for n in range(1, 12)], 0.005, 1.0, 0.0),
    "strings": ([1 / n for n in range(1, 8)], 0.15, 0.3, 0.0005),
    "sub": ([1, 0.25, 0.05], 0.01, 1.5, 0.0),
}


@dataclass(frozen=True)
class Artist:
    """The sound of an artist.

    Attributes
    ----------
    key : root in semitones above middle C
    bpm : tempo in beats per minute
    drum_gain, pad_gain : gains of drums and chords
    borrowed, borrowed_gain : voice that doubles the melody, and its gain
    brightness : exponent of the partials' order in their gain
    equaliser_db : gains at eight octave points from 62.5 Hz
    room_s, room_gain : length and gain of the reverberation
    hiss_db : RMS level of the noise, relative to full scale
    level : peak of a clip before the noise is added
    """

    key: int
    bpm: float
    drum_gain: float
    pad_gain: float
    borrowed: str
    borrowed_gain: float
    brightness: float
    equaliser_db: np.ndarray
    room_s: float
    room_gain: float
    hiss_db: float
    level: float


def draw_artist(genre: str, rng: np.random.Generator) -> Artist:
    """Draw the sound of an artist of a style."""
    low, high = STYLES[genre].bpm
    return Artist(
        key=int(rng.integers(-5, 7)),
        bpm=rng.uniform(low, high),
        drum_gain=rng.uniform(0.2, 1.2),
        pad_gain=rng.uniform(0.2, 1.0),
        borrowed=str(rng.choice([name for name in VOICES if name != STYLES[genre].lead])),
        borrowed_gain=rng.uniform(0.2, 1.4),
        brightness=rng.uniform(-0.8, 0.8),
        equaliser_db=rng.normal(0, 5, 8),
        room_s=rng.uniform(0.05, 0.6),
        room_gain=rng.uniform(0.0, 0.6),
        hiss_db=rng.uniform(-75, -35),
        level=rng.uniform(0.3, 0.9),
    )


def render(style: Style, artist: Artist, duration_s: float, rng: np.random.Generator) -> np.ndarray:
    """Render one clip.

    Parameters
    ----------
    style, artist : what is played, and by whom
    duration_s : length in seconds
    rng : source of the notes, of small variations of the artist's sound, and of the noise

    Returns
    -------
    y : float64, shape (round(duration_s * SR),); the music peaks at the artist's level, and the noise is added to it
    """
    n = round(duration_s * SR)
    artist = _vary_artist(artist, rng)
    step_s = 60 / (artist.bpm * rng.uniform(0.985, 1.015)) / STEPS
    y = np.zeros(n + 4 * SR)
    _play_notes(y[:n], style, artist, step_s, rng)
    _play_drums(y[:n], style.drums, step_s, artist.drum_gain, rng)
    y = _add_room(y, artist, rng)[:n]
    y *= artist.level / np.abs(y).max()
    return y + 10 ** (artist.hiss_db / 20) * rng.standard_normal(n)


def _vary_artist(artist: Artist, rng: np.random.Generator) -> Artist:
    """Vary the mix of an artist a little, as it varies from one recording to the next."""
    return replace(
        artist,
        drum_gain=artist.drum_gain * rng.uniform(0.5, 1.6),
        pad_gain=artist.pad_gain * rng.uniform(0.5, 1.6),
        borrowed_gain=artist.borrowed_gain * rng.uniform(0.4, 1.8),
        brightness=artist.brightness + rng.normal(0, 0.3),
        equaliser_db=artist.equaliser_db + rng.normal(0, 3, 8),
        hiss_db=artist.hiss_db + rng.uniform(-8, 8),
    )


def _play_notes(y: np.ndarray, style: Style, artist: Artist, step_s: float, rng: np.random.Generator) -> None:
    """Add melody and chords to `y`."""
    bar_s = len(style.melody) * step_s
    motif = rng.integers(0, 2 * len(style.scale), len(style.melody))
    first_chord = int(rng.integers(len(style.progression)))
    notes: dict[tuple[str, int, int], np.ndarray] = {}
    for bar in range(int(np.ceil(len(y) / SR / bar_s))):
        root = artist.key + style.progression[(bar + first_chord) % len(style.progression)]
        for step, (lead, chord) in enumerate(zip(style.melody, style.chords, strict=True)):
            start = round((bar * bar_s + step * step_s) * SR)
            if lead == "x" and rng.uniform() < 0.9:
                octave, degree = divmod(int(motif[step]), len(style.scale))
                pitch = root + style.scale[degree] + 12 * octave
                _mix_in(y, start, _make_note(notes, style.lead, pitch, style.sustain_s, artist.brightness), 0.5)
                _mix_in(
                    y,
                    start,
                    _make_note(notes, artist.borrowed, pitch, style.sustain_s, artist.brightness),
                    0.5 * artist.borrowed_gain,
                )
            if chord == "c":
                length_s = min(bar_s, step_s * 16 / style.chords.count("c"))
                for degree in (0, 2, 4) if len(style.scale) > 2 else (0, 1):
                    pitch = root - 12 + style.scale[degree % len(style.scale)]
                    _mix_in(
                        y,
                        start,
                        _make_note(notes, style.pad, pitch, length_s, artist.brightness),
                        0.3 * artist.pad_gain,
                    )


def _make_note(
    notes: dict[tuple[str, int, int], np.ndarray], voice: str, pitch: int, length_s: float, brightness: float
) -> np.ndarray:
    """Return a tone `pitch` semitones above middle C, with a fade-out; `notes` keeps it for the rest of the clip."""
    n = round(length_s * SR)
    if (voice, pitch, n) not in notes:
        partials, attack_s, decay, stretch = VOICES[voice]
        t = np.arange(n) / SR
        order = np.arange(1, len(partials) + 1)
        hertz = 261.63 * 2 ** (pitch / 12) * order * np.sqrt(1 + stretch * order**2)
        gains = np.array(partials) * order**brightness * (hertz < 0.45 * SR)
        envelope = np.minimum(t / attack_s, 1) * np.exp(-decay * t) * np.minimum((n - np.arange(n)) / (0.01 * SR), 1)
        audible = gains != 0
        notes[voice, pitch, n] = (
            envelope * (gains[audible] @ np.sin(2 * np.pi * np.outer(hertz[audible], t))) / np.abs(gains).sum()
        )
    return notes[voice, pitch, n]


def _play_drums(y: np.ndarray, pattern: str, step_s: float, gain: float, rng: np.random.Generator) -> None:
    """Add drums to `y`."""
    if not pattern:
        return
    t = np.arange(round(0.25 * SR)) / SR
    noise = rng.standard_normal(len(t))
    hits = {
        "k": np.sin(2 * np.pi * (50 * t + 4 * (1 - np.exp(-30 * t)))) * np.exp(-14 * t),
        "s": (0.5 * noise + 0.5 * np.sin(2 * np.pi * 190 * t)) * np.exp(-22 * t),
        "h": 0.3 * np.diff(noise, prepend=0) * np.exp(-60 * t),
    }
    for step in range(int(len(y) / SR / step_s) + 1):
        hit = hits.get(pattern[step % len(pattern)])
        if hit is not None:
            _mix_in(y, round(step * step_s * SR), hit, gain * rng.uniform(0.8, 1.0))


def _mix_in(y: np.ndarray, start: int, sound: np.ndarray, gain: float) -> None:
    """Add a sound to `y` from the sample `start`; cut it at the end of `y`."""
    sound = sound[: max(0, len(y) - start)]
    y[start : start + len(sound)] += gain * sound


def _add_room(y: np.ndarray, artist: Artist, rng: np.random.Generator) -> np.ndarray:
    """Apply the artist's equaliser and room, in one multiplication of spectra."""
    octaves = 62.5 * 2.0 ** np.arange(8)
    hertz = np.fft.rfftfreq(len(y), 1 / SR)
    gain = 10 ** (np.interp(np.log2(np.maximum(hertz, 1)), np.log2(octaves), artist.equaliser_db) / 20)
    n_room = round(artist.room_s * SR)
    echoes = rng.standard_normal(n_room) * np.exp(-6.9 * np.arange(n_room) / n_room)
    room = np.zeros(len(y))
    room[0], room[1 : n_room + 1] = 1, artist.room_gain * echoes / np.sqrt(np.square(echoes).sum())
    return np.fft.irfft(np.fft.rfft(y) * gain * np.fft.rfft(room), len(y))
