import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, binomtest
from sklearn import metrics as reference

from regenre.evaluation import metrics

pytestmark = pytest.mark.slow


def make_predictions(actual: list[str], predicted: list[str], groups: list[str] | None = None) -> pd.DataFrame:
    genres = {f"proba__{genre}": 0.25 for genre in "abcd"}
    groups = groups or [str(number) for number in range(len(actual))]
    return pd.DataFrame({"group": groups, "fold": 0, "actual": actual, "predicted": predicted, **genres})


@pytest.fixture
def three_genres() -> pd.DataFrame:
    """Predictions of 200 clips of a, b and c; d is predicted too, but no clip is of it."""
    rng = np.random.default_rng(0)
    actual = rng.choice(list("abc"), 200)
    return make_predictions(
        list(actual), list(np.where(rng.uniform(size=200) < 0.6, actual, rng.choice(list("abd"), 200)))
    )


def test_scores_equal_scikit_learns(three_genres: pd.DataFrame) -> None:
    scores, y_true, y_pred = metrics.score(three_genres, 0).cell, three_genres["actual"], three_genres["predicted"]
    assert scores["accuracy"] == pytest.approx(reference.accuracy_score(y_true, y_pred))
    with pytest.warns(UserWarning, match="classes not in y_true"):
        assert scores["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(y_true, y_pred))
    expected = reference.f1_score(y_true, y_pred, labels=list("abc"), average="macro")
    assert scores["macro_f1"] == pytest.approx(expected)
    counts = reference.confusion_matrix(y_true, y_pred, labels=list("abcd"))
    np.testing.assert_array_equal(metrics.count_confusions(three_genres), counts)


def test_scores_of_genres_equal_scikit_learns(three_genres: pd.DataFrame) -> None:
    scores = metrics.score_sums(metrics.sum_groups(three_genres)[0].total)
    expected = reference.precision_recall_fscore_support(
        three_genres["actual"], three_genres["predicted"], labels=list("abc"), zero_division=0.0
    )
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(scores[name][:3], values)
    assert np.isnan(scores["recall"][3])
    assert np.isnan(scores["f1"][3])


def test_the_interval_of_independent_clips_is_binomial() -> None:
    n, hits = 400, 280
    scores = metrics.score(make_predictions(["a"] * n, ["a"] * hits + ["b"] * (n - hits)), 0).cell
    assert scores["accuracy_low"] == pytest.approx(binom.ppf(0.025, n, hits / n) / n, abs=0.006)
    assert scores["accuracy_high"] == pytest.approx(binom.ppf(0.975, n, hits / n) / n, abs=0.006)


@pytest.mark.parametrize("n", [1, 8, 40])
def test_all_or_no_hits_have_the_exact_binomial_interval(n: int) -> None:
    classes = ["a"] * n + ["b"] * n
    right, wrong = (
        metrics.score(make_predictions(classes, classes), 0).cell,
        metrics.score(make_predictions(classes, ["c"] * 2 * n), 0).cell,
    )
    for name in ("accuracy", "macro_f1", "top2_accuracy"):
        exact = binomtest(2 * n, 2 * n).proportion_ci(method="exact")
        assert (right[f"{name}_low"], right[f"{name}_high"]) == (pytest.approx(exact.low), 1.0)
    assert (wrong["accuracy_low"], wrong["accuracy_high"]) == (0.0, pytest.approx(1 - exact.low))
    assert right["matthews_low"] == pytest.approx(2 * exact.low - 1)  # of two genres
    one_group_each = make_predictions(classes, classes, ["x"] * n + ["y"] * n)
    assert metrics.score(one_group_each, 0).genres["recall_low"].iloc[0] == pytest.approx(0.025)


def test_clips_of_one_group_count_as_one() -> None:
    actual, predicted = ["a"] * 400, ["a"] * 280 + ["b"] * 120
    wide = metrics.score(make_predictions(actual, predicted, [str(number // 10) for number in range(400)]), 0).cell
    narrow = metrics.score(make_predictions(actual, predicted), 0).cell
    ratio = (wide["accuracy_high"] - wide["accuracy_low"]) / (narrow["accuracy_high"] - narrow["accuracy_low"])
    assert ratio == pytest.approx(np.sqrt(10), rel=0.1)
    assert wide["n_groups"] == 40


def test_the_seed_decides_the_intervals(three_genres: pd.DataFrame) -> None:
    assert metrics.score(three_genres, 1).cell == metrics.score(three_genres, 1).cell
    assert metrics.score(three_genres, 1).cell != metrics.score(three_genres, 2).cell


def make_calibrated_predictions(n: int, seed: int, sharpness: float = 1.0) -> pd.DataFrame:
    """Return clips whose genres have the predicted probabilities; a sharpness above 1 makes these overconfident."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(4, 0.5), n)
    actual = np.array(list("abcd"))[(rng.uniform(size=(n, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(max=3)]
    proba = shares**sharpness / (shares**sharpness).sum(axis=1, keepdims=True)
    table = make_predictions(list(actual), list(np.array(list("abcd"))[proba.argmax(axis=1)]))
    return table.assign(**{f"proba__{genre}": proba[:, place] for place, genre in enumerate("abcd")})


def test_scores_of_probabilities_equal_scikit_learns() -> None:
    table = make_calibrated_predictions(300, 0)
    scores, y_true = metrics.score(table, 0).cell, table["actual"]
    shares = table[[f"proba__{genre}" for genre in "abcd"]].to_numpy()
    assert scores["log_loss"] == pytest.approx(reference.log_loss(y_true, shares, labels=list("abcd")), rel=1e-4)
    assert scores["top2_accuracy"] == reference.top_k_accuracy_score(y_true, shares, k=2, labels=list("abcd"))
    assert scores["matthews"] == pytest.approx(reference.matthews_corrcoef(y_true, table["predicted"]))
    assert scores["macro_precision"] == pytest.approx(
        reference.precision_score(y_true, table["predicted"], average="macro")
    )
    assert scores["macro_recall"] == scores["balanced_accuracy"]


def test_the_calibration_error_is_the_weighted_gap_of_the_bins() -> None:
    table = make_predictions(["a", "a", "b", "b"], ["a", "b", "b", "b"])
    table[["proba__a", "proba__b", "proba__c", "proba__d"]] = [
        [0.95, 0.05, 0, 0], [0.25, 0.75, 0, 0], [0.25, 0.75, 0, 0], [0.45, 0.55, 0, 0],
    ]  # fmt: skip
    expected = (abs(0.95 - 1) + 2 * abs(0.75 - 0.5) + abs(0.55 - 1)) / 4
    assert metrics.score(table, 0).cell["calibration_error"] == pytest.approx(expected)
    tables = (make_calibrated_predictions(2000, 1, sharpness) for sharpness in (1.0, 3.0))
    calibrated, overconfident = (metrics.score(table, 0).cell["calibration_error"] for table in tables)
    assert calibrated < 0.04 < 0.1 < overconfident


def test_matthews_is_0_for_constant_predictions_and_1_for_perfect_ones() -> None:
    assert metrics.score(make_predictions(list("aabb"), list("aaaa")), 0).cell["matthews"] == 0
    assert metrics.score(make_predictions(list("aabb"), list("aabb")), 0).cell["matthews"] == 1


@pytest.mark.parametrize("clips_per_group", [1, 4])
def test_intervals_cover_the_true_score_as_often_as_they_claim(monkeypatch, clips_per_group: int) -> None:
    """Over 400 corpora of a known model, 92 to 98 % of the 95 % intervals contain the model's true score."""
    monkeypatch.setattr(metrics, "N_RESAMPLES", 500)
    n_groups, n_corpora = 80, 400
    rng = np.random.default_rng(3)

    def draw_corpus(n: int) -> pd.DataFrame:
        group = np.repeat(np.arange(n), clips_per_group)
        evidence = rng.normal(0, 1, (n, 4))[group] + rng.normal(0, 1, (len(group), 4))
        actual = np.repeat(rng.integers(4, size=n), clips_per_group)
        evidence[np.arange(len(group)), actual] += 1.5
        shares = np.exp(evidence) / np.exp(evidence).sum(axis=1, keepdims=True)
        names = np.array(list("abcd"))
        table = make_predictions(list(names[actual]), list(names[shares.argmax(axis=1)]), list(group.astype(str)))
        return table.assign(**{f"proba__{genre}": shares[:, place] for place, genre in enumerate("abcd")})

    true = metrics.compute_scores(metrics.sum_groups(draw_corpus(40_000))[0].total)
    scores = [metrics.score(draw_corpus(n_groups), seed).cell for seed in range(n_corpora)]
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "matthews", "top2_accuracy", "log_loss"):
        covered = np.mean([score[f"{name}_low"] <= true[name] <= score[f"{name}_high"] for score in scores])
        assert 0.92 < covered < 0.98, name
    covered = np.mean([score["calibration_error_high"] >= true["calibration_error"] for score in scores])
    assert covered > 0.95


def test_scores_of_genres_have_intervals(three_genres: pd.DataFrame) -> None:
    scores = metrics.score(three_genres, 0).genres.set_index("genre")
    assert (scores.loc[list("abc"), "f1_low"] < scores.loc[list("abc"), "f1"]).all()
    assert (scores.loc[list("abc"), "f1"] < scores.loc[list("abc"), "f1_high"]).all()
    assert np.isnan(scores.loc["d", ["recall", "recall_low", "f1_high"]].to_numpy(float)).all()


def test_the_accuracy_of_each_fold_is_its_share_of_hits() -> None:
    table = pd.DataFrame({"fold": [1, 0, 1, 1], "actual": list("abaa"), "predicted": list("abab")})
    assert metrics.score_folds(table) == {0: 1.0, 1: pytest.approx(2 / 3)}
