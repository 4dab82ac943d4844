"""Tonal centroids: the position of the harmony on the circles of fifths and thirds."""

import numpy as np

from regenre.common.kinds import strict_dataclass
from regenre.features.families.chroma import compute_pitch_classes
from regenre.features.frames import Frames


@strict_dataclass
class Tonnetz:
    """The six-dimensional tonal centroid (Harte, Sandler and Gasser 2006, eq. 1).

        zeta[d] = sum_l Phi[d, l] c[l] / sum_l c[l]

    c[l] is the power in pitch class l. Phi holds the sine and cosine on the circles of fifths (7 l pi / 6, radius 1),
    minor thirds (3 l pi / 2, radius 1) and major thirds (2 l pi / 3, radius 0.5). Silence yields 0.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Circle and axis; x is the sine and y the cosine, as in the paper."""
        return ("fifth_x", "fifth_y", "minor_x", "minor_y", "major_x", "major_y")

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the coordinates, float32, shape (6, n_frames)."""
        power = compute_pitch_classes(frames)
        centroids: np.ndarray = _make_phi() @ (power / np.maximum(power.sum(axis=0), np.finfo(np.float32).tiny))
        return centroids


def _make_phi() -> np.ndarray:
    angle = np.pi * np.outer([7 / 6, 3 / 2, 2 / 3], np.arange(12))
    radius = np.array([1, 1, 0.5])[:, None]
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1).reshape(6, 12).astype(np.float32)
