"""Plans of cells of a small corpus."""

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regenre.common import config, records, tables
from regenre.common.errors import UserError
from regenre.common.paths import CellName
from regenre.common.settings import SearchSettings, SequenceSettings
from regenre.common.tables import CopiesRecord, FeatureSet
from regenre.learning.cells import FoldSizes, TextCounts
from regenre.learning.plan import Planner
from regenre.learning.splits import Fold

SPLIT = {"_target_": "regenre.learning.splits.GroupedKFolds", "n_folds": 2, "seed": 1}
PIECES = {"_target_": "regenre.learning.splits.SegmentKFolds", "n_folds": 2, "seed": 1}
KNN = {
    "_target_": "regenre.learning.estimator.Learner",
    "estimator": {"_target_": "sklearn.neighbors.KNeighborsClassifier"},
    "scale": True,
    "search": {"n_neighbors": [5, 1]},
}
GMM = {
    "_target_": "regenre.learning.estimator.Learner",
    "estimator": {"_target_": "regenre.learning.classifiers.gmm.Gmm", "n_components": 2},
    "reads": "frames",
}
NAME = CellName("grouped_kfold", "mfcc", "knn")

MakePlanner = Callable[..., Planner]


def test_the_plan_describes_the_cell(make_planner: MakePlanner) -> None:
    cell = make_planner().plan_cell(NAME, SPLIT, KNN)
    plan = cell.plan
    assert (cell.name, plan.dataset, plan.duration_s) == ("grouped_kfold-mfcc-knn", "corpus", 30.0)
    assert (plan.split, plan.classifier, plan.search) == (SPLIT, KNN, SearchSettings("accuracy", 2))
    assert sum(sizes.test for sizes in plan.folds) == 60
    assert plan.folds == [FoldSizes(**fold.sizes) for fold in cell.deal.folds]
    assert plan.fitted_on == {"a": 20, "b": 20, "c": 20}
    assert (plan.excluded, plan.texts) == ({}, None)
    assert set(plan.md5) == {"index", "mfcc"}


def test_copies_are_read_in_the_order_of_the_clips_and_decide_the_cell(
    make_planner: MakePlanner, tmp_path: Path
) -> None:
    plain, folder = make_planner().plan_cell(NAME, SPLIT, KNN), tmp_path / "features"
    record = records.read_record(folder / "mfcc.json", FeatureSet, "")
    records.write_record(folder / "loud.json", replace(record, augment=CopiesRecord(2, {"tilt_6": {"gain_db": 6.0}})))
    inputs = []
    for moved in (0.0, 1.0):
        for number in range(2):
            pooled = pd.read_parquet(folder / "mfcc.parquet")
            pooled.iloc[:, 1:] += number + moved
            tables.write_pooled(folder / f"copies/loud/{number}/mfcc.parquet", pooled)
        cell = make_planner().plan_cell(CellName("grouped_kfold", "loud", "knn"), SPLIT, KNN)
        inputs.append(cell.inputs)
        for number, copy in enumerate(cell.values.copies):
            np.testing.assert_allclose(copy.array, plain.values.array + number + moved)
    assert len({*inputs, plain.inputs}) == 3
    assert cell.plan.features.augment == CopiesRecord(2, {"tilt_6": {"gain_db": 6.0}})
    (folder / "copies/loud/1/mfcc.parquet").unlink()
    with pytest.raises(UserError, match=r"loud/1/mfcc\.parquet is missing"):
        make_planner().plan_cell(CellName("grouped_kfold", "loud", "knn"), SPLIT, KNN)


def test_excluded_clips_are_left_out(make_planner: MakePlanner) -> None:
    assert "z" not in set(make_planner().plan_cell(NAME, SPLIT, KNN).clips["clip_id"])


def test_the_last_of_several_fits_is_the_model_and_tests_no_clip(make_planner: MakePlanner) -> None:
    tasks = make_planner().plan_cell(NAME, SPLIT, KNN).tasks
    assert [len(task.fold.test) > 0 for task in tasks] == [True, True, False]
    assert [task.keep for task in tasks] == [False, False, True]
    assert list(tasks[-1].fold.fit) == list(range(60))
    assert all(len(task.inner) == 2 for task in tasks)


