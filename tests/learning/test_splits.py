import itertools

import numpy as np
import pandas as pd
import pytest
from helpers import build_leaf, clip_table
from hypothesis import given, settings
from hypothesis import strategies as st

from regenre.common.errors import UserError
from regenre.learning.splits import NOBODY, FaultFiltered, Fold, GroupedKFolds, Official, StratifiedKFolds, deal_inner


def build_fault_filtered(**settings: str) -> FaultFiltered:
    return build_leaf("split", "fault_filtered", **settings)


def make_gtzan() -> pd.DataFrame:
    genres = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
    clip_ids = [f"{genre}.{number:05d}" for genre, number in itertools.product(genres, range(100))]
    return pd.DataFrame({"clip_id": clip_ids, "genre": [name[:-6] for name in clip_ids], "group": clip_ids})


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 7)), min_size=12, max_size=60), st.integers(2, 4))
@settings(max_examples=60)
def test_no_group_is_in_training_and_test_and_each_clip_is_tested_once(rows, n_folds) -> None:
    clips = clip_table([genre for genre, _ in rows], [f"group_{group}" for _, group in rows])
    split = GroupedKFolds(n_folds, seed=1)
    try:
        folds = split.deal(clips)
    except UserError:
        return  # too few groups
    for fold in folds:
        assert not set(clips["group"].iloc[fold.train]) & set(clips["group"].iloc[fold.test])
    test = np.concatenate([fold.test for fold in folds])
    is_excluded = clips["clip_id"].isin(split.list_excluded(clips))
    assert sorted(test) == list(np.flatnonzero(~is_excluded))


def test_a_genre_with_one_group_is_in_training_and_listed_as_excluded() -> None:
    clips = clip_table(["a"] * 6 + ["b"] * 6 + ["c"] * 3, list("uvwxyzuvwxyz") + ["only"] * 3)
    split = GroupedKFolds(3, seed=1)
    reasons = split.list_excluded(clips)
    assert set(reasons) == set(clips["clip_id"][12:])
    assert "all clips of c are of one group (only)" in reasons["c.00012"]
    for fold in split.deal(clips):
        assert {12, 13, 14} <= set(fold.train)


def test_stratified_folds_have_equal_numbers_of_each_genre() -> None:
    clips = clip_table(["a"] * 10 + ["b"] * 20, ["g"] * 30)
    for fold in StratifiedKFolds(5, seed=1).deal(clips):
        assert clips["genre"].iloc[fold.test].value_counts().to_dict() == {"a": 2, "b": 4}


def test_too_few_clips_or_groups_raise() -> None:
    with pytest.raises(UserError, match="genre b: 3 folds need at least 3 clips per genre, 2 found"):
        StratifiedKFolds(3, seed=1).deal(clip_table(["a"] * 5 + ["b"] * 2, list("uvwxyzq")))
    with pytest.raises(UserError, match="3 folds need at least 3 groups in genres with two or more groups, 2 found"):
        GroupedKFolds(3, seed=1).deal(clip_table(["a", "b"] * 4, ["u", "v", "v", "u"] * 2))
    with pytest.raises(UserError, match="3 folds need two genres with two or more groups, 1 found"):
        GroupedKFolds(3, seed=1).deal(clip_table(["a"] * 4 + ["b"], list("uvwxy")))
    with pytest.raises(UserError, match="4 folds need a genre with at least 4 clips, at most 3 found"):
        GroupedKFolds(4, seed=1).deal(clip_table(["a"] * 3 + ["b"] * 2, list("uvwxy")))


def test_fault_filtered_has_the_published_sizes() -> None:
    (fold,) = build_fault_filtered().deal(make_gtzan())
    assert (len(fold.train), len(fold.valid), len(fold.test)) == (443, 197, 290)
    assert len(np.unique(np.concatenate([fold.fit, fold.test]))) == 930
    assert len(build_fault_filtered().list_excluded(make_gtzan())) == 70


def test_fault_filtered_equals_the_published_split(shared) -> None:
    published = pd.read_csv(shared / "gtzan/fault_filtered_split.csv").set_index("clip_id")["split"]
    clips = make_gtzan()
    (fold,) = build_fault_filtered().deal(clips)
    for part in ("train", "valid", "test"):
        assert set(clips["clip_id"].iloc[getattr(fold, part)]) == set(published.index[published == part])


