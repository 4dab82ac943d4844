"""`Gmm`: one Gaussian mixture per genre."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from regenre.learning.classifiers.densities import Densities, limit_components


class Gmm(Densities):
    """Classifier with one Gaussian mixture per genre (Tzanetakis and Cook 2002, section IV).

    The covariances are diagonal. A genre with few frames gets fewer components: one per ten frames.

    Parameters
    ----------
    n_components : number of Gaussians per genre
    max_iter : maximum number of EM iterations
    reg_covar : added to every variance, in units of the standardised frames
    random_state : seed of the initial k-means
    """

    def __init__(
        self, n_components: int = 8, max_iter: int = 100, reg_covar: float = 1e-3, random_state: int | None = None
    ) -> None:
        self.n_components = n_components
        self.max_iter = max_iter
        self.reg_covar = reg_covar
        self.random_state = random_state

    def _fit_density(self, frames: np.ndarray, lengths: list[int]) -> tuple[GaussianMixture, int, bool]:
        mixture = GaussianMixture(
            limit_components(self.n_components, len(frames)),
            covariance_type="diag",
            max_iter=self.max_iter,
            reg_covar=self.reg_covar,
            random_state=self.random_state,
        )
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # `fit` warns once for all genres
            mixture.fit(frames)
        return mixture, int(mixture.n_iter_), bool(mixture.converged_)

    def _compute_log_density(self, density: GaussianMixture, frames: np.ndarray) -> float:
        return float(density.score(frames))
