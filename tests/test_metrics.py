import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, binomtest
from sklearn import metrics as reference

from regenre import metrics


def predictions(actual: list[str], predicted: list[str], groups: list[str] | None = None) -> pd.DataFrame:
    genres = {f"proba__{genre}": 0.25 for genre in "abcd"}
    groups = groups or [str(number) for number in range(len(actual))]
    return pd.DataFrame({"group": groups, "fold": 0, "actual": actual, "predicted": predicted, **genres})


@pytest.fixture
def drawn() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    actual = rng.choice(list("abc"), 200)  # d never occurs, but is predicted
    return predictions(list(actual), list(np.where(rng.uniform(size=200) < 0.6, actual, rng.choice(list("abd"), 200))))


def test_scores_equal_scikit_learns(drawn: pd.DataFrame) -> None:
    found, y_true, y_pred = metrics.score(drawn, 0), drawn["actual"], drawn["predicted"]
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(y_true, y_pred))
    with pytest.warns(UserWarning, match="classes not in y_true"):
        assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(y_true, y_pred))
    expected = reference.f1_score(y_true, y_pred, labels=list("abc"), average="macro")
    assert found["macro_f1"] == pytest.approx(expected)
    counts = reference.confusion_matrix(y_true, y_pred, labels=list("abcd"))
    np.testing.assert_array_equal(metrics.confusion(drawn), counts)


def test_per_genre_equals_scikit_learns(drawn: pd.DataFrame) -> None:
    found = metrics.per_genre(metrics.confusion(drawn))
    expected = reference.precision_recall_fscore_support(
        drawn["actual"], drawn["predicted"], labels=list("abc"), zero_division=0.0
    )
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(found[name][:3], values)
    assert np.isnan(found["recall"][3])
    assert np.isnan(found["f1"][3])


def test_the_interval_is_the_binomials_where_clips_are_independent() -> None:
    n, hits = 400, 280
    found = metrics.score(predictions(["a"] * n, ["a"] * hits + ["b"] * (n - hits)), 0)
    assert found["accuracy_low"] == pytest.approx(binom.ppf(0.025, n, hits / n) / n, abs=0.006)
    assert found["accuracy_high"] == pytest.approx(binom.ppf(0.975, n, hits / n) / n, abs=0.006)


@pytest.mark.parametrize("n", [1, 8, 40])
def test_clips_all_named_rightly_or_wrongly_leave_the_doubt_of_so_many_tosses(n: int) -> None:
    classes = ["a"] * n + ["b"] * n
    right, wrong = (
        metrics.score(predictions(classes, classes), 0),
        metrics.score(predictions(classes, ["c"] * 2 * n), 0),
    )
    for name in ("accuracy", "macro_f1", "top2_accuracy"):
        exact = binomtest(2 * n, 2 * n).proportion_ci(method="exact")
        assert (right[f"{name}_low"], right[f"{name}_high"]) == (pytest.approx(exact.low), 1.0)
    assert (wrong["accuracy_low"], wrong["accuracy_high"]) == (0.0, pytest.approx(1 - exact.low))
    assert right["matthews_low"] == pytest.approx(2 * exact.low - 1)  # of two genres
    genre = metrics.score_genres(predictions(classes, classes, ["x"] * n + ["y"] * n), 0).set_index("genre").loc["a"]
    assert genre["recall_low"] == pytest.approx(0.025)  # a single group