def test_fault_filtered_keeps_artists_apart(shared) -> None:
    artists = pd.read_csv(shared / "gtzan/artists.csv").set_index("clip_id")["artist"]
    clips = make_gtzan().assign(group=lambda table: table["clip_id"].map(artists))
    (fold,) = build_fault_filtered().deal(clips)
    both = set(clips["group"].iloc[fold.fit].dropna()) & set(clips["group"].iloc[fold.test].dropna())
    shares = clips["group"].iloc[fold.test].isin(both).mean()
    assert shares < 0.05, both  # the published split is by artist, by its authors' own index


def test_fault_filtered_raises_without_the_clips_of_gtzan() -> None:
    with pytest.raises(
        UserError, match=r"no clip of a, b; fault_filtered needs all of GTZAN .*; use grouped_kfold here"
    ):
        build_fault_filtered().deal(clip_table(["a", "b"] * 4, list("uvwxyzqr")))


def test_fault_filtered_with_test_on_valid_does_not_use_the_test_part() -> None:
    split = build_fault_filtered(test_on="valid")
    clips = make_gtzan()
    published = build_fault_filtered().deal(clips)[0]
    (fold,) = split.deal(clips)
    np.testing.assert_array_equal(fold.train, published.train)
    np.testing.assert_array_equal(fold.test, published.valid)
    assert len(fold.valid) == 0
    reasons = pd.Series(split.list_excluded(clips))
    assert reasons.value_counts().to_dict() == {
        "of the test part, which this split does not read": 290,
        "not in the published fault-filtered split": 70,
    }


def test_the_inner_fold_of_fault_filtered_is_its_valid_part() -> None:
    clips = make_gtzan()
    (fold,) = build_fault_filtered().deal(clips)
    (part,) = deal_inner(clips, fold, 3, 1)
    np.testing.assert_array_equal(fold.fit[part.train], fold.train)
    np.testing.assert_array_equal(fold.fit[part.test], fold.valid)


def test_inner_folds_keep_groups_apart_and_stay_among_the_training_clips() -> None:
    clips = clip_table(["a", "b", "c"] * 20, [f"group_{number // 6}" for number in range(60)])
    for fold in GroupedKFolds(3, seed=1).deal(clips):
        groups = clips["group"].to_numpy()[fold.fit]
        parts = deal_inner(clips, fold, 3, 1)
        assert len(parts) == 3
        assert sorted(np.concatenate([part.test for part in parts])) == list(range(len(fold.fit)))
        assert not any(set(groups[part.fit]) & set(groups[part.test]) for part in parts)


@pytest.mark.parametrize(("groups", "n_folds"), [("uvuv", 2), ("uuuu", 0)])
def test_few_groups_make_fewer_inner_folds_or_none(groups: str, n_folds: int) -> None:
    clips = clip_table(list("aabb") * 2, [*groups[:2], *groups[:2]] * 2)
    assert len(deal_inner(clips, Fold(np.arange(8), NOBODY), 3, 1)) == n_folds


def test_official_fits_on_train_and_valid_and_tests_on_test() -> None:
    parts = ["train", "train", "valid", "valid", "test", "test", "", "test"]
    clips = clip_table(["a", "b"] * 4, list("uvwxyzqr")).assign(part=parts)
    (fold,) = Official().deal(clips)
    assert [list(rows) for rows in (fold.train, fold.valid, fold.test)] == [[0, 1], [2, 3], [4, 5, 7]]
    (inner,) = deal_inner(clips, fold, 3, seed=1)
    assert [list(rows) for rows in (inner.train, inner.test)] == [[0, 1], [2, 3]]
    assert Official().list_excluded(clips) == {"a.00006": "in no part of the published split"}


def test_official_needs_a_published_split_with_every_genre_in_it() -> None:
    clips = clip_table(["a", "b"] * 4, list("uvwxyzqr"))
    with pytest.raises(
        UserError, match=r"training part has no clip of a, b; official needs .*; use grouped_kfold here"
    ):
        Official().deal(clips)
    with pytest.raises(UserError, match="the published test part has no clip of b; official needs"):
        Official().deal(clips.assign(part=["train"] * 6 + ["test", "train"]))
