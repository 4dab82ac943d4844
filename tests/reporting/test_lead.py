import pandas as pd
import pytest

from regenre.reporting.lead import Lead, phrase_lead


def phrase(split: str, accuracy: float, low: float, high: float, claimed: float | None = None) -> Lead:
    cell = {"split": split, "features": "mfcc", "classifier": "lda", "accuracy": accuracy}
    summary = pd.DataFrame([{**cell, "accuracy_low": low, "accuracy_high": high, "n_clips": 60, "n_groups": 20}])
    leak = pd.DataFrame(
        [{**cell, "split": "stratified_kfold", "claimed": claimed}] if claimed else [], columns=[*cell, "claimed"]
    )
    return phrase_lead(summary, leak, 10)


def test_anyone_learns_how_many_of_ten_and_what_the_usual_way_would_have_claimed() -> None:
    lead = phrase("grouped_kfold", 0.65, 0.48, 0.86, 0.83)
    assert lead.headline == "about six of ten clips get the right genre"
    assert lead.answer == (
        "Of ten clips by artists, or from recordings, that it has never met, the classifier <code>lda</code> with the"
        " features <code>mfcc</code> names the genre of about six; a guess is right once in 10 times. The usual way of"
        " testing, which deals clips at random, would have claimed about eight."
    )
    assert lead.certainty.startswith(
        "How sure is that? Not very sure, for the clips are few: between five and nine of ten. In numbers: accuracy"
        " 0.650 (0.480 to 0.860)"
    )
    assert lead.keeps_groups


def test_a_random_split_promises_nothing_about_artists() -> None:
    lead = phrase("stratified_kfold", 0.71, 0.69, 0.73)
    assert not lead.keeps_groups
    assert "artists" not in lead.answer
    assert "usual" not in lead.answer
    assert "Very sure: about seven of ten either way." in lead.certainty


@pytest.mark.parametrize(
    ("accuracy", "count"),
    [(0, "none"), (0.01, "almost none"), (0.1, "about one"), (0.97, "almost all"), (1, "all ten")],
)
def test_the_ends_are_said_only_where_they_are_reached(accuracy: float, count: str) -> None:
    assert phrase("grouped_kfold", accuracy, 0, 1).headline == f"{count} of ten clips get the right genre"