def test_clips_of_one_group_count_as_one() -> None:
    actual, predicted = ["a"] * 400, ["a"] * 280 + ["b"] * 120
    wide = metrics.score(predictions(actual, predicted, [str(number // 10) for number in range(400)]), 0)
    narrow = metrics.score(predictions(actual, predicted), 0)
    ratio = (wide["accuracy_high"] - wide["accuracy_low"]) / (narrow["accuracy_high"] - narrow["accuracy_low"])
    assert ratio == pytest.approx(np.sqrt(10), rel=0.1)
    assert wide["n_groups"] == 40


def test_the_seed_decides(drawn: pd.DataFrame) -> None:
    assert metrics.score(drawn, 1) == metrics.score(drawn, 1)
    assert metrics.score(drawn, 1) != metrics.score(drawn, 2)


def proba(n: int, seed: int, sharpness: float = 1.0) -> pd.DataFrame:
    """Clips whose probabilities are true: the genre is drawn by them."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(4, 0.5), n)
    actual = np.array(list("abcd"))[(rng.uniform(size=(n, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(max=3)]
    said = shares**sharpness / (shares**sharpness).sum(axis=1, keepdims=True)
    table = predictions(list(actual), list(np.array(list("abcd"))[said.argmax(axis=1)]))
    return table.assign(**{f"proba__{genre}": said[:, place] for place, genre in enumerate("abcd")})


def test_scores_of_probabilities_equal_scikit_learns() -> None:
    drawn = proba(300, 0)
    found, y_true = metrics.score(drawn, 0), drawn["actual"]
    shares = drawn[[f"proba__{genre}" for genre in "abcd"]].to_numpy()
    assert found["log_loss"] == pytest.approx(reference.log_loss(y_true, shares, labels=list("abcd")), rel=1e-4)
    assert found["top2_accuracy"] == reference.top_k_accuracy_score(y_true, shares, k=2, labels=list("abcd"))
    assert found["matthews"] == pytest.approx(reference.matthews_corrcoef(y_true, drawn["predicted"]))
    assert found["macro_precision"] == pytest.approx(
        reference.precision_score(y_true, drawn["predicted"], average="macro")
    )
    assert found["macro_recall"] == found["balanced_accuracy"]


def test_the_calibration_error_is_the_weighed_gap_in_bins() -> None:
    sure = predictions(["a", "a", "b", "b"], ["a", "b", "b", "b"])
    sure[["proba__a", "proba__b", "proba__c", "proba__d"]] = [
        [0.95, 0.05, 0, 0], [0.25, 0.75, 0, 0], [0.25, 0.75, 0, 0], [0.45, 0.55, 0, 0],
    ]  # fmt: skip
    expected = (abs(0.95 - 1) + 2 * abs(0.75 - 0.5) + abs(0.55 - 1)) / 4
    assert metrics.score(sure, 0)["calibration_error"] == pytest.approx(expected)
    true, boastful = (metrics.score(proba(2000, 1, sharp), 0)["calibration_error"] for sharp in (1.0, 3.0))
    assert true < 0.04 < 0.1 < boastful


def test_a_constant_prediction_has_no_correlation_and_a_perfect_one_has_all() -> None:
    assert metrics.score(predictions(list("aabb"), list("aaaa")), 0)["matthews"] == 0
    assert metrics.score(predictions(list("aabb"), list("aabb")), 0)["matthews"] == 1


@pytest.mark.parametrize("clips_a_group", [1, 4])
def test_intervals_cover_what_they_say(monkeypatch, clips_a_group: int) -> None:
    """Of 600 corpora of a known model, 95 % of the intervals hold the model's own score, within 2 points and chance."""
    monkeypatch.setattr(metrics, "N_RESAMPLES", 500)
    n_groups, n_corpora = 80, 600
    rng = np.random.default_rng(3)

    def drawn(n: int) -> pd.DataFrame:
        group = np.repeat(np.arange(n), clips_a_group)
        taste = rng.normal(0, 1, (n, 4))[group] + rng.normal(0, 1, (len(group), 4))
        actual = np.repeat(rng.integers(4, size=n), clips_a_group)
        taste[np.arange(len(group)), actual] += 1.5
        shares = np.exp(taste) / np.exp(taste).sum(axis=1, keepdims=True)
        names = np.array(list("abcd"))
        table = predictions(list(names[actual]), list(names[shares.argmax(axis=1)]), list(group.astype(str)))
        return table.assign(**{f"proba__{genre}": shares[:, place] for place, genre in enumerate("abcd")})

    true = metrics.from_sums(metrics.sums(drawn(40_000))[0].total)
    scores = [metrics.score(drawn(n_groups), seed) for seed in range(n_corpora)]
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "matthews", "top2_accuracy", "log_loss"):
        covered = np.mean([score[f"{name}_low"] <= true[name] <= score[f"{name}_high"] for score in scores])
        assert 0.92 < covered < 0.98, name
    covered = np.mean([score["calibration_error_high"] >= true["calibration_error"] for score in scores])
    assert covered > 0.95


def test_genres_have_intervals_too(drawn: pd.DataFrame) -> None:
    found = metrics.score_genres(drawn, 0).set_index("genre")
    assert (found.loc[list("abc"), "f1_low"] < found.loc[list("abc"), "f1"]).all()
    assert (found.loc[list("abc"), "f1"] < found.loc[list("abc"), "f1_high"]).all()
    assert np.isnan(found.loc["d", ["recall", "recall_low", "f1_high"]].to_numpy(float)).all()
