import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier
from test_training import blobs, done

from regenre import splits, study, training
from regenre.fitting import Learner
from regenre.planning import Cell, Dealt, Read
from regenre.training import Values


def cell(X: np.ndarray, clips: pd.DataFrame, learner: Learner, columns: tuple[str, ...] = ()) -> Cell:
    folds = splits.GroupedKFolds(3, seed=1).folds(clips)
    fits = [(fold, splits.inner(clips, fold, 2, 1)) for fold in folds]
    settings = {"config": {"search": {"metric": "accuracy"}}}
    return Cell("cell", settings, clips, Dealt(folds, fits, {}), learner, Read(Values(X, columns=columns), {}, {}, {}))


def test_the_law_is_recovered_where_it_holds() -> None:
    n = np.array([50, 100, 200, 400.0])
    found = study._law(n, (0.9 - 2 * n[None] ** -0.5), np.array([800.0, 3200.0]))
    np.testing.assert_allclose(found, [[0.9 - 2 * 800**-0.5, 0.9 - 2 * 3200**-0.5]], atol=3e-3)


def test_no_law_leads_above_one_or_down() -> None:
    n = np.array([50, 100, 200, 400.0])
    steep, falling = study._law(n, np.array([[0.2, 0.5, 0.8, 0.99], [0.8, 0.7, 0.6, 0.5]]), np.array([1e6]))
    assert steep[0] <= 1
    assert falling[0] == pytest.approx(0.65)  # the mean: more data does no harm


def curve(accuracies: list[float]) -> study.Curve:
    sizes = np.full((4, 200), 20.0)
    rng = np.random.default_rng(0)
    same = rng.uniform(-0.02, 0.02, 200)
    return study.extrapolated(np.array([50, 100, 200, 400.0]), sizes * (np.array(accuracies)[:, None] + same), sizes, 0)


def test_the_answer_follows_the_curve() -> None:
    assert curve([0.3, 0.4, 0.5, 0.6]).answer.startswith("Is more data needed? Yes")
    assert curve([0.6, 0.6, 0.6, 0.6]).answer.startswith("Is more data needed? No")
    points = curve([0.3, 0.4, 0.5, 0.6]).points
    assert points["n_train"].tolist() == [50, 100, 200, 400, 600, 800, 1600]
    assert points["measured"].tolist() == [True] * 4 + [False] * 3
    assert (points["accuracy_low"] <= points["accuracy"]).all()


def test_a_curve_is_measured_on_the_cells_own_folds() -> None:
    X, clips = blobs(120, distance=1.0)
    made = cell(X, clips, Learner(KNeighborsClassifier(3), True))
    whole = training.predictions(clips, made.dealt.folds, done(made.learner, X, clips, made.dealt.folds))
    found = study.learning_curve(made, whole, [0.3, 0.6], 2, 2, 0)
    measured = found.points[found.points["measured"]]
    assert measured["n_train"].is_monotonic_increasing
    assert measured["accuracy"].iloc[-1] == (whole["actual"] == whole["predicted"]).mean()
    assert measured["n_train"].iloc[-1] == np.mean([len(fold.fit) for fold in made.dealt.folds])
    pd.testing.assert_frame_equal(found.points, study.learning_curve(made, whole, [0.3, 0.6], 2, 2, 0).points)


def test_a_part_keeps_whole_groups_of_every_genre() -> None:
    _, clips = blobs(120)
    fold = splits.GroupedKFolds(3, seed=1).folds(clips)[0]
    genre, group = (clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
    part = study._part(fold, genre, group, 0.4, np.random.default_rng(0))
    kept = set(group[part.fit])
    assert sorted(part.fit) == sorted(row for row in fold.fit if group[row] in kept)
    assert set(genre[part.fit]) == set(genre)
    assert len(part.fit) < len(fold.fit)


def test_the_family_that_tells_is_worth_all_and_noise_nothing() -> None:
    X, clips = blobs(120)
    wide = np.hstack([X, np.random.default_rng(1).normal(size=(120, 3))])
    columns = tuple(f"{name}__{n}__mean" for name, k in (("told", 4), ("noise", 3)) for n in range(k))
    found = study.importance(cell(wide, clips, Learner(KNeighborsClassifier(3), True), columns), 5, 0).set_index("of")
    assert found["n_columns"].to_dict() == {"told": 4, "noise": 3}
    assert found.loc["told", "loss_low"] > 0.3
    assert abs(found.loc["noise", "loss"]) < 0.05
    assert found.index[0] == "told"


def test_of_a_single_family_its_features_are_shuffled() -> None:
    X, clips = blobs(60)
    columns = ("m__0__mean", "m__0__std", "m__1__mean", "m__1__std")
    found = study.importance(cell(X, clips, Learner(KNeighborsClassifier(3), True), columns), 2, 0)
    assert set(found["of"]) == {"m 0", "m 1"}
    assert study.importance(cell(X, clips, Learner(KNeighborsClassifier(3))), 2, 0).empty  # frames have no columns
