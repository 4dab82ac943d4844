"""Clips of frames that the tests of the classifiers share."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest


def stack_clips(clips: Sequence[np.ndarray]) -> np.ndarray:
    """Return an object array of clips, whatever their lengths."""
    X = np.empty(len(clips), dtype=object)
    X[:] = clips
    return X


def sample_clips(n_clips: int, lengths: tuple[int, int] = (5, 60)) -> tuple[np.ndarray, np.ndarray]:
    """Return clips of three genres that are Gaussians around 0, 2 and 4, and their genres."""
    rng, y = np.random.default_rng(0), np.array(["a", "b", "c"] * (n_clips // 3), dtype=object)
    centres = {"a": 0, "b": 2, "c": 4}
    return stack_clips([rng.normal(centres[genre], 1, (rng.integers(*lengths), 3)) for genre in y]), y


@pytest.fixture(name="stack_clips")
def stack_clips_fixture() -> Callable[..., np.ndarray]:
    return stack_clips


@pytest.fixture(name="sample_clips")
def sample_clips_fixture() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    return sample_clips
