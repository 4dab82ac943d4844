"""A Gaussian mixture a genre."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from regenre.classifiers.densities import Densities, affordable


class Gmm(Densities):
    """Gaussian mixtures with diagonal covariances over frames (Tzanetakis and Cook 2002, section IV).

    A genre with few frames gets fewer components (ten frames each).

    Parameters
    ----------
    n_components : Gaussians a genre
    max_iter : of EM
    reg_covar : added to every variance, in units of the standardised frames
    random_state : of the k-means start
    """

    def __init__(
        self, n_components: int = 8, max_iter: int = 100, reg_covar: float = 1e-3, random_state: int | None = None
    ) -> None:
        self.n_components = n_components
        self.max_iter = max_iter
        self.reg_covar = reg_covar
        self.random_state = random_state

    def _density(self, frames: np.ndarray, lengths: list[int]) -> tuple[GaussianMixture, int, bool]:
        mixture = GaussianMixture(
            affordable(self.n_components, len(frames)),
            covariance_type="diag",
            max_iter=self.max_iter,
            reg_covar=self.reg_covar,
            random_state=self.random_state,
        )
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # said once for all genres
            mixture.fit(frames)
        return mixture, int(mixture.n_iter_), bool(mixture.converged_)

    def _log_density(self, density: GaussianMixture, frames: np.ndarray) -> float:
        return float(density.score(frames))
