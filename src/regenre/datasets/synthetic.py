"""A synthetic music corpus: nothing to download, deterministic given its seed, with planted faults.

The ten classes (`music.STYLES`) differ in tempo, rhythm pattern, timbre and harmony. Each has several artists, and an
artist has a sound of its own: key, tempo, equaliser, room, hiss, drums, and a second voice from another class. A split
that puts clips of one artist on both sides therefore scores higher than one that does not: the leak that regenre is
about.

`truth.csv` lists every planted fault: clip_id, fault, related_clip_id, true_genre. The pipeline never
reads it; tests and audits do. `clips.csv` holds what a person would know: clip_id, genre, artist.

    Synthetic    the dataset
    make_clips   plan -> clips on disk, in parallel
    list_clips   read `clips.csv`
    write_wav    write 16-bit samples
"""

import io
from collections.abc import Callable, Iterable
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

from regenre.common.kinds import Count, Positive, Seed, strict_dataclass
from regenre.datasets.dataset import CLIP_FACTS
from regenre.synthesis.music import SR, STYLES, draw_artist, render


@strict_dataclass
class Synthetic:
    """The synthetic music corpus.

    Parameters
    ----------
    n_artists : artists per class
    n_clips : clips per artist
    duration_s : length of a clip in seconds
    seed : seed of all random numbers
    """

    n_artists: Count
    n_clips: Count
    duration_s: Positive
    seed: Seed

    audio: ClassVar[bool] = True

    def download(self, raw: Path) -> str:
        """Write the WAV files (16 bit, mono, 22,050 Hz), `clips.csv` and `truth.csv`."""
        clips = make_clips(
            partial(self._make_clip, raw.absolute()), product(STYLES, range(self.n_artists), range(self.n_clips))
        )
        faulty, truth = self._plant_faults(raw, clips)
        pd.concat([clips, faulty]).sort_values("clip_id").to_csv(raw / "clips.csv", index=False, lineterminator="\n")
        truth.to_csv(raw / "truth.csv", index=False, lineterminator="\n")
        return f"{len(clips) + len(faulty)} clips synthesised, {len(truth)} of them with a planted fault"

    def list_clips(self, raw: Path) -> pd.DataFrame:
        """Return the clips of `clips.csv`; the artist is the group."""
        return list_clips(raw)

    def _make_clip(self, raw: Path, genre: str, artist: int, clip: int) -> tuple[str, str, str]:
        """Write one clip; return its row of `clips.csv`."""
        number = list(STYLES).index(genre)
        sound = draw_artist(genre, np.random.default_rng([self.seed, number, artist]))
        y = render(STYLES[genre], sound, self.duration_s, np.random.default_rng([self.seed, number, artist, clip]))
        clip_id = f"{genre}.{artist * self.n_clips + clip:05d}"
        write_wav(raw / genre / f"{clip_id}.wav", y)
        return clip_id, genre, f"{genre}_artist_{artist}"

    def _plant_faults(self, raw: Path, clips: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Write the clips with a fault; return their rows of `clips.csv` and of `truth.csv`."""
        rng = np.random.default_rng([self.seed, 999])
        genres, size = list(STYLES), self.n_artists * self.n_clips
        rows: list[tuple[str, str, str]] = []
        truth: list[tuple[str, str, str, str]] = []
        for number, (fault, damage) in enumerate(_FAULTS):
            genre, other = genres[number % len(genres)], genres[(number + 3) % len(genres)]
            source = clips[clips["genre"] == genre].iloc[int(rng.integers(size))]
            label = other if fault == "mislabelled" else genre
            clip_id = f"{label}.{size + sum(row[1] == label for row in rows):05d}"
            target = raw / label / f"{clip_id}.wav"
            if fault in _FAULTS_OF_NEW_CLIPS:
                artist = source["artist"]
                write_wav(target, self._render_another(source, rng))
                damage(target, target)
            else:
                artist = f"{label}_artist_{(int(source['artist'].rsplit('_', 1)[1]) + 1) % self.n_artists}"
                damage(raw / genre / f"{source['clip_id']}.wav", target)
            rows.append((clip_id, label, artist))
            truth.append((clip_id, fault, source["clip_id"] if "replica" in fault else "", genre))
        faulty = pd.DataFrame(rows, columns=["clip_id", "genre", "artist"])
        truth_table = pd.DataFrame(truth, columns=["clip_id", "fault", "related_clip_id", "true_genre"])
        return faulty, truth_table.sort_values("clip_id")

    def _render_another(self, source: pd.Series, rng: np.random.Generator) -> np.ndarray:
        """Render one more clip by the artist of `source`."""
        number, artist = list(STYLES).index(source["genre"]), int(source["artist"].rsplit("_", 1)[1])
        sound = draw_artist(source["genre"], np.random.default_rng([self.seed, number, artist]))
        return render(STYLES[source["genre"]], sound, self.duration_s, rng)


def make_clips(make: Callable[..., tuple[str, str, str]], plan: Iterable[tuple[str, int, int]]) -> pd.DataFrame:
    """Make the clips of a plan in parallel.

    Parameters
    ----------
    make : writes one clip; returns its clip_id, genre and artist
    plan : arguments of `make` for each clip: class, number of the source, number of the clip

    Returns
    -------
    one row per clip, columns clip_id, genre, artist
    """
    clips = list(plan)
    results = Parallel(return_as="generator")(delayed(make)(*clip) for clip in clips)
    rows = list(tqdm(results, total=len(clips), desc="make", unit=" clips", disable=None))
    return pd.DataFrame(rows, columns=["clip_id", "genre", "artist"])


def list_clips(raw: Path) -> pd.DataFrame:
    """Return one row per clip of `clips.csv`; the path is `<genre>/<clip_id>.wav` and the artist is the group."""
    clips = pd.read_csv(raw / "clips.csv", dtype=str)
    paths = clips["genre"] + "/" + clips["clip_id"] + ".wav"
    return clips.assign(path=paths, group=clips["artist"])[CLIP_FACTS]


def write_wav(path: Path, y: np.ndarray, sr: int = SR) -> None:
    """Write 16-bit samples; samples beyond full scale are clipped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.round(np.clip(y, -1, 1) * 32767).astype(np.int16), sr, subtype="PCM_16")


