from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import make_plan

from regenre.common.errors import UserError
from regenre.common.paths import CellName
from regenre.evaluation import grid, metrics
from regenre.evaluation.comparison import Hits
from regenre.evaluation.grid import TestedCell
from regenre.learning.cells import Cell, FoldSizes, Search, TextCounts

RANDOM, GROUPED = (CellName(split, "mfcc", "knn") for split in ("stratified_kfold", "grouped_kfold"))
MODEL = Search(fold=None, chosen={}, score=None, inner_folds=[], warnings=[])
TEXTS = TextCounts(clips=16, without=3, naming_their_genre=9)


def make_hits(*values: float) -> Hits:
    table = pd.DataFrame({"clip_id": list("abcd"), "group": list("wxyz"), "fold": 0, "hit": values})
    return Hits(table, [10])


def make_predictions(n_wrong: int, clip_ids: list[str] | None = None) -> pd.DataFrame:
    """Return predictions of 16 clips of a and b; the first clips are of a and predicted as b."""
    actual = np.repeat(["a", "b"], 8)
    wrong = np.arange(16) < n_wrong
    proba_a = np.where((actual == "a") & ~wrong, 0.9, 0.2)
    table = pd.DataFrame({"clip_id": clip_ids or [f"{number:02d}" for number in range(16)], "actual": actual})
    table = table.assign(group=[f"g{number // 2}" for number in range(16)], fold=np.arange(16) % 4)
    return table.assign(predicted=np.where(wrong, "b", actual), proba__a=proba_a, proba__b=1 - proba_a)


def make_cell(name: CellName, predictions: pd.DataFrame, **changes: object) -> TestedCell:
    return TestedCell(Cell(make_plan(name=name, **changes), "f00", [MODEL], {}), predictions)


def make_clips() -> pd.DataFrame:
    clips = pd.DataFrame(
        {"clip_id": [f"{number:02d}" for number in range(17)], "status": "ok", "fault": "", "reason": ""}
    )
    clips.loc[16, ["status", "fault", "reason"]] = ["excluded", "silent", "no sound"]
    return clips


def make_summary() -> pd.DataFrame:
    cells = [("stratified_kfold", "svm", 0.9), ("grouped_kfold", "svm", 0.6), ("grouped_kfold", "knn", 0.4)]
    table = pd.DataFrame(cells, columns=["split", "classifier", "accuracy"])
    return table.assign(dataset="d", features="mfcc")


def test_a_cell_counts_its_training_clips_with_validation() -> None:
    folds = [FoldSizes(train=10, valid=2, test=4), FoldSizes(train=11, valid=0, test=5)]
    hits = make_cell(GROUPED, make_predictions(4), folds=folds).hits
    assert hits.accuracy == 0.75
    assert hits.n_train == [12, 11]


def test_an_evaluation_has_every_cell_in_every_table() -> None:
    cells = {
        RANDOM: make_cell(RANDOM, make_predictions(1)),
        GROUPED: make_cell(GROUPED, make_predictions(4), excluded={"00": "its group is alone"}, texts=TEXTS),
    }
    evaluation = grid.evaluate("d", cells, make_clips(), 0)
    summary = evaluation.summary
    assert [CellName.read_row(row) for row in summary.to_dict("records")] == [RANDOM, GROUPED]
    assert (summary["dataset"] == "d").all()
    assert summary["accuracy"].tolist() == [15 / 16, 12 / 16]
    for name, tested in cells.items():
        scores, read = metrics.score(tested.predictions, 0), grid.read_scores(summary, evaluation.per_genre, name)
        assert read.cell == scores.cell
        pd.testing.assert_frame_equal(read.genres, scores.genres)
    with pytest.raises(
        UserError, match=r"summary\.csv: a row of grouped_kfold-mfcc-knn expected, none found; run `dvc"
    ):
        grid.read_scores(summary.iloc[:1], evaluation.per_genre, GROUPED)
    assert summary["indistinguishable"].all()
    assert summary["pretrained_on"].tolist() == ["", ""]
    assert evaluation.per_genre[["split", "genre"]].to_numpy().tolist() == [
        ["stratified_kfold", "a"], ["stratified_kfold", "b"], ["grouped_kfold", "a"], ["grouped_kfold", "b"],
    ]  # fmt: skip
    assert evaluation.comparisons["split"].tolist() == ["stratified_kfold", "grouped_kfold"]
    assert evaluation.leak[["split", "leak"]].to_numpy().tolist() == [["stratified_kfold", 3 / 16]]
    assert evaluation.suspects["clip_id"].tolist() == ["00"]  # of the random split alone
    assert evaluation.excluded[["clip_id", "split"]].to_numpy().tolist() == [["16", "*"], ["00", "grouped_kfold"]]
    assert grid.find_texts(cells.values()) == TEXTS


