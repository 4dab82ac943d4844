"""A procedurally made corpus: nothing to download, deterministic from its seed, with planted faults.

Ten classes, named for what they are, differ in tempo, rhythm pattern, timbre and harmony
(`synthesis.STYLES`).
Each has several artists, and an artist has a sound of its own: key, tempo, equaliser, room, hiss,
drums, and a second voice borrowed from another class. A split that lets one artist be on both sides
therefore scores higher than one that does not: the leak that regenre is about.

`truth.csv` lists every planted fault: clip_id, fault, related_clip_id, true_genre. The pipeline never
reads it; tests and audits do. `clips.csv` gives what a person would know: clip_id, genre, artist.
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import soundfile
import soxr
from joblib import Parallel, delayed
from tqdm import tqdm

from regenre.datasets import CLIP_FACTS
from regenre.synthesis import SR, STYLES, draw_artist, render


@dataclass(frozen=True)
class Synthetic:
    """The corpus.

    Parameters
    ----------
    n_artists, n_clips : artists a class, clips an artist
    duration_s : length of a clip in seconds
    seed : of everything
    """

    n_artists: int
    n_clips: int
    duration_s: float
    seed: int

    audio: ClassVar[bool] = True

    def download(self, raw: Path) -> str:
        """Make the WAV files (16 bit, mono, 22,050 Hz), `clips.csv` and `truth.csv`."""
        clips = made(partial(self._make, raw.absolute()), product(STYLES, range(self.n_artists), range(self.n_clips)))
        planted, truth = self._plant(raw, clips)
        pd.concat([clips, planted]).sort_values("clip_id").to_csv(raw / "clips.csv", index=False, lineterminator="\n")
        truth.to_csv(raw / "truth.csv", index=False, lineterminator="\n")
        return f"{len(clips) + len(planted)} clips made, {len(truth)} of them planted faults"

    def clips(self, raw: Path) -> pd.DataFrame:
        """As `clips.csv` says; the artist is the group."""
        return listed(raw)

    def _make(self, raw: Path, genre: str, artist: int, clip: int) -> tuple[str, str, str]:
        number = list(STYLES).index(genre)
        sound = draw_artist(genre, np.random.default_rng([self.seed, number, artist]))
        y = render(STYLES[genre], sound, self.duration_s, np.random.default_rng([self.seed, number, artist, clip]))
        clip_id = f"{genre}.{artist * self.n_clips + clip:05d}"
        write_wav(raw / genre / f"{clip_id}.wav", y)
        return clip_id, genre, f"{genre}_artist_{artist}"

    def _plant(self, raw: Path, clips: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Add the faulty clips; return their rows for `clips.csv` and for `truth.csv`."""
        rng = np.random.default_rng([self.seed, 999])
        genres, size = list(STYLES), self.n_artists * self.n_clips
        rows: list[tuple[str, str, str]] = []
        truth: list[tuple[str, str, str, str]] = []
        for number, (fault, spoil) in enumerate(_SPOILT):
            genre, other = genres[number % len(genres)], genres[(number + 3) % len(genres)]
            source = clips[clips["genre"] == genre].iloc[int(rng.integers(size))]
            label = other if fault == "mislabelled" else genre
            clip_id = f"{label}.{size + sum(row[1] == label for row in rows):05d}"
            target = raw / label / f"{clip_id}.wav"
            if fault in _OF_ANOTHER:
                artist = source["artist"]
                write_wav(target, self._another(source, rng))
                spoil(target, target)
            else:
                artist = f"{label}_artist_{(int(source['artist'].rsplit('_', 1)[1]) + 1) % self.n_artists}"
                spoil(raw / genre / f"{source['clip_id']}.wav", target)
            rows.append((clip_id, label, artist))
            truth.append((clip_id, fault, source["clip_id"] if "replica" in fault else "", genre))
        planted = pd.DataFrame(rows, columns=["clip_id", "genre", "artist"])
        return planted, pd.DataFrame(truth, columns=["clip_id", "fault", "related_clip_id", "true_genre"]).sort_values(
            "clip_id"
        )

    def _another(self, source: pd.Series, rng: np.random.Generator) -> np.ndarray:
        """One more clip by the artist of `source`."""
        number, artist = list(STYLES).index(source["genre"]), int(source["artist"].rsplit("_", 1)[1])
        sound = draw_artist(source["genre"], np.random.default_rng([self.seed, number, artist]))
        return render(STYLES[source["genre"]], sound, self.duration_s, rng)


