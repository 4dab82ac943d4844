import pandas as pd
import pytest
from helpers import make_stress

from regenre.common.paths import CellName
from regenre.evaluation import metrics
from regenre.learning.cells import TextCounts
from regenre.reporting import summary

NO_CLIPS = pd.DataFrame(columns=["clip_id", "split", "fault", "reason"])
LEAK = pd.DataFrame(
    [("stratified_kfold", "mfcc", "svm", "grouped_kfold", 200, 0.6, 0.9, 0.3, 0.2, 0.4)],
    columns=[*CellName.COLUMNS, "honest_split", "n_clips", "honest", "claimed", "leak", "leak_low", "leak_high"],
)


def make_cells(**changes: object) -> pd.DataFrame:
    row = {"dataset": "d", "features": "mfcc", "n_clips": 200, "n_groups": 50, "indistinguishable": True}
    row["pretrained_on"] = ""
    row |= {f"{score}{end}": 0.5 for score in metrics.SCORES for end in ("", "_low", "_high")}
    cells = [("stratified_kfold", "svm", 0.9), ("grouped_kfold", "svm", 0.6), ("grouped_kfold", "knn", 0.4)]
    return pd.DataFrame([{**row, "split": s, "classifier": c, "accuracy": a} for s, c, a in cells]).assign(**changes)


CELL = CellName("grouped_kfold", "mfcc", "svm")
NO_STRESS = make_stress(CELL).iloc[:0]


def render(
    cells: pd.DataFrame,
    excluded: pd.DataFrame = NO_CLIPS,
    leak: pd.DataFrame = LEAK,
    texts: TextCounts | None = None,
    stress: pd.DataFrame = NO_STRESS,
) -> str:
    return summary.render_summary(cells, leak, stress, excluded, 0.58, texts)


def test_the_answer_is_the_honest_one_with_the_leak_beside_it() -> None:
    text = render(make_cells())
    assert text.startswith("# d: 3 cells\n")
    assert "Best cell under `grouped_kfold`: `mfcc` with `svm`, accuracy 0.600 (0.500 to 0.500) on 200 clips" in text
    assert "1 of the other 1 cells" in text
    assert "0.580 on new groups" in text
    assert "`stratified_kfold` claims 0.900; the difference, +0.300 (+0.200 to +0.400), is leak" in text
    assert "No clip was left out." in text
    assert "Texts:" not in text


def test_the_leak_is_that_of_the_best_cell() -> None:
    others = LEAK.assign(classifier="knn")
    assert "is leak" not in render(make_cells(), leak=others)
    assert "is leak" not in render(make_cells(), leak=LEAK.iloc[:0])


def test_the_table_has_one_row_per_cell() -> None:
    lines = [line for line in render(make_cells(indistinguishable=[True, True, False])).splitlines() if "|" in line]
    rows = [[field.strip() for field in line.strip("|").split("|")] for line in lines]
    names = [[*row[:3], row[-1]] for row in rows[2:]]
    assert names == [
        ["stratified_kfold", "mfcc", "svm", "yes"],
        ["grouped_kfold", "mfcc", "svm", "yes"],
        ["grouped_kfold", "mfcc", "knn", "no"],
    ]


def test_cells_with_networks_are_marked_and_their_data_is_named_once() -> None:
    text = render(make_cells(pretrained_on=["net: songs", "", "net: songs"]))
    rows = [line.strip("| ").split() for line in text.splitlines() if line.startswith("| ")]
    assert [row[-1] for row in rows] == ["pre-trained", "yes", "no", "yes"]
    assert "`mfcc` with `svm`" in text
    assert (
        "have features of networks that were trained elsewhere (net: songs). Artists that the folds keep apart" in text
    )
    assert "`mfcc` (pre-trained) with `svm`" in render(make_cells(pretrained_on="net: songs"))
    assert "pre-trained" not in render(make_cells())


def test_few_or_unknown_groups_and_few_clips_are_doubts() -> None:
    assert "No groups are known" in render(make_cells(n_groups=200))
    assert "Intervals from only 12 groups are too narrow" in render(make_cells(n_groups=12))
    assert "a single one changes the accuracy by 0.062" in render(make_cells(n_clips=16, n_groups=16))
    text = render(make_cells())
    for doubt in ("No groups are known", "too narrow", "a single one"):
        assert doubt not in text


def test_excluded_clips_are_counted_by_fault_and_split() -> None:
    excluded = pd.DataFrame(
        [("a", "*", "silent", "x"), ("b", "*", "silent", "x"), ("c", "g", "not_in_split", "x")],
        columns=NO_CLIPS.columns,
    )
    assert "Left out: 2 silent (every split), 1 not_in_split (g)." in render(make_cells(), excluded)


def test_texts_are_counted_and_those_that_name_their_genre_are_a_warning() -> None:
    text = render(make_cells(), texts=TextCounts(clips=16, without=3, naming_their_genre=9))
    assert "Texts: 13 of 16 clips have one. 9 of these texts name their clip's genre" in text
    assert "conf/family/text.yaml" in text
    text = render(make_cells(), texts=TextCounts(clips=16, without=3, naming_their_genre=0))
    assert "Texts: 13 of 16 clips have one." in text
    assert "name their clip's genre" not in text


def test_what_changes_of_the_clips_do_is_a_sentence_of_each_cell() -> None:
    other = CellName("grouped_kfold", "mfcc", "knn")
    text = render(make_cells(), stress=make_stress(CELL, other))
    sentence = (
        "Turn the treble up by 6 dB, and one answer in five changes. `grouped_kfold-mfcc-svm` is right for 0.700 (0.600"
        " to 0.800) of 60 clips, and for 0.550 (0.450 to 0.650) under every one of 2 changes that leave the genre as it"
        " is."
    )
    assert sentence in text
    assert sentence.replace("svm", "knn") in text
    one = make_stress(CELL).assign(irrelevant=[True, False, True, False, True])
    assert "under the change that leaves the genre as it is." in render(make_cells(), stress=one)
    harsh = make_stress(CELL).assign(irrelevant=[True, False, False, False, True])
    assert (
        "Play it in a hall, and 60 % of the answers change. `grouped_kfold-mfcc-svm` is right for 0.700 (0.600 to"
        " 0.800) of 60 clips as they are; listeners may take the changed ones for another genre."
    ) in render(make_cells(), stress=harsh)
    assert "answer" not in render(make_cells())


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "no answer changes"),
        (0.05, "one answer in 20 changes"),
        (24 / 252, "one answer in 11 changes"),
        (0.095238, "one answer in 11 changes"),
        (0.21, "one answer in five changes"),
        (0.35, "one answer in three changes"),
        (0.5, "50 % of the answers change"),
        (1, "100 % of the answers change"),
    ],
)
def test_a_share_of_the_answers_is_put_into_words(share: float, text: str) -> None:
    assert summary._phrase_share(share) == text
