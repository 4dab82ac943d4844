import numpy as np
import pytest
import scipy.special
import scipy.stats

from regenre.learning.classifiers.gmm import Gmm


def test_one_gaussian_per_genre_has_the_closed_form(sample_clips) -> None:
    X, y = sample_clips(30)
    model = Gmm(n_components=1, reg_covar=0.0).fit(X, y)
    frames = model.scaler_.transform(np.concatenate([clip for clip, genre in zip(X, y, strict=True) if genre == "b"]))
    clip = model.scaler_.transform(X[0])
    expected = scipy.stats.norm.logpdf(clip, frames.mean(axis=0), frames.std(axis=0)).sum(axis=1).mean()
    assert model.compute_log_likelihood(X[:1])[0, 1] == pytest.approx(expected, rel=1e-9)


def test_the_log_likelihood_is_the_mean_log_density_of_the_mixture(sample_clips) -> None:
    X, y = sample_clips(30)
    model = Gmm(n_components=3, random_state=0).fit(X, y)
    clip, mixture = model.scaler_.transform(X[0]), model.densities_[2]
    normal = scipy.stats.norm.logpdf(clip[:, None], mixture.means_, np.sqrt(mixture.covariances_)).sum(axis=2)
    expected = scipy.special.logsumexp(normal, axis=1, b=mixture.weights_).mean()
    assert model.compute_log_likelihood(X[:1])[0, 2] == pytest.approx(expected, rel=1e-9)


def test_a_genre_with_few_frames_has_fewer_components() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(125, 3)), np.array(["many"] * 100 + ["few"] * 25, dtype=object)
    model = Gmm(n_components=4, random_state=0).fit(X, y)
    sizes = {genre: len(mixture.weights_) for genre, mixture in zip(model.classes_, model.densities_, strict=True)}
    assert sizes == {"many": 4, "few": 2}
