import itertools

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, clip_table
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from regenre.errors import UserError
from regenre.splits import NOBODY, Fold, GroupedKFolds, StratifiedKFolds, inner


def fault_filtered():
    return instantiate(OmegaConf.load(ROOT / "conf/split/fault_filtered.yaml"), _convert_="all")


def gtzan() -> pd.DataFrame:
    genres = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
    clip_ids = [f"{genre}.{number:05d}" for genre, number in itertools.product(genres, range(100))]
    return pd.DataFrame({"clip_id": clip_ids, "genre": [name[:-6] for name in clip_ids], "group": clip_ids})


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 7)), min_size=12, max_size=60), st.integers(2, 4))
@settings(deadline=None, max_examples=60)
def test_no_group_is_on_two_sides_and_every_testable_clip_is_tested_once(rows, n_folds) -> None:
    clips = clip_table([genre for genre, _ in rows], [f"group_{group}" for _, group in rows])
    split = GroupedKFolds(n_folds, seed=1)
    try:
        folds = split.folds(clips)
    except UserError:
        return  # too few groups: said, not dealt
    for fold in folds:
        assert not set(clips["group"].iloc[fold.train]) & set(clips["group"].iloc[fold.test])
    tested = np.concatenate([fold.test for fold in folds])
    left_out = clips["clip_id"].isin(split.excluded(clips))
    assert sorted(tested) == list(np.flatnonzero(~left_out))


def test_a_genre_of_one_group_is_trained_on_and_listed() -> None:
    clips = clip_table(["a"] * 6 + ["b"] * 6 + ["c"] * 3, list("uvwxyzuvwxyz") + ["only"] * 3)
    split = GroupedKFolds(3, seed=1)
    left_out = split.excluded(clips)
    assert set(left_out) == set(clips["clip_id"][12:])
    assert "all clips of c are of one group (only)" in left_out["c.00012"]
    for fold in split.folds(clips):
        assert {12, 13, 14} <= set(fold.train)


def test_stratified_deals_each_genre_evenly() -> None:
    clips = clip_table(["a"] * 10 + ["b"] * 20, ["g"] * 30)
    for fold in StratifiedKFolds(5, seed=1).folds(clips):
        assert clips["genre"].iloc[fold.test].value_counts().to_dict() == {"a": 2, "b": 4}


def test_too_few_clips_are_said() -> None:
    with pytest.raises(UserError, match="genre b: 3 folds need at least 3 clips a genre, 2 found"):
        StratifiedKFolds(3, seed=1).folds(clip_table(["a"] * 5 + ["b"] * 2, list("uvwxyzq")))
    with pytest.raises(UserError, match="3 folds need at least 3 groups in genres of two groups and more, 2 found"):
        GroupedKFolds(3, seed=1).folds(clip_table(["a", "b"] * 4, ["u", "v", "v", "u"] * 2))
    with pytest.raises(UserError, match="3 folds need two genres of two groups and more, 1 found"):
        GroupedKFolds(3, seed=1).folds(clip_table(["a"] * 4 + ["b"], list("uvwxy")))
    with pytest.raises(UserError, match="4 folds need a genre with at least 4 clips, 3 at most found"):
        GroupedKFolds(4, seed=1).folds(clip_table(["a"] * 3 + ["b"] * 2, list("uvwxy")))


def test_fault_filtered_has_the_published_sizes() -> None:
    (fold,) = fault_filtered().folds(gtzan())
    assert (len(fold.train), len(fold.valid), len(fold.test)) == (443, 197, 290)
    assert len(np.unique(np.concatenate([fold.fit, fold.test]))) == 930
    assert len(fault_filtered().excluded(gtzan())) == 70


def test_fault_filtered_is_the_published_one(shared) -> None:
    published = pd.read_csv(shared / "gtzan/fault_filtered_split.csv").set_index("clip_id")["split"]
    clips = gtzan()
    (fold,) = fault_filtered().folds(clips)
    for part in ("train", "valid", "test"):
        assert set(clips["clip_id"].iloc[getattr(fold, part)]) == set(published.index[published == part])


def test_fault_filtered_keeps_artists_apart(shared) -> None:
    artists = pd.read_csv(shared / "gtzan/artists.csv").set_index("clip_id")["artist"]
    clips = gtzan().assign(group=lambda table: table["clip_id"].map(artists))
    (fold,) = fault_filtered().folds(clips)
    both = set(clips["group"].iloc[fold.fit].dropna()) & set(clips["group"].iloc[fold.test].dropna())
    shares = clips["group"].iloc[fold.test].isin(both).mean()
    assert shares < 0.05, both  # the published split is by artist, by its authors' own index


def test_fault_filtered_on_other_clips_is_said() -> None:
    with pytest.raises(UserError, match="take grouped_kfold here"):
        fault_filtered().folds(clip_table(["a", "b"] * 4, list("uvwxyzqr")))


def test_fault_filtered_valid_fits_on_train_and_never_reads_the_test_part() -> None:
    leaf = OmegaConf.load(ROOT / "conf/split/fault_filtered.yaml")
    split = instantiate(leaf, test_on="valid", _convert_="all")
    clips = gtzan()
    published = fault_filtered().folds(clips)[0]
    (fold,) = split.folds(clips)
    np.testing.assert_array_equal(fold.train, published.train)
    np.testing.assert_array_equal(fold.test, published.valid)
    assert len(fold.valid) == 0
    left_out = pd.Series(split.excluded(clips))
    assert left_out.value_counts().to_dict() == {
        "of the test part, which this split does not read": 290,
        "not in the published fault-filtered split": 70,
    }


def test_the_published_valid_part_chooses() -> None:
    clips = gtzan()
    (fold,) = fault_filtered().folds(clips)
    (part,) = inner(clips, fold, 3, 1)
    np.testing.assert_array_equal(fold.fit[part.train], fold.train)
    np.testing.assert_array_equal(fold.fit[part.test], fold.valid)


def test_inner_folds_keep_groups_apart_and_stay_among_the_training_clips() -> None:
    clips = clip_table(["a", "b", "c"] * 20, [f"group_{number // 6}" for number in range(60)])
    for fold in GroupedKFolds(3, seed=1).folds(clips):
        groups = clips["group"].to_numpy()[fold.fit]
        parts = inner(clips, fold, 3, 1)
        assert len(parts) == 3
        assert sorted(np.concatenate([part.test for part in parts])) == list(range(len(fold.fit)))
        assert not any(set(groups[part.fit]) & set(groups[part.test]) for part in parts)


@pytest.mark.parametrize(("groups", "n_folds"), [("uvuv", 2), ("uuuu", 0)])
def test_few_groups_make_fewer_inner_folds_or_none(groups: str, n_folds: int) -> None:
    clips = clip_table(list("aabb") * 2, [*groups[:2], *groups[:2]] * 2)
    assert len(inner(clips, Fold(np.arange(8), NOBODY), 3, 1)) == n_folds
