"""Tonal centroids: where the harmony lies on the circles of fifths and thirds."""

from dataclasses import dataclass

import numpy as np

from regenre.families.chroma import pitch_classes
from regenre.frames import Frames


@dataclass(frozen=True)
class Tonnetz:
    """The six-dimensional tonal centroid (Harte, Sandler and Gasser 2006, eq. 1).

        zeta[d] = sum_l Phi[d, l] c[l] / sum_l c[l]

    with c the power in pitch class l and Phi the sine and cosine of the circles of fifths (7 l pi / 6, radius 1),
    minor thirds (3 l pi / 2, radius 1) and major thirds (2 l pi / 3, radius 0.5). Silence yields 0.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Circle and axis, x the sine and y the cosine as in the paper."""
        return ("fifth_x", "fifth_y", "minor_x", "minor_y", "major_x", "major_y")

    def __call__(self, frames: Frames) -> np.ndarray:
        """Coordinates, float32, shape (6, n_frames)."""
        power = pitch_classes(frames)
        return _phi() @ (power / np.maximum(power.sum(axis=0), np.finfo(np.float32).tiny))


def _phi() -> np.ndarray:
    angle = np.pi * np.outer([7 / 6, 3 / 2, 2 / 3], np.arange(12))
    radius = np.array([1, 1, 0.5])[:, None]
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1).reshape(6, 12).astype(np.float32)
