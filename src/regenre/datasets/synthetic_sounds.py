"""Speech, music and birds, made here: three classes to try without a download.

Each class has sources of its own (speakers, artists, birds), which are the groups. The classes lie far apart, as they
do in the world; telling them from each other is easy, and this corpus is for trying the way, not for scores.
"""

from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from regenre.datasets.synthetic import listed, made, write_wav
from regenre.synthesis import STYLES, draw_artist, render
from regenre.vocalisation import birdsong, draw_bird, draw_speaker, speech

CLASSES = ("birds", "music", "speech")


@dataclass(frozen=True)
class SyntheticSounds:
    """The corpus.

    Parameters
    ----------
    n_sources, n_clips : sources a class, clips a source
    duration_s : length of a clip in seconds
    seed : of everything
    """

    n_sources: int
    n_clips: int
    duration_s: float
    seed: int

    audio: ClassVar[bool] = True

    def download(self, raw: Path) -> str:
        """Make the WAV files (16 bit, mono, 22,050 Hz) and `clips.csv`."""
        clips = made(partial(self._make, raw.absolute()), product(CLASSES, range(self.n_sources), range(self.n_clips)))
        clips.to_csv(raw / "clips.csv", index=False, lineterminator="\n")
        return f"{len(clips)} clips made, {self.n_sources} sources a class"

    def clips(self, raw: Path) -> pd.DataFrame:
        """As `clips.csv` says; the source is the group."""
        return listed(raw)

    def _make(self, raw: Path, name: str, source: int, clip: int) -> tuple[str, str, str]:
        number = CLASSES.index(name)
        voice = np.random.default_rng([self.seed, number, source])
        rng = np.random.default_rng([self.seed, number, source, clip])
        if name == "birds":
            y = birdsong(draw_bird(voice), self.duration_s, rng)
        elif name == "speech":
            y = speech(draw_speaker(voice), self.duration_s, rng)
        else:
            style = list(STYLES)[source % len(STYLES)]
            y = render(STYLES[style], draw_artist(style, voice), self.duration_s, rng)
        clip_id = f"{name}.{source * self.n_clips + clip:05d}"
        write_wav(raw / name / f"{clip_id}.wav", y)
        return clip_id, name, f"{name}_source_{source}"
