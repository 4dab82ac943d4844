"""Base of `gmm` and `hmm`: one density per genre, and Bayes' rule.

Densities         the base class
limit_components  number of components that the frames of a genre can support
"""

import warnings
from abc import abstractmethod
from typing import Any, Self

import numpy as np
import scipy.special
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from regenre.learning.classifiers.frame_classifier import FrameClassifier

FRAMES_A_COMPONENT = 10  # with fewer, the mean and the variance of each dimension are unreliable


class Densities(FrameClassifier):
    """Base class of classifiers that fit one density per genre to frames.

    P(genre | clip) is proportional to P(genre) exp(mean over frames of log p(frame | genre)). Bayes' rule has the sum
    over independent frames in place of the mean. But neighbouring frames are similar, and the sum would make every
    probability 0 or 1. Frames are standardised with the mean and variance of the training frames. The priors are the
    shares of the genres in the training clips.

    Attributes
    ----------
    classes_ : genres, sorted
    n_iter_ : number of EM iterations, the maximum over the genres
    converged_ : one flag per genre, whether EM converged; a `ConvergenceWarning` lists the genres where it did not
    scaler_ : `StandardScaler` of the frames
    priors_ : share of each genre in the training clips, shape (n_genres,)
    densities_ : fitted density of each genre
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Fit one density to the frames of each genre.

        Parameters
        ----------
        X : n_clips sequences of shape (n_frames, n_features), or a matrix (n_clips, n_features)
        y : genre of each clip, shape (n_clips,)

        Raises
        ------
        ValueError
            A clip has no frames, another number of features, or values that are not finite.
        """
        clips, y = self._read_training(X, y)
        self.classes_, counts = np.unique(y, return_counts=True)
        self.scaler_ = StandardScaler().fit(np.concatenate(clips))
        self.priors_ = counts / counts.sum()
        fits = [self._fit_genre(clips, y == genre) for genre in self.classes_]
        self.densities_ = [density for density, _, _ in fits]
        self.n_iter_ = max(n_iter for _, n_iter, _ in fits)
        self.converged_ = np.array([converged for _, _, converged in fits])
        if not self.converged_.all():
            genres = ", ".join(map(str, self.classes_[~self.converged_]))
            warnings.warn(f"EM did not converge for {genres}", ConvergenceWarning, stacklevel=2)
        return self

    def _fit_genre(self, clips: list[np.ndarray], in_genre: np.ndarray) -> tuple[Any, int, bool]:
        frames = [self.scaler_.transform(clips[number]) for number in np.flatnonzero(in_genre)]
        if sum(map(len, frames)) == 1:  # EM needs two points
            frames = [np.repeat(frames[0], 2, axis=0)]
        return self._fit_density(np.concatenate(frames), [len(clip) for clip in frames])

    def compute_log_likelihood(self, X: Any) -> np.ndarray:
        """Return the mean log density of each clip's frames under each genre, shape (n_clips, n_genres)."""
        clips = [self.scaler_.transform(clip) for clip in self._read(X)]
        return np.array([[self._compute_log_density(density, clip) for density in self.densities_] for clip in clips])

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each genre, shape (n_clips, n_genres)."""
        proba: np.ndarray = scipy.special.softmax(self.compute_log_likelihood(X) + np.log(self.priors_), axis=1)
        return proba

    @abstractmethod
    def _fit_density(self, frames: np.ndarray, lengths: list[int]) -> tuple[Any, int, bool]:
        """Fit the density of one genre.

        Parameters
        ----------
        frames : standardised frames of the genre's clips, one after the other, shape (n_frames, n_features)
        lengths : number of frames of each clip

        Returns
        -------
        density, number of EM iterations, and whether EM converged
        """

    @abstractmethod
    def _compute_log_density(self, density: Any, frames: np.ndarray) -> float:
        """Return the mean log density of the frames of one clip."""


def limit_components(n_components: int, n_frames: int) -> int:
    """Return `n_components`, or the lower number that `n_frames` can support, at least 1."""
    return max(1, min(n_components, n_frames // FRAMES_A_COMPONENT))
