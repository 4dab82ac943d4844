import warnings

import numpy as np
import pytest
import scipy.stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator

from regenre.classifiers.gmm import Gmm
from regenre.classifiers.hmm import Hmm

GMM, HMM = Gmm(n_components=2, random_state=0), Hmm(n_states=2, n_mix=1, max_iter=30, random_state=0)
BOTH = pytest.mark.parametrize("model", [GMM, HMM], ids=["gmm", "hmm"])


def sequences(*clips: np.ndarray) -> np.ndarray:
    found = np.empty(len(clips), dtype=object)
    found[:] = clips
    return found


def drawn(n_clips: int, lengths: tuple[int, int] = (5, 60), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng, genre = np.random.default_rng(seed), np.array(["a", "b", "c"] * (n_clips // 3), dtype=object)
    centre = {"a": 0, "b": 2, "c": 4}
    return sequences(*(rng.normal(centre[g], 1, (rng.integers(*lengths), 3)) for g in genre)), genre


@BOTH
@pytest.mark.filterwarnings("ignore::Warning")
def test_it_is_a_scikit_learn_classifier(model) -> None:
    check_estimator(model)


@BOTH
def test_genres_are_told_apart_and_probabilities_sum_to_one(model) -> None:
    X, y = drawn(60)
    model.fit(X[:30], y[:30])
    assert (model.predict(X[30:]) == y[30:]).mean() > 0.95
    np.testing.assert_allclose(model.predict_proba(X[30:]).sum(axis=1), 1, atol=1e-12)
    assert model.converged_.all()


def test_one_gaussian_a_genre_is_the_closed_form() -> None:
    X, y = drawn(30)
    model = Gmm(n_components=1, reg_covar=0.0).fit(X, y)
    frames = model.scaler_.transform(np.concatenate([clip for clip, genre in zip(X, y, strict=True) if genre == "b"]))
    clip = model.scaler_.transform(X[0])
    expected = scipy.stats.norm.logpdf(clip, frames.mean(axis=0), frames.std(axis=0)).sum(axis=1).mean()
    assert model.log_likelihood(X[:1])[0, 1] == pytest.approx(expected, rel=1e-9)


def test_an_hmm_hears_the_order_of_frames_and_a_mixture_does_not() -> None:
    rng = np.random.default_rng(0)
    slow = [np.repeat(rng.permutation([0.0, 5.0]), 20) for _ in range(12)]
    fast = [np.tile(rng.permutation([0.0, 5.0]), 20) for _ in range(12)]
    X = sequences(*(clip[:, None] + rng.normal(0, 0.1, (40, 1)) for clip in slow + fast))
    y = np.array(["slow"] * 12 + ["fast"] * 12, dtype=object)
    odd, even = np.arange(1, 24, 2), np.arange(0, 24, 2)
    assert (HMM.fit(X[even], y[even]).predict(X[odd]) == y[odd]).all()
    assert (GMM.fit(X[even], y[even]).predict(X[odd]) == y[odd]).mean() < 0.9


@BOTH
@pytest.mark.parametrize("lengths", [(1, 2), (1, 4)], ids=["one frame", "a few frames"])
def test_few_and_short_clips_are_survived(model, lengths: tuple[int, int]) -> None:
    X, y = drawn(9, lengths)
    rare = sequences(*X, np.full((1, 3), 9.0))
    proba = model.fit(rare, np.array([*y, "rare"], dtype=object)).predict_proba(rare)
    assert np.isfinite(proba).all()
    assert model.predict(rare[-1:]) == ["rare"]


@pytest.mark.parametrize("model", [Gmm(8, max_iter=1, random_state=0), Hmm(3, 2, max_iter=1, random_state=0)])
def test_what_did_not_converge_is_said_once_with_its_genres(model) -> None:
    X, y = drawn(30)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    assert [(warning.category, str(warning.message)) for warning in caught] == [
        (ConvergenceWarning, "EM did not converge for a, b, c")
    ]


@BOTH
def test_a_clip_without_frames_or_of_other_features_is_named(model) -> None:
    X, y = drawn(9)
    with pytest.raises(ValueError, match=r"clip 1: finite frames of shape \(n_frames, 3\) expected, \(0, 3\) found"):
        model.fit(sequences(X[0], X[1][:0], X[2]), y[:3])
    with pytest.raises(ValueError, match=r"clip 0: .* \(\d+, 2\) found"):
        model.fit(X, y).predict(sequences(X[0][:, :2]))
