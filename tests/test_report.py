import pandas as pd
import pytest

from regenre import metrics, report
from regenre.comparison import Hits


def summary(**changes: object) -> pd.DataFrame:
    row = {"dataset": "d", "features": "mfcc", "n_clips": 200, "n_groups": 50, "indistinguishable": True}
    row |= {f"{score}{end}": 0.5 for score in metrics.SCORES for end in ("", "_low", "_high")}
    cells = [("stratified_kfold", "svm", 0.9), ("grouped_kfold", "svm", 0.6), ("grouped_kfold", "knn", 0.4)]
    return pd.DataFrame([{**row, "split": s, "classifier": c, "accuracy": a} for s, c, a in cells]).assign(**changes)


NOBODY = pd.DataFrame(columns=["clip_id", "split", "fault", "reason"])
LEAK = pd.DataFrame(
    [("stratified_kfold", "mfcc", "svm", "grouped_kfold", 200, 0.6, 0.9, 0.3, 0.2, 0.4)],
    columns=[*report.PARTS, "honest_split", "n_clips", "honest", "claimed", "leak", "leak_low", "leak_high"],
)


def text(cells: pd.DataFrame, excluded: pd.DataFrame = NOBODY, leak: pd.DataFrame = LEAK) -> str:
    return report.markdown(cells, leak, 0.58, excluded)


def test_the_answer_is_the_honest_one_with_the_leak_beside_it() -> None:
    said = text(summary())
    assert "Highest under `grouped_kfold`: `mfcc` with `svm`, accuracy 0.600" in said
    assert "1 of the other 1 cells cannot be told from it" in said
    assert "is to be expected at 0.580 on new groups" in said
    assert "`stratified_kfold` claims 0.900; the difference, +0.300 (+0.200 to +0.400), is leak" in said
    assert "No clip was left out." in said


def test_the_most_honest_split_of_the_grid_is_chosen() -> None:
    more = pd.concat([summary(), summary(split="fault_filtered", accuracy=[0.1, 0.3, 0.2])], ignore_index=True)
    assert report.best(more)["accuracy"] == 0.3


def test_what_is_not_known_is_said() -> None:
    assert "No groups are known" in text(summary(n_groups=200))
    assert "Intervals from 12 groups are too narrow" in text(summary(n_groups=12))
    assert "is leak" not in text(summary(), leak=LEAK.iloc[:0])
    assert "a single one moves the accuracy by 0.062" in text(summary(n_clips=16, n_groups=16))
    assert "a single one" not in text(summary())


def hits(*values: float) -> Hits:
    table = pd.DataFrame({"clip_id": list("abcd"), "group": list("wxyz"), "fold": 0, "hit": values})
    return Hits(table, [10])


def test_cells_are_compared_within_their_split_and_leak_across() -> None:
    cells = {
        ("grouped_kfold", "f-1", "a"): hits(1, 1, 0, 0),
        ("grouped_kfold", "f-1", "b"): hits(1, 0, 0, 0),
        ("stratified_kfold", "f-1", "a"): hits(1, 1, 1, 0),
        ("stratified_kfold", "f-1", "b"): hits(1, 1, 1, 1),
    }
    compared = report.comparisons(cells, 0)
    assert compared["best_classifier"].tolist() == ["a", "a", "b", "b"]
    assert (compared["features"] == "f-1").all()
    leaks = report.leaks(cells, 0)
    assert leaks["leak"].tolist() == [0.25, 0.75]
    assert report.leaks({key: hit for key, hit in cells.items() if key[0] == "grouped_kfold"}, 0).empty
    assert report.after_choosing(cells, 0) == pytest.approx(0.5, abs=0.2)


def test_who_is_left_out_is_listed_with_the_reason() -> None:
    clips = pd.DataFrame(
        [("b", "ok", "", ""), ("a", "excluded", "silent", "why")], columns=["clip_id", "status", "fault", "reason"]
    )
    listed = report.excluded(clips, {"g": {"b": "because"}})
    assert listed.to_numpy().tolist() == [["a", "*", "silent", "why"], ["b", "g", "not_in_split", "because"]]


def test_who_is_left_out_is_counted() -> None:
    left_out = pd.DataFrame([("a", "*", "silent", "x"), ("b", "*", "silent", "x"), ("c", "g", "not_in_split", "x")])
    left_out.columns = NOBODY.columns
    assert "Left out: 2 silent (every split), 1 not_in_split (g)." in text(summary(), left_out)
