import numpy as np
import pandas as pd

from regenre import metrics
from regenre.card import card


def made(split: str = "grouped_kfold", n_groups: int = 8, **more: object) -> str:
    actual = np.repeat(["a", "b"], 8)
    predicted = np.where(np.arange(16) % 8 == 0, "b", actual)
    right = (predicted == "a") * 0.8 + 0.1
    table = pd.DataFrame(
        {
            "clip_id": [f"{number}" for number in range(16)],
            "group": [f"{number % n_groups}" for number in range(16)],
            "fold": np.arange(16) % 4,
            "actual": actual,
            "predicted": predicted,
            "proba__a": right,
            "proba__b": 1 - right,
        }
    )
    content = {
        "cell": f"{split}-mfcc-knn",
        "inputs": "f00",
        "names": {"dataset": "d", "split": split, "features": "mfcc", "classifier": "knn"},
        "config": {"families": {"mfcc": {}}, "audio": {"sr": 22_050}, "seed": 1},
        "search": [{"chosen": {}}, {"chosen": {"n_neighbors": 5}}],
        "md5": {"index": "abc"},
        "excluded": {"c": "reason"},
        "fitted_on": {"a": 8, "b": 8, "c": 1},
        "duration_s": 30.0,
        **more,
    }
    return card(content, table, metrics.score(table, 0), 0)


def test_a_card_says_what_was_learnt_how_well_and_what_not() -> None:
    said = made()
    assert "Tells 3 genres of a clip of about 30 s: a, b, c." in said
    assert "accuracy 0.938 (0." in said
    assert "on 16 clips of 8 groups in 4 folds" in said
    assert "n_neighbors = 5" in said
    assert "abc" in said
    assert "f00" in said
    assert "Never tested, since all their clips are of one group: c." in said
    assert "Intervals from 8 groups are too narrow." in said
    assert "too high" not in said


def test_a_card_warns_of_a_split_that_leaks_of_unknown_groups_and_of_texts_that_tell() -> None:
    assert "**This split lets an artist or a recording be on both sides" in made("stratified_kfold")
    assert "No groups are known" in made(n_groups=16)
    told = made(texts={"clips": 16, "without": 3, "naming_their_genre": 9}, duration_s=float("nan"))
    assert "3 of 16 clips have none" in told
    assert "9 of its texts give the genre's name away" in told
    assert "Tells 3 genres: a, b, c." in told
