"""Synthetic speech, music and birdsong: three classes to try regenre with, without a download.

Each class has sources of its own (speakers, artists, birds), and the source is the group. The classes are as different
as in the real world, so they are easy to tell apart: the corpus is for trying the workflow, not for comparing scores.
"""

from functools import partial
from itertools import product
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from regenre.common.kinds import Count, Positive, Seed, strict_dataclass
from regenre.datasets.synthetic import list_clips, make_clips, write_wav
from regenre.synthesis.music import STYLES, draw_artist, render
from regenre.synthesis.voices import draw_bird, draw_speaker, render_birdsong, render_speech

CLASSES = ("birds", "music", "speech")


@strict_dataclass
class SyntheticSounds:
    """The corpus of synthetic speech, music and birdsong.

    Parameters
    ----------
    n_sources : sources per class
    n_clips : clips per source
    duration_s : length of a clip in seconds
    seed : seed of all random numbers
    """

    n_sources: Count
    n_clips: Count
    duration_s: Positive
    seed: Seed

    audio: ClassVar[bool] = True

    def download(self, raw: Path) -> str:
        """Write the WAV files (16 bit, mono, 22,050 Hz) and `clips.csv`."""
        clips = make_clips(
            partial(self._make_clip, raw.absolute()), product(CLASSES, range(self.n_sources), range(self.n_clips))
        )
        clips.to_csv(raw / "clips.csv", index=False, lineterminator="\n")
        return f"{len(clips)} clips synthesised, {self.n_sources} sources per class"

    def list_clips(self, raw: Path) -> pd.DataFrame:
        """Return the clips of `clips.csv`; the source is the group."""
        return list_clips(raw)

    def _make_clip(self, raw: Path, name: str, source: int, clip: int) -> tuple[str, str, str]:
        """Write one clip; return its row of `clips.csv`."""
        number = CLASSES.index(name)
        source_rng = np.random.default_rng([self.seed, number, source])
        rng = np.random.default_rng([self.seed, number, source, clip])
        if name == "birds":
            y = render_birdsong(draw_bird(source_rng), self.duration_s, rng)
        elif name == "speech":
            y = render_speech(draw_speaker(source_rng), self.duration_s, rng)
        else:
            style = list(STYLES)[source % len(STYLES)]
            y = render(STYLES[style], draw_artist(style, source_rng), self.duration_s, rng)
        clip_id = f"{name}.{source * self.n_clips + clip:05d}"
        write_wav(raw / name / f"{clip_id}.wav", y)
        return clip_id, name, f"{name}_source_{source}"