class OneFold:
    """A split into one fold with a validation part."""

    pieces = False

    def deal(self, clips: pd.DataFrame) -> list[Fold]:
        return [Fold(np.arange(30), np.arange(45, 60), np.arange(30, 45))]

    def list_excluded(self, clips: pd.DataFrame) -> dict[str, str]:
        return {"a.00003": "not in this split"}


def test_the_only_fold_of_a_split_yields_the_model(make_planner: MakePlanner) -> None:
    planner = make_planner(lambda node, *rest: OneFold() if node == {"one": 1} else config.build(node, *rest))
    cell = planner.plan_cell(CellName("one", "mfcc", "knn"), {"one": 1}, KNN)
    (task,) = cell.tasks
    assert task.keep
    assert cell.plan.folds == [FoldSizes(train=30, valid=15, test=15)]
    assert cell.plan.excluded == {"a.00003": "not in this split"}
    assert sum(cell.plan.fitted_on.values()) == 45
    assert len(task.inner) == 1


def test_folds_are_dealt_once_per_split_and_features_are_read_once(make_planner: MakePlanner, monkeypatch) -> None:
    planner, counts = make_planner(), Counter()
    deal, read = Planner._deal, tables.read_pooled

    def count_deal(self: Planner, *arguments: Any) -> Any:
        counts["deal"] += 1
        return deal(self, *arguments)

    def count_read(*arguments: Any) -> Any:
        counts["read"] += 1
        return read(*arguments)

    monkeypatch.setattr(Planner, "_deal", count_deal)
    monkeypatch.setattr(tables, "read_pooled", count_read)
    first = planner.plan_cell(NAME, SPLIT, KNN)
    second = planner.plan_cell(CellName("grouped_kfold", "mfcc", "other"), SPLIT, {**KNN, "scale": False})
    assert first.deal is second.deal
    assert first.values is second.values
    planner.plan_cell(CellName("three", "mfcc", "knn"), {**SPLIT, "n_folds": 3}, KNN)
    assert counts == {"deal": 2, "read": 1}


def test_other_features_of_the_same_clips_have_the_same_folds(make_planner: MakePlanner, tmp_path: Path) -> None:
    planner = make_planner()
    first = planner.plan_cell(NAME, SPLIT, KNN)
    shutil.copytree(tmp_path / "features", tmp_path / "others")
    table = pd.read_parquet(tmp_path / "others/mfcc.parquet")
    tables.write_pooled(tmp_path / "others/mfcc.parquet", table.assign(**{table.columns[1]: 1.0}))
    other = planner.read_from(tmp_path / "others").plan_cell(NAME, SPLIT, KNN)
    assert other.deal is first.deal
    assert (other.values.array[:, 0] == 1).all()
    assert (planner.plan_cell(NAME, SPLIT, KNN).values.array == first.values.array).all()


def test_a_classifier_of_frames_reads_sequences(make_planner: MakePlanner) -> None:
    cell = make_planner().plan_cell(CellName("grouped_kfold", "mfcc", "gmm"), SPLIT, GMM)
    assert cell.values.array.shape == (180, 2)
    assert list(cell.values.lengths) == [3] * 60
    family = cell.plan.features.families["mfcc"]
    assert (family.md5, family.frames_md5 is not None) == (None, True)
    assert cell.plan.features.sequences == SequenceSettings(8)


def test_a_classifier_of_rows_does_not_depend_on_frames(make_planner: MakePlanner) -> None:
    planner = make_planner()
    one, two = (planner.plan_cell(CellName("grouped_kfold", name, "knn"), SPLIT, KNN) for name in ("mfcc", "pooled"))
    assert one.plan.features == two.plan.features


