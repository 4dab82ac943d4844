"""What `gmm` and `hmm` share: a density a genre, and Bayes' rule."""

import warnings
from abc import abstractmethod
from typing import Any, Self

import numpy as np
import scipy.special
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

FRAMES_A_COMPONENT = 10  # fewer cannot carry a mean and a variance a dimension


class Densities(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify a clip by the density under which its frames are likeliest.

    P(genre | clip) is proportional to P(genre) exp(mean over frames of log p(frame | genre)). The mean, not the
    sum: frames that follow each other tell nearly the same, and the sum would make every probability 0 or 1.
    Frames are standardised on the training frames; priors are the training clips' shares.

    Attributes
    ----------
    classes_ : genres, sorted
    n_iter_ : rounds of EM, the most of any genre
    converged_ : whether EM did, a flag a genre; a `ConvergenceWarning` names those where it did not
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Fit a density to each genre's frames.

        Parameters
        ----------
        X : n_clips sequences of shape (n_frames, n_features), or a matrix (n_clips, n_features)
        y : n_clips genres
        """
        if _are_sequences(X):
            clips, y = list(X), column_or_1d(y)
            self.n_features_in_ = clips[0].shape[1]
            self._check(clips)
        else:
            X, y = validate_data(self, X, y, dtype=np.float64)
            clips = list(X[:, None, :])
        check_classification_targets(y)
        self.classes_, counts = np.unique(y, return_counts=True)
        self.scaler_ = StandardScaler().fit(np.concatenate(clips))
        self.priors_ = counts / counts.sum()
        fitted = [self._of_genre(clips, y == genre) for genre in self.classes_]
        self.densities_ = [density for density, _, _ in fitted]
        self.n_iter_ = max(n_iter for _, n_iter, _ in fitted)
        self.converged_ = np.array([converged for _, _, converged in fitted])
        if not self.converged_.all():
            lost = ", ".join(map(str, self.classes_[~self.converged_]))
            warnings.warn(f"EM did not converge for {lost}", ConvergenceWarning, stacklevel=2)
        return self

    def _of_genre(self, clips: list[np.ndarray], of_genre: np.ndarray) -> tuple[Any, int, bool]:
        frames = [self.scaler_.transform(clips[number]) for number in np.flatnonzero(of_genre)]
        if sum(map(len, frames)) == 1:  # EM wants two points
            frames = [np.repeat(frames[0], 2, axis=0)]
        return self._density(np.concatenate(frames), [len(clip) for clip in frames])

    def log_likelihood(self, X: Any) -> np.ndarray:
        """Mean log density of each clip's frames under each genre, shape (n_clips, n_genres)."""
        check_is_fitted(self)
        if _are_sequences(X):
            clips = list(X)
            self._check(clips)
        else:
            clips = list(validate_data(self, X, reset=False, dtype=np.float64)[:, None, :])
        scaled = [self.scaler_.transform(clip) for clip in clips]
        return np.array([[self._log_density(density, clip) for density in self.densities_] for clip in scaled])

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities, shape (n_clips, n_genres)."""
        return scipy.special.softmax(self.log_likelihood(X) + np.log(self.priors_), axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest genre of each clip."""
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _check(self, clips: list[np.ndarray]) -> None:
        for number, clip in enumerate(clips):
            if clip.ndim != 2 or clip.shape[1] != self.n_features_in_ or not len(clip) or not np.isfinite(clip).all():
                raise ValueError(
                    f"clip {number}: finite frames of shape (n_frames, {self.n_features_in_}) expected,"
                    f" {clip.shape} found, finite: {np.isfinite(clip).all()}"
                )

    @abstractmethod
    def _density(self, frames: np.ndarray, lengths: list[int]) -> tuple[Any, int, bool]:
        """Fit one genre: its density, the rounds of EM, whether they converged."""

    @abstractmethod
    def _log_density(self, density: Any, frames: np.ndarray) -> float:
        """Mean over the frames of one clip."""


def affordable(wanted: int, n_frames: int) -> int:
    """The number of components that so many frames can carry, at least 1."""
    return max(1, min(wanted, n_frames // FRAMES_A_COMPONENT))


def _are_sequences(X: Any) -> bool:
    return isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype == object and len(X) > 0