def _keep(source: Path, target: Path) -> None:
    """Change nothing: only the label of the clip is wrong."""


def _copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def _shift(source: Path, target: Path) -> None:
    """Turn the clip down and start it 0.25 s later, with its end at the beginning."""
    y = soundfile.read(source)[0]
    write_wav(target, 0.6 * np.roll(y, round(0.25 * SR)))


def _code_as_mp3(source: Path, target: Path) -> None:
    """Encode the clip as MP3 with 64 kbit/s and decode it."""
    stream = io.BytesIO()
    y, sr = soundfile.read(source)
    soundfile.write(stream, y, sr, format="MP3", bitrate_mode="CONSTANT", compression_level=0.6)
    stream.seek(0)
    write_wav(target, soundfile.read(stream)[0][: len(y)])


def _add_noise(source: Path, target: Path) -> None:
    """Add white noise 20 dB below the clip."""
    y = soundfile.read(source)[0]
    hiss = np.random.default_rng(len(y)).standard_normal(len(y))
    write_wav(target, 0.8 * (y + 0.1 * np.sqrt(np.square(y).mean()) * hiss))


def _speed_up(source: Path, target: Path) -> None:
    """Play the clip 2 % faster and higher."""
    y = soundfile.read(source)[0]
    write_wav(target, soxr.resample(y, 1.02 * SR, SR))


def _clip_peaks(source: Path, target: Path) -> None:
    """Amplify the clip to four times full scale, so that its peaks are clipped."""
    y = soundfile.read(source)[0]
    write_wav(target, 4.0 * y / np.abs(y).max())


def _add_dc(source: Path, target: Path) -> None:
    write_wav(target, 0.7 * soundfile.read(source)[0] + 0.1)


def _halve(source: Path, target: Path) -> None:
    y = soundfile.read(source)[0]
    write_wav(target, y[: len(y) // 2])


def _lower_rate(source: Path, target: Path) -> None:
    write_wav(target, soxr.resample(soundfile.read(source)[0], SR, 16_000), 16_000)


def _truncate(source: Path, target: Path) -> None:
    """Cut the file, so that its header promises more samples than it holds."""
    content = source.read_bytes()
    target.write_bytes(content[: len(content) * 2 // 5])


def _silence(source: Path, target: Path) -> None:
    write_wav(target, np.zeros(soundfile.info(source).frames))


def _write_text(source: Path, target: Path) -> None:
    target.write_text("This is not audio.\n" * 100, encoding="utf-8")


_FAULTS = (
    ("exact_replica", _copy),
    ("exact_replica", _copy),
    ("shifted_replica", _shift),
    ("mislabelled", _keep),
    ("mislabelled", _keep),
    ("truncated", _truncate),
    ("silent", _silence),
    ("not_audio", _write_text),
    ("coded_replica", _code_as_mp3),
    ("noisy_replica", _add_noise),
    ("faster_replica", _speed_up),
    ("clipped", _clip_peaks),
    ("dc", _add_dc),
    ("wrong_length", _halve),
    ("wrong_rate", _lower_rate),
)
# These damage one more clip by the artist; the other faults damage a copy of an existing clip.
_FAULTS_OF_NEW_CLIPS = ("mislabelled", "clipped", "dc", "wrong_length", "wrong_rate")
