import numpy as np
import pandas as pd
import pytest
from helpers import blobs, make_plan, run_folds
from sklearn.neighbors import KNeighborsClassifier

from regenre.evaluation import diagnostics
from regenre.evaluation.diagnostics import Curve
from regenre.learning import splits, tasks
from regenre.learning.estimator import Learner
from regenre.learning.plan import Deal, PlannedCell
from regenre.learning.tasks import Values

N_TRAIN = np.array([50, 100, 200, 400.0])


def plan_cell(X: np.ndarray, clips: pd.DataFrame, learner: Learner, columns: tuple[str, ...] = ()) -> PlannedCell:
    folds = splits.GroupedKFolds(3, seed=1).deal(clips)
    fits = [(fold, splits.deal_inner(clips, fold, 2, 1)) for fold in folds]
    return PlannedCell(make_plan(), clips, Deal(folds, fits, {}), learner, Values(X, columns=columns))


def make_curve(accuracies: list[float]) -> Curve:
    """Return the curve of 200 groups of 20 clips, each a little above or below these accuracies."""
    sizes = np.full((4, 200), 20.0)
    offsets = np.random.default_rng(0).uniform(-0.02, 0.02, 200)
    return diagnostics.extrapolate(N_TRAIN, sizes * (np.array(accuracies)[:, None] + offsets), sizes, 0)


def test_the_law_is_recovered_from_points_on_it() -> None:
    values = diagnostics._fit_law(N_TRAIN, (0.9 - 2 * N_TRAIN[None] ** -0.5), np.array([800.0, 3200.0]))
    np.testing.assert_allclose(values, [[0.9 - 2 * 800**-0.5, 0.9 - 2 * 3200**-0.5]], atol=3e-3)


def test_the_law_neither_exceeds_one_nor_falls() -> None:
    accuracies = np.array([[0.2, 0.5, 0.8, 0.99], [0.8, 0.7, 0.6, 0.5]])
    steep, falling = diagnostics._fit_law(N_TRAIN, accuracies, np.array([1e6]))
    assert steep[0] <= 1
    assert falling[0] == pytest.approx(0.65)  # the mean: more data does no harm


def test_the_answer_follows_the_curve() -> None:
    assert make_curve([0.3, 0.4, 0.5, 0.6]).answer.startswith("Is more data needed? Yes")
    assert make_curve([0.6, 0.6, 0.6, 0.6]).answer.startswith("Is more data needed? No")
    points = make_curve([0.3, 0.4, 0.5, 0.6]).points
    assert points["n_train"].tolist() == [50, 100, 200, 400, 600, 800, 1600]
    assert points["measured"].tolist() == [True] * 4 + [False] * 3
    assert (points["accuracy_low"] <= points["accuracy"]).all()


def test_a_curve_is_measured_on_the_cells_own_folds() -> None:
    X, clips = blobs(120, distance=1.0)
    cell = plan_cell(X, clips, Learner(KNeighborsClassifier(3), True))
    folds = cell.deal.folds
    whole = tasks.join_predictions(clips, folds, run_folds(cell.learner, X, clips, folds))
    points = diagnostics.measure_learning_curve(cell, whole, [0.3, 0.6], 2, 2, 0).points
    measured = points[points["measured"]]
    assert measured["n_train"].is_monotonic_increasing
    assert measured["accuracy"].iloc[-1] == (whole["actual"] == whole["predicted"]).mean()
    assert measured["n_train"].iloc[-1] == np.mean([len(fold.fit) for fold in folds])
    again = diagnostics.measure_learning_curve(cell, whole, [0.3, 0.6], 2, 2, 0)
    pd.testing.assert_frame_equal(points, again.points)


def test_a_part_keeps_whole_groups_of_every_genre() -> None:
    _, clips = blobs(120)
    fold = splits.GroupedKFolds(3, seed=1).deal(clips)[0]
    genre, group = (clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
    part = diagnostics._draw_part(fold, genre, group, 0.4, np.random.default_rng(0))
    groups = set(group[part.fit])
    assert sorted(part.fit) == sorted(row for row in fold.fit if group[row] in groups)
    assert set(genre[part.fit]) == set(genre)
    assert len(part.fit) < len(fold.fit)


def test_shuffling_the_informative_family_costs_accuracy_and_shuffling_noise_does_not() -> None:
    X, clips = blobs(120)
    wide = np.hstack([X, np.random.default_rng(1).normal(size=(120, 3))])
    columns = tuple(f"{name}__{n}__mean" for name, k in (("centre", 4), ("noise", 3)) for n in range(k))
    cell = plan_cell(wide, clips, Learner(KNeighborsClassifier(3), True), columns)
    table = diagnostics.measure_importance(cell, 5, 0).set_index("of")
    assert table["n_columns"].to_dict() == {"centre": 4, "noise": 3}
    assert table.loc["centre", "loss_low"] > 0.3
    assert abs(table.loc["noise", "loss"]) < 0.05
    assert table.index[0] == "centre"


def test_the_features_of_a_single_family_are_shuffled_one_by_one() -> None:
    X, clips = blobs(60)
    columns = ("m__0__mean", "m__0__std", "m__1__mean", "m__1__std")
    cell = plan_cell(X, clips, Learner(KNeighborsClassifier(3), True), columns)
    assert set(diagnostics.measure_importance(cell, 2, 0)["of"]) == {"m 0", "m 1"}


def test_frames_have_no_columns_to_shuffle() -> None:
    X, clips = blobs(60)
    table = diagnostics.measure_importance(plan_cell(X, clips, Learner(KNeighborsClassifier(3))), 2, 0)
    assert table.empty
    assert table.columns.tolist() == ["of", "n_columns", "loss", "loss_low", "loss_high"]


def test_points_with_as_many_training_clips_leave_the_law_constant() -> None:
    """In a tiny corpus every share of the groups may be the same two groups."""
    law = diagnostics._fit_law(np.full(3, 20.0), np.array([[0.5, 0.6, 0.7]]), np.array([40.0]))
    np.testing.assert_allclose(law, [[0.6]])


def test_a_point_with_too_few_clips_to_fit_is_left_out_with_its_reason() -> None:
    X, clips = blobs(60)
    learner = Learner(KNeighborsClassifier(25))
    cell = plan_cell(X, clips, learner)
    whole = tasks.join_predictions(clips, cell.deal.folds, run_folds(learner, X, clips, cell.deal.folds))
    curve = diagnostics.measure_learning_curve(cell, whole, [0.4, 0.8], 1, 2, 0)
    assert list(curve.left_out) == [0.4]
    assert len(curve.points) == 2 + len(diagnostics.AHEAD)
    assert "The point at 40% of the training groups is left out: " in curve.answer
    assert "Expected n_neighbors <= n_samples_fit" in curve.answer
