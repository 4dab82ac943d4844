import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
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
