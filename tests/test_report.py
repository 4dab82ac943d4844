import pandas as pd

from regenre import report


def summary(**changes: object) -> pd.DataFrame:
    row = {"dataset": "d", "features": "mfcc", "n_clips": 200, "n_groups": 50, "balanced_accuracy": 0.5}
    row |= {f"{score}{end}": 0.5 for score in ("accuracy", "macro_f1") for end in ("", "_low", "_high")}
    cells = [("stratified_kfold", "svm", 0.9), ("grouped_kfold", "svm", 0.6), ("grouped_kfold", "knn", 0.4)]
    return pd.DataFrame([{**row, "split": s, "classifier": c, "accuracy": a} for s, c, a in cells]).assign(**changes)


NOBODY = pd.DataFrame(columns=["clip_id", "split", "fault", "reason"])


def test_the_answer_is_the_honest_one_with_the_leak_beside_it() -> None:
    text = report.markdown(summary(), NOBODY)
    assert "Highest under `grouped_kfold`: `mfcc` with `svm`, accuracy 0.600" in text
    assert "+0.300, is what knowing the group is worth: leak" in text
    assert "No clip was left out." in text


def test_the_most_honest_split_of_the_grid_is_chosen() -> None:
    more = pd.concat([summary(), summary(split="fault_filtered", accuracy=[0.1, 0.3, 0.2])], ignore_index=True)
    assert report.best(more)["accuracy"] == 0.3


def test_what_is_not_known_is_said() -> None:
    assert "No groups are known" in report.markdown(summary(n_groups=200), NOBODY)
    assert "Intervals from 12 groups are too narrow" in report.markdown(summary(n_groups=12), NOBODY)
    assert "leak" not in report.markdown(summary(n_clips=[200, 180, 180]), NOBODY)


def test_who_is_left_out_is_listed_with_the_reason() -> None:
    clips = pd.DataFrame(
        [("b", "ok", "", ""), ("a", "excluded", "silent", "why")], columns=["clip_id", "status", "fault", "reason"]
    )
    listed = report.excluded(clips, {"g": {"b": "because"}})
    assert listed.to_numpy().tolist() == [["a", "*", "silent", "why"], ["b", "g", "not_in_split", "because"]]


def test_who_is_left_out_is_counted() -> None:
    left_out = pd.DataFrame([("a", "*", "silent", "x"), ("b", "*", "silent", "x"), ("c", "g", "not_in_split", "x")])
    left_out.columns = NOBODY.columns
    assert "Left out: 2 silent (every split), 1 not_in_split (g)." in report.markdown(summary(), left_out)
