"""The shared class, tested with both of its subclasses."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator

from regenre.learning.classifiers.densities import limit_components
from regenre.learning.classifiers.gmm import Gmm
from regenre.learning.classifiers.hmm import Hmm

BOTH = pytest.mark.parametrize(
    "model",
    [Gmm(n_components=2, random_state=0), Hmm(n_states=2, n_mix=1, max_iter=8, random_state=0)],
    ids=["gmm", "hmm"],
)


@pytest.mark.slow
@BOTH
@pytest.mark.filterwarnings("ignore::Warning")
def test_a_density_classifier_passes_the_checks_of_scikit_learn(model) -> None:
    check_estimator(clone(model).set_params(max_iter=3))


@BOTH
def test_distinct_genres_are_recognised_and_probabilities_sum_to_one(model, sample_clips) -> None:
    X, y = sample_clips(60)
    model.fit(X[:30], y[:30])
    assert (model.predict(X[30:]) == y[30:]).mean() > 0.95
    np.testing.assert_allclose(model.predict_proba(X[30:]).sum(axis=1), 1, atol=1e-12)
    assert model.converged_.all()


@BOTH
@pytest.mark.parametrize("lengths", [(1, 2), (1, 4)], ids=["one frame", "a few frames"])
def test_few_and_short_clips_yield_finite_probabilities(
    model, lengths: tuple[int, int], sample_clips, stack_clips
) -> None:
    X, y = sample_clips(9, lengths)
    X = stack_clips([*X, np.full((1, 3), 9.0)])
    proba = model.fit(X, np.array([*y, "rare"], dtype=object)).predict_proba(X)
    assert np.isfinite(proba).all()
    assert model.predict(X[-1:]) == ["rare"]


@pytest.mark.parametrize("model", [Gmm(8, max_iter=1, random_state=0), Hmm(3, 2, max_iter=1, random_state=0)])
def test_one_warning_lists_the_genres_that_did_not_converge(model, sample_clips) -> None:
    X, y = sample_clips(30)
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        model.fit(X, y)
    assert [(warning.category, str(warning.message)) for warning in messages] == [
        (ConvergenceWarning, "EM did not converge for a, b, c")
    ]


@pytest.mark.parametrize(("n_frames", "n_components"), [(0, 1), (9, 1), (29, 2), (30, 3), (1000, 3)])
def test_a_component_needs_ten_frames(n_frames: int, n_components: int) -> None:
    assert limit_components(3, n_frames) == n_components
