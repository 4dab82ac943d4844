from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import LEARNERS, blobs, make_plan

from regenre.evaluation.projection import map_clips
from regenre.learning.plan import Deal, PlannedCell
from regenre.learning.tasks import Values
from regenre.learning.words import Words


def make_cell(values: Values, clips: pd.DataFrame) -> PlannedCell:
    return PlannedCell(make_plan(), clips, Deal([], [], {}), LEARNERS["knn"], values)


def test_pca_is_the_singular_vectors_of_the_standardised_columns() -> None:
    X, clips = blobs()
    X = X * [1, 10, 100, 1000]
    chart = map_clips(make_cell(Values(X), clips), clips["clip_id"], "pca", 0)
    standard = (X - X.mean(axis=0)) / X.std(axis=0)
    left, sizes, _ = np.linalg.svd(standard, full_matrices=False)
    points = chart.points.set_index("clip_id").loc[clips["clip_id"]]
    expected = left[:, :2] * sizes[:2]
    np.testing.assert_allclose(np.abs(points[["x", "y"]]), np.abs(expected), atol=1e-9)  # signs are free
    assert points["genre"].tolist() == clips["genre"].tolist()
    share = (sizes[:2] ** 2).sum() / (sizes**2).sum()
    assert f"hold {100 * share:.0f} % of the variance" in chart.axes


def test_a_clip_of_frames_or_pieces_is_their_mean() -> None:
    X, clips = blobs()
    whole = map_clips(make_cell(Values(X), clips), clips["clip_id"], "pca", 0).points
    moves = np.random.default_rng(1).normal(size=X.shape)
    frames = np.stack([X + moves, X - moves], axis=1).reshape(-1, X.shape[1]).astype(np.float32)
    lengths = np.full(len(X), 2)
    by_frame = map_clips(make_cell(Values(frames, lengths), clips), clips["clip_id"], "pca", 0).points
    np.testing.assert_allclose(by_frame[["x", "y"]], whole[["x", "y"]], atol=1e-5)  # frames are float32
    pieces = clips.loc[np.repeat(clips.index, 2)].reset_index(drop=True)
    pieces["clip_id"] += ["#0", "#1"] * len(clips)
    by_piece = map_clips(make_cell(Values(frames), pieces), clips["clip_id"], "pca", 0).points
    pd.testing.assert_frame_equal(by_piece, whole, atol=1e-5)


def test_texts_have_no_place() -> None:
    X, clips = blobs()
    words = Words(0, 1, 1, (), (1.0,))
    texts = np.array([["text"]] * len(X), dtype=object)
    alone = map_clips(make_cell(Values(texts, words=words), clips), clips["clip_id"], "pca", 0)
    assert alone.points.empty
    assert "nothing but texts" in alone.axes
    beside = Values(np.concatenate([texts, X.astype(object)], axis=1), words=words)
    expected = map_clips(make_cell(Values(X), clips), clips["clip_id"], "pca", 0).points
    pd.testing.assert_frame_equal(map_clips(make_cell(beside, clips), clips["clip_id"], "pca", 0).points, expected)


def test_a_single_column_or_few_clips_have_a_map() -> None:
    X, clips = blobs()
    points = map_clips(make_cell(Values(X[:, :1]), clips), clips["clip_id"], "pca", 0).points
    assert (points["y"] == 0).all()
    few = replace(make_cell(Values(X[:4]), clips[:4]))
    for method in ("pca", "tsne"):
        assert np.isfinite(map_clips(few, clips["clip_id"], method, 0).points[["x", "y"]].to_numpy()).all()


def test_tsne_keeps_neighbours_and_is_the_same_each_time() -> None:
    X, clips = blobs()
    first, second = (map_clips(make_cell(Values(X), clips), clips["clip_id"], "tsne", 3) for _ in range(2))
    pd.testing.assert_frame_equal(first.points, second.points)
    places, genres = first.points[["x", "y"]].to_numpy(), first.points["genre"].to_numpy()
    distances = np.linalg.norm(places[:, None] - places, axis=2) + np.diag(np.full(len(places), np.inf))
    assert (genres[distances.argmin(axis=1)] == genres).mean() == pytest.approx(
        1, abs=0.1
    )  # the blobs overlap a little
    assert "t-SNE" in first.axes