def made(make: Callable[..., tuple[str, str, str]], plan: Iterable[tuple[str, int, int]]) -> pd.DataFrame:
    """The clips of a plan (class, source, number), each made and written by `make`: clip_id, genre, artist."""
    clips = list(plan)
    written = Parallel(return_as="generator")(delayed(make)(*clip) for clip in clips)
    rows = list(tqdm(written, total=len(clips), desc="make", unit=" clips", disable=None))
    return pd.DataFrame(rows, columns=["clip_id", "genre", "artist"])


def listed(raw: Path) -> pd.DataFrame:
    """What `clips.csv` says: a row a clip, `<genre>/<clip_id>.wav`, the artist being the group."""
    clips = pd.read_csv(raw / "clips.csv", dtype=str)
    paths = clips["genre"] + "/" + clips["clip_id"] + ".wav"
    return clips.assign(path=paths, group=clips["artist"])[CLIP_FACTS]


def write_wav(path: Path, y: np.ndarray, sr: int = SR) -> None:
    """Write 16-bit samples, what is beyond full scale held at it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.round(np.clip(y, -1, 1) * 32767).astype(np.int16), sr, subtype="PCM_16")


def _kept(source: Path, target: Path) -> None:
    """A clip that is wrong in nothing but its label."""


def _copied(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def _shifted(source: Path, target: Path) -> None:
    y = soundfile.read(source)[0]
    write_wav(target, 0.6 * np.roll(y, round(0.25 * SR)))


def _coded(source: Path, target: Path) -> None:
    """Through an MP3 of 64 kbit/s."""
    coded = io.BytesIO()
    y, sr = soundfile.read(source)
    soundfile.write(coded, y, sr, format="MP3", bitrate_mode="CONSTANT", compression_level=0.6)
    coded.seek(0)
    write_wav(target, soundfile.read(coded)[0][: len(y)])


def _noisy(source: Path, target: Path) -> None:
    y = soundfile.read(source)[0]
    hiss = np.random.default_rng(len(y)).standard_normal(len(y))
    write_wav(target, 0.8 * (y + 0.1 * np.sqrt(np.square(y).mean()) * hiss))


def _faster(source: Path, target: Path) -> None:
    y = soundfile.read(source)[0]
    write_wav(target, soxr.resample(y, 1.02 * SR, SR))


def _clipped(source: Path, target: Path) -> None:
    y = soundfile.read(source)[0]
    write_wav(target, 4.0 * y / np.abs(y).max())


def _displaced(source: Path, target: Path) -> None:
    write_wav(target, 0.7 * soundfile.read(source)[0] + 0.1)


def _halved(source: Path, target: Path) -> None:
    y = soundfile.read(source)[0]
    write_wav(target, y[: len(y) // 2])


def _slower_rate(source: Path, target: Path) -> None:
    write_wav(target, soxr.resample(soundfile.read(source)[0], SR, 16_000), 16_000)


def _truncated(source: Path, target: Path) -> None:
    content = source.read_bytes()
    target.write_bytes(content[: len(content) * 2 // 5])


def _silent(source: Path, target: Path) -> None:
    write_wav(target, np.zeros(soundfile.info(source).frames))


def _not_audio(source: Path, target: Path) -> None:
    target.write_text("This is not audio.\n" * 100, encoding="utf-8")


_SPOILT = (
    ("exact_replica", _copied),
    ("exact_replica", _copied),
    ("shifted_replica", _shifted),
    ("mislabelled", _kept),
    ("mislabelled", _kept),
    ("truncated", _truncated),
    ("silent", _silent),
    ("not_audio", _not_audio),
    ("coded_replica", _coded),
    ("noisy_replica", _noisy),
    ("faster_replica", _faster),
    ("clipped", _clipped),
    ("dc", _displaced),
    ("wrong_length", _halved),
    ("wrong_rate", _slower_rate),
)
_OF_ANOTHER = ("mislabelled", "clipped", "dc", "wrong_length", "wrong_rate")  # one more clip by the artist, spoilt
