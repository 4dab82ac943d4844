"""Base of classifiers that read frames.

FrameClassifier  checks clips of frames, and predicts by the largest probability
"""

from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data


class FrameClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Base class of classifiers that read frames.

    X is either an object array of n_clips sequences of shape (n_frames, n_features), or a matrix (n_clips, n_features),
    each row of which is a clip of one frame.

    Attributes
    ----------
    n_features_in_ : number of features of a frame
    """

    @abstractmethod
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each genre, shape (n_clips, n_genres)."""

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable genre of each clip, shape (n_clips,)."""
        check_is_fitted(self)
        genres: np.ndarray = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return genres

    def _read_training(self, X: Any, y: Any) -> tuple[list[np.ndarray], np.ndarray]:
        """Return the clips and their genres, and note the number of features.

        Raises
        ------
        ValueError
            A clip has no frames, another number of features, or values that are not finite.
        """
        if _are_sequences(X):
            clips, genre = list(X), column_or_1d(y)
            self.n_features_in_ = clips[0].shape[1]
            self._check_clips(clips)
        else:
            X, genre = validate_data(self, X, y, dtype=np.float64)
            clips = list(X[:, None, :])
        check_classification_targets(genre)
        return clips, genre

    def _read(self, X: Any) -> list[np.ndarray]:
        """Return the clips; they have as many features as those of the training, see `_read_training`."""
        check_is_fitted(self)
        if not _are_sequences(X):
            return list(validate_data(self, X, reset=False, dtype=np.float64)[:, None, :])
        clips = list(X)
        self._check_clips(clips)
        return clips

    def _check_clips(self, clips: list[np.ndarray]) -> None:
        for number, clip in enumerate(clips):
            if clip.ndim != 2 or clip.shape[1] != self.n_features_in_ or not len(clip) or not np.isfinite(clip).all():
                raise ValueError(
                    f"clip {number}: finite frames of shape (n_frames, {self.n_features_in_}) expected,"
                    f" {clip.shape} found, finite: {np.isfinite(clip).all()}"
                )


def _are_sequences(X: Any) -> bool:
    return isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype == object and len(X) > 0
