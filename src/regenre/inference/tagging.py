"""Tags of any audio over time, by MusiCNN as its authors trained it: without training, and without a project."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from regenre import audio
from regenre.features.families import musicnn
from regenre.features.families.musicnn import Model
from regenre.features.families.onnx import Onnx
from regenre.features.frames import Frames
from regenre.inference.answers import Answer

_MIN_DURATION_S = 1.0


@dataclass(frozen=True)
class Tagger:
    """A network whose values are probabilities of tags."""

    network: Onnx

    def tag_file(self, path: Path) -> Answer:
        """Tag a file patch by patch, with memory for one patch.

        A patch is 3 s long, and patches are adjacent. A shorter file is repeated until it fills one; the rest of a
        longer one is a patch too if it is at least half as long. A silent patch has no tag: all probabilities are 0.

        Raises
        ------
        AudioError
            The file cannot be used, is silent, or is shorter than 1 s; see `audio`.
        """
        with threadpool_limits(1):
            starts, timeline = zip(*self._tag_patches(path), strict=True)
        return Answer(self.network.names, np.array(starts), np.stack(timeline), exclusive=False)

    def _tag_patches(self, path: Path) -> Iterator[tuple[float, np.ndarray]]:
        """Yield start and probabilities of each patch."""
        sr, silent = self.network.sr, np.zeros(len(self.network.names), np.float32)
        for start_s, y in audio.read_windows(path, sr, self.network.window_s):
            if start_s == 0:
                audio.check_length(len(y), sr, _MIN_DURATION_S)
            is_silent = float(np.abs(y).max()) < audio.SILENCE_PEAK
            yield start_s, silent if is_silent else self.network(Frames(y, sr, n_fft=512, hop_length=256))[:, 0]


@lru_cache
def open_tagger(model: Model) -> Tagger:
    """Return the tagger of a model of MusiCNN, opened once.

    Raises
    ------
    UserError
        The weights or ONNX Runtime are not there.
    """
    return Tagger(musicnn.make_tagger(model))
