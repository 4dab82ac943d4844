from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from helpers import make_plan, make_stress

from regenre.common.paths import CellName
from regenre.common.tables import CopiesRecord, FamilyRecord
from regenre.evaluation import metrics
from regenre.evaluation.grid import TestedCell
from regenre.learning.cells import Cell, Search, TextCounts
from regenre.reporting.model_card import render_card


def make_predictions(n_groups: int) -> pd.DataFrame:
    """Return predictions of 8 clips of a, one of them wrong, and 8 of b."""
    number, actual = np.arange(16), np.repeat(["a", "b"], 8)
    predicted = np.where(number % 8 == 0, "b", actual)
    proba_a = (predicted == "a") * 0.8 + 0.1
    table = pd.DataFrame({"clip_id": number.astype(str), "group": (number % n_groups).astype(str), "fold": number % 4})
    return table.assign(actual=actual, predicted=predicted, proba__a=proba_a, proba__b=1 - proba_a)


def render(split: str = "grouped_kfold", n_groups: int = 8, n_stressed: int = 0, **changes: Any) -> str:
    fitted_on, name = {"a": 8, "b": 8, "c": 1}, CellName(split, "mfcc", "knn")
    plan = make_plan(name=name, fitted_on=fitted_on, excluded={"c": "reason"}, **changes)
    searches = [Search(0, {}, None, [], []), Search(None, {"n_neighbors": 5}, 0.5, [], [])]
    predictions = make_predictions(n_groups)
    tested, stress = TestedCell(Cell(plan, "f00", searches, {}), predictions), make_stress(name).iloc[:n_stressed]
    return render_card(tested, metrics.score(predictions, 0), stress)


def list_origin(card: str) -> dict[str, str]:
    """Return the table of what the model was trained on."""
    lines = card.partition("## Trained on")[2].partition("## Limits")[0].split("\n")
    rows = [[field.strip() for field in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return dict(rows[2:])


def test_a_card_names_the_level_and_the_copies() -> None:
    features = make_plan().features
    assert list_origin(render())["audio"] == "mono, 22050 Hz"
    assert "changed copies" not in list_origin(render())
    audio = replace(features.audio, loudness="bs1770", floor_db=30.0)
    copies = CopiesRecord(2, {"tilt_6": {}, "white_20": {}})
    origin = list_origin(render(features=replace(features, audio=audio, augment=copies)))
    assert origin["audio"] == "mono, 22050 Hz, -20 LUFS, white noise 30 dB below"
    assert origin["changed copies"] == "2 of each training clip, each by one of: tilt_6, white_20"


def test_a_card_describes_the_model_its_scores_and_its_limits() -> None:
    card = render()
    assert card.startswith("# grouped_kfold-mfcc-knn, of d\n")
    assert "Tells 3 genres of a clip of about 30 s: a, b, c." in card
    assert "accuracy 0.938 (0." in card
    assert "on 16 clips of 8 groups in 4 folds" in card
    assert "all of their clips are of one group: c." in card
    assert "Intervals from only 8 groups are too narrow." in card
    assert "too high" not in card


def test_a_card_names_what_the_networks_of_its_features_were_trained_on() -> None:
    families = {"net": FamilyRecord({}, "abc", True, pretrained_on="songs"), "own": FamilyRecord({}, "d", True)}
    features = replace(make_plan().features, families=families)
    card = render(features=features)
    assert list_origin(card)["pre-trained on"] == "net: songs"
    assert "(net: songs). Artists that the folds keep apart may have met there" in card
    features = replace(features, families={"net": replace(families["net"], pretrained_on="")})
    assert list_origin(render(features=features))["pre-trained on"] == "net: data that nobody has stated"
    assert "pre-trained" not in render()


def test_a_card_lists_what_the_model_was_trained_on() -> None:
    assert list_origin(render()) == {
        "dataset": "d, 17 clips",
        "left out": "1 clips by the split; faulty clips are in reports/excluded.csv",
        "features": "mfcc: mfcc",
        "classifier": "knn",
        "chosen on the training clips": "n_neighbors = 5",
        "audio": "mono, 22050 Hz",
        "seed": "1",
        "MD5 of index": "def",
        "MD5 of mfcc": "abc",
        "MD5 of all inputs of the model": "f00",
    }


def test_a_card_warns_of_a_split_that_leaks() -> None:
    assert "**This split lets an artist or a recording be on both sides" in render("stratified_kfold")


def test_a_card_warns_of_unknown_groups() -> None:
    assert "No groups are known" in render(n_groups=16)


def test_a_card_warns_of_texts_that_name_their_genre() -> None:
    card = render(texts=TextCounts(clips=16, without=3, naming_their_genre=9))
    assert list_origin(card)["texts"] == "3 of 16 clips have none"
    assert "9 of its texts contain the name of their genre" in card
    assert "name of their genre" not in render(texts=TextCounts(clips=16, without=3, naming_their_genre=0))


def test_a_card_of_a_table_without_audio_has_no_duration() -> None:
    assert "Tells 3 genres: a, b, c." in render(duration_s=None)


def test_a_card_states_the_limits_that_were_measured() -> None:
    limits = render(n_stressed=5).partition("## Limits")[2]
    assert "\n- Turn the treble up by 6 dB, and one answer in five changes. `grouped_kfold-mfcc-knn` is right" in limits
    assert "treble" not in render()
