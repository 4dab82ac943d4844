"""`Hmm`: one hidden Markov model per genre.

Hmm           the classifier
KMeansGMMHMM  hmmlearn's GMMHMM with a reproducible start
"""

import logging
import warnings

import numpy as np
from hmmlearn.hmm import GMMHMM
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from regenre.learning.classifiers.densities import Densities, limit_components

PRIOR = 1.01  # Dirichlet parameter: nearly flat, but a state or Gaussian that loses all frames keeps a probability


class Hmm(Densities):
    """Classifier with one hidden Markov model per genre, with Gaussian-mixture emissions (hmmlearn's GMMHMM).

    Rabiner 1989 describes the models for speech, Scaringella and Zoia 2005 apply them to music. The models are
    ergodic: any state may follow any other. A genre with few frames gets fewer states and Gaussians: one Gaussian per
    ten frames.

    Parameters
    ----------
    n_states : number of states per genre
    n_mix : number of Gaussians per state; their covariances are diagonal
    max_iter : maximum number of EM iterations
    tol : EM stops when the mean log-likelihood of a frame rises by less
    prior_var : prior of the variances, which counts as one frame, in units of the standardised frames
    random_state : seed of the initial k-means
    """

    def __init__(
        self,
        n_states: int = 3,
        n_mix: int = 2,
        max_iter: int = 15,
        tol: float = 1e-2,
        prior_var: float = 0.1,
        random_state: int | None = None,
    ) -> None:
        self.n_states = n_states
        self.n_mix = n_mix
        self.max_iter = max_iter
        self.tol = tol
        self.prior_var = prior_var
        self.random_state = random_state

    def _fit_density(self, frames: np.ndarray, lengths: list[int]) -> tuple[GMMHMM, int, bool]:
        n_mix = limit_components(self.n_mix, len(frames))
        model = KMeansGMMHMM(
            limit_components(self.n_states, len(frames) // n_mix),
            n_mix,
            covariance_type="diag",
            n_iter=self.max_iter,
            tol=self.tol * len(frames),
            startprob_prior=PRIOR,
            transmat_prior=PRIOR,
            weights_prior=PRIOR,
            means_weight=PRIOR - 1,
            covars_prior=-1.0,  # hmmlearn: c_d = frames + 1 + 2 (covars_prior + 1)
            covars_weight=self.prior_var / 2,  # and c_n = squares + 2 covars_weight
            random_state=self.random_state,
        )
        logging.getLogger("hmmlearn").setLevel(logging.CRITICAL)  # `converged_` holds what it would log
        model.fit(frames, lengths)
        monitor = model.__dict__.pop("monitor_")  # used only by `fit`, so a stored model needs none
        return model, int(monitor.iter), bool(monitor.iter < self.max_iter)

    def _compute_log_density(self, density: GMMHMM, frames: np.ndarray) -> float:
        return float(density.score(frames)) / len(frames)


class KMeansGMMHMM(GMMHMM):  # type: ignore[misc]
    """GMMHMM whose EM starts from k-means: first for the states, then for the Gaussians of each state.

    hmmlearn's own start uses numpy's global random generator if a state has few frames. Two runs would thus differ.
    """

    def _init(self, X: np.ndarray, lengths: list[int] | None = None) -> None:
        super(GMMHMM, self)._init(X, lengths)
        self._init_covar_priors()
        self._fix_priors_shape()
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # if frames are identical
            states = KMeans(self.n_components, n_init=1, random_state=self.random_state).fit_predict(X)
            self.means_ = np.stack([self._cluster_means(X[states == state], X) for state in range(self.n_components)])
        self.weights_ = np.full((self.n_components, self.n_mix), 1 / self.n_mix)
        variance = X.var(axis=0) + 2 * self.covars_weight.flat[0]
        self.covars_ = np.broadcast_to(variance, self.means_.shape).copy()

    def _cluster_means(self, frames: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Return the means of a state's Gaussians, shape (n_mix, n_features)."""
        if len(frames) < self.n_mix:
            return np.repeat((frames if len(frames) else X).mean(axis=0, keepdims=True), self.n_mix, axis=0)
        means: np.ndarray = KMeans(self.n_mix, n_init=1, random_state=self.random_state).fit(frames).cluster_centers_
        return means
