from typing import Any, Self

import numpy as np
import pytest

from regenre.learning.classifiers.frame_classifier import FrameClassifier


class Means(FrameClassifier):
    """The largest mean of a feature is the genre of that number."""

    def fit(self, X: Any, y: Any) -> Self:
        self.clips, genre = self._read_training(X, y)
        self.classes_ = np.unique(genre)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        return np.array([clip.mean(axis=0) for clip in self._read(X)])


def test_clips_of_a_sequence_and_rows_of_a_matrix_are_read(sample_clips) -> None:
    X, y = sample_clips(9)
    model = Means().fit(X, y)
    assert all(clip is own for clip, own in zip(model.clips, X, strict=True))
    assert model.n_features_in_ == 3
    matrix = np.eye(3)[[0, 2, 1]]
    model = Means().fit(matrix, y[:3])
    np.testing.assert_array_equal(np.stack(model.clips), matrix[:, None])
    assert list(model.predict(matrix)) == ["a", "c", "b"]


def test_an_error_names_the_clip_without_frames_or_with_other_features(sample_clips, stack_clips) -> None:
    X, y = sample_clips(9)
    with pytest.raises(ValueError, match=r"clip 1: finite frames of shape \(n_frames, 3\) expected, \(0, 3\) found"):
        Means().fit(stack_clips([X[0], X[1][:0], X[2]]), y[:3])
    with pytest.raises(ValueError, match=r"clip 0: .* \(\d+, 2\) found"):
        Means().fit(X, y).predict(stack_clips([X[0][:, :2]]))
    X[2][0, 0] = np.nan
    with pytest.raises(ValueError, match=r"clip 2: .* finite: False"):
        Means().fit(X, y)