def test_texts_are_counted_and_their_column_is_known(make_planner: MakePlanner) -> None:
    cell = make_planner().plan_cell(CellName("grouped_kfold", "mfcc_text", "knn"), SPLIT, KNN)
    assert cell.plan.texts == TextCounts(clips=60, without=1, naming_their_genre=59)
    words = cell.values.words
    assert (words.place, words.n_words, words.min_clips, words.ignored, words.worth) == (4, 1, 2, ("about",), (16, 4))
    assert cell.values.array[20, 4] == "about b"  # sorted by clip_id


def test_a_pattern_that_matches_no_column_names_the_record(make_planner: MakePlanner, tmp_path: Path) -> None:
    path = tmp_path / "features/mfcc.json"
    path.write_text(path.read_text().replace('"*"', '"nope"'))
    with pytest.raises(UserError, match=f"^{path}: a column that matches 'nope' expected"):
        make_planner().plan_cell(NAME, SPLIT, KNN)


def test_a_split_of_pieces_has_one_row_per_piece(make_planner: MakePlanner, tmp_path: Path) -> None:
    planner = make_planner()
    name = CellName("segment_kfold", "mfcc", "knn")
    with pytest.raises(UserError, match=r"pieces is missing; run `dvc repro extract` with this dataset, and segment_k"):
        planner.plan_cell(name, PIECES, KNN)
    pooled = pd.read_parquet(tmp_path / "features/mfcc.parquet")
    pieces = pd.concat([pooled.assign(clip_id=pooled["clip_id"] + f"#{number}") for number in range(2)])
    tables.write_pooled(tmp_path / "features/pieces/mfcc.parquet", pieces)
    (tmp_path / "features/pieces/mfcc.json").write_bytes((tmp_path / "features/mfcc.json").read_bytes())
    cell = planner.plan_cell(name, PIECES, KNN)
    assert list(cell.clips["clip_id"][:2]) == ["a.00000#0", "a.00000#1"]
    assert list(cell.clips["genre"][:2]) == ["a", "a"]
    assert cell.values.array.shape == (120, 4)


def test_inputs_depend_on_the_values_and_the_settings_only(make_planner: MakePlanner) -> None:
    cells = [
        make_planner().plan_cell(NAME, SPLIT, KNN),
        make_planner().plan_cell(NAME, SPLIT, {**KNN, "scale": False}),
        make_planner().plan_cell(NAME, {**SPLIT, "seed": 2}, KNN),
        make_planner().plan_cell(CellName("grouped_kfold", "mfcc", "gmm"), SPLIT, GMM),
    ]
    assert make_planner().plan_cell(NAME, SPLIT, KNN).inputs == cells[0].inputs
    assert len({cell.inputs for cell in cells}) == 4


@pytest.mark.parametrize(
    ("features", "split", "classifier", "message"),
    [
        ("gfcc", SPLIT, KNN, "gfcc.json is missing; run `dvc repro extract` with gfcc in params.yaml first"),
        (
            "pooled",
            SPLIT,
            GMM,
            r"frames of mfcc expected, none found; .* that reads frames \(gmm, hmm, cnn\)",
        ),
        ("mfcc", {**SPLIT, "n_folds": 40}, KNN, "40 folds need at least 40 groups"),
        ("mfcc", SPLIT, {**KNN, "search": {"n_neighbors": 5}}, "search.n_neighbors: a valid list expected, 5 found"),
        ("mfcc", {**SPLIT, "folds": 3}, KNN, "GroupedKFolds cannot be built from its settings"),
    ],
    ids=["no such feature set", "no frames", "too many folds", "wrong value", "wrong setting"],
)
def test_a_cell_that_cannot_be_planned_raises(
    make_planner: MakePlanner, features: str, split: dict, classifier: dict, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        make_planner().plan_cell(CellName("grouped_kfold", features, "knn"), split, classifier)


def test_a_missing_clip_table_raises(make_planner: MakePlanner, tmp_path: Path) -> None:
    planner = make_planner()
    (tmp_path / "index.parquet").unlink()
    with pytest.raises(UserError, match=r"index.parquet is missing; run `dvc repro index` first"):
        planner.plan_cell(NAME, SPLIT, KNN)