def test_without_a_random_split_every_cell_of_whole_clips_names_suspects() -> None:
    evaluation = grid.evaluate("d", {GROUPED: make_cell(GROUPED, make_predictions(2))}, make_clips(), 0)
    assert evaluation.suspects["clip_id"].tolist() == ["00", "01"]
    assert evaluation.leak.empty


def test_pieces_of_clips_name_no_suspects() -> None:
    name = CellName("segment_kfold", "mfcc", "knn")
    pieces = [f"{number // 2:02d}#{number % 2}" for number in range(16)]
    evaluation = grid.evaluate("d", {name: make_cell(name, make_predictions(2, pieces))}, make_clips(), 0)
    assert evaluation.suspects.empty
    assert "suspected_genre" in evaluation.suspects


def test_cells_are_compared_within_their_split_and_leak_across() -> None:
    cells = {
        CellName("grouped_kfold", "f-1", "a"): make_hits(1, 1, 0, 0),
        CellName("grouped_kfold", "f-1", "b"): make_hits(1, 0, 0, 0),
        CellName("stratified_kfold", "f-1", "a"): make_hits(1, 1, 1, 0),
        CellName("stratified_kfold", "f-1", "b"): make_hits(1, 1, 1, 1),
    }
    comparisons = grid.compare_cells(cells, 0)
    assert comparisons["best_classifier"].tolist() == ["a", "a", "b", "b"]
    assert (comparisons["features"] == "f-1").all()
    leaks = grid.measure_leaks(cells, 0)
    assert leaks["leak"].tolist() == [0.25, 0.75]
    assert (leaks["honest_split"] == "grouped_kfold").all()
    assert grid.measure_leaks({name: hits for name, hits in cells.items() if name.split == "grouped_kfold"}, 0).empty
    assert grid.estimate_best(cells, 0) == pytest.approx(0.5, abs=0.2)


def test_excluded_clips_are_listed_with_the_reason() -> None:
    clips = pd.DataFrame(
        [("b", "ok", "", ""), ("a", "excluded", "silent", "why")], columns=["clip_id", "status", "fault", "reason"]
    )
    table = grid.list_excluded(clips, {"g": {"b": "because"}})
    assert table.to_numpy().tolist() == [["a", "*", "silent", "why"], ["b", "g", "not_in_split", "because"]]


def test_the_best_cell_is_the_most_accurate_of_the_most_honest_split() -> None:
    assert grid.select_best(make_summary())[["split", "classifier"]].tolist() == ["grouped_kfold", "svm"]
    filtered = make_summary().assign(split="fault_filtered", accuracy=[0.1, 0.3, 0.2])
    assert grid.select_best(pd.concat([make_summary(), filtered], ignore_index=True))["accuracy"] == 0.3


def test_the_best_honest_cell_is_described_with_its_leak_and_studied_unless_another_is_named(tmp_path: Path) -> None:
    cells = {
        RANDOM: make_cell(RANDOM, make_predictions(1)),
        GROUPED: make_cell(GROUPED, make_predictions(4), excluded={"00": "its group is alone"}),
    }
    evaluation = grid.evaluate("d", cells, make_clips(), 0)
    best = grid.describe_best(evaluation)
    assert (best["cell"], best["accuracy"], best["leak"]) == (str(GROUPED), 0.75, 0.1875)
    assert best["accuracy_low"] < 0.75 < best["accuracy_high"]
    assert (best["n_clips"], best["n_groups"]) == (16, 8)
    for name, text in ((GROUPED, None), (RANDOM, str(RANDOM))):
        (tmp_path / str(name)).mkdir()
        (tmp_path / str(name) / "predictions.csv").write_text("hello")
        chosen = (str(name), "f00", "5d41402abc4b2a76b9719d911017c592")
        assert grid.choose_cells(evaluation, cells, tmp_path, text, [str(RANDOM)]) == (
            grid.StudyChoice(*chosen),
            grid.StressChoice(*chosen, {str(RANDOM): "f00"}),
        )
    with pytest.raises(
        UserError, match=r"study.cell: a cell of the grid expected \(stratified.*, 'x' found; choose one"
    ):
        grid.choose_cells(evaluation, cells, tmp_path, "x", [])
    with pytest.raises(UserError, match=r"stress.cells: a cell of the grid expected \(stratified.*, 'y' found"):
        grid.choose_cells(evaluation, cells, tmp_path, None, ["y"])


def test_genres_of_the_best_cell_are_selected_under_every_split() -> None:
    per_genre = make_summary().assign(genre="a", f1=[0.1, 0.2, 0.3])
    rows, title = grid.select_genres_of_best(make_summary(), per_genre)
    assert rows["f1"].tolist() == [0.1, 0.2]
    assert title == "d: F1 by genre, mfcc with svm"
