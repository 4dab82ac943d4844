"""A hidden Markov model a genre."""

import logging
import warnings

import numpy as np
from hmmlearn.hmm import GMMHMM
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from regenre.classifiers.densities import Densities, affordable

PRIOR = 1.01  # Dirichlet: nearly flat, and a state or Gaussian that EM empties keeps a probability


class Hmm(Densities):
    """Hidden Markov models with Gaussian-mixture emissions over frame sequences (hmmlearn's GMMHMM).

    As for speech (Rabiner 1989) and, for music, Scaringella and Zoia 2005. Left free: any state may follow any.
    A genre with few frames gets fewer states and Gaussians (ten frames each).

    Parameters
    ----------
    n_states : states a genre
    n_mix : Gaussians a state, diagonal
    max_iter : at most so many rounds of EM
    tol : EM stops when the log-likelihood of a frame rises by less
    prior_var : variance of one more frame that every Gaussian is given, in units of the standardised frames
    random_state : of the start
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

    def _density(self, frames: np.ndarray, lengths: list[int]) -> tuple[GMMHMM, int, bool]:
        n_mix = affordable(self.n_mix, len(frames))
        model = Started(
            affordable(self.n_states, len(frames) // n_mix),
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
        logging.getLogger("hmmlearn").setLevel(logging.CRITICAL)  # what it would log is in `converged_`
        model.fit(frames, lengths)
        monitor = model.__dict__.pop("monitor_")  # of the fit alone; a stored model does without
        return model, int(monitor.iter), bool(monitor.iter < self.max_iter)

    def _log_density(self, density: GMMHMM, frames: np.ndarray) -> float:
        return float(density.score(frames)) / len(frames)


class Started(GMMHMM):  # type: ignore[misc]
    """GMMHMM whose EM starts from k-means of the states, then of the Gaussians in each.

    hmmlearn's own start draws from numpy's global generator where a state has few frames, so that a re-run differs.
    """

    def _init(self, X: np.ndarray, lengths: list[int] | None = None) -> None:
        super(GMMHMM, self)._init(X, lengths)
        self._init_covar_priors()
        self._fix_priors_shape()
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # frames that are all alike
            states = KMeans(self.n_components, n_init=1, random_state=self.random_state).fit_predict(X)
            self.means_ = np.stack([self._means(X[states == state], X) for state in range(self.n_components)])
        self.weights_ = np.full((self.n_components, self.n_mix), 1 / self.n_mix)
        variance = X.var(axis=0) + 2 * self.covars_weight.flat[0]
        self.covars_ = np.broadcast_to(variance, self.means_.shape).copy()

    def _means(self, of_state: np.ndarray, X: np.ndarray) -> np.ndarray:
        if len(of_state) < self.n_mix:
            return np.repeat((of_state if len(of_state) else X).mean(axis=0, keepdims=True), self.n_mix, axis=0)
        means: np.ndarray = KMeans(self.n_mix, n_init=1, random_state=self.random_state).fit(of_state).cluster_centers_
        return means
