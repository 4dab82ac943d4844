import numpy as np
import pandas as pd
import pytest

from regenre.evaluation.suspects import SUSPECTS, find_suspects

GENRES = np.array(list("abc"))
N_CLIPS, N_WRONG = 90, 3


@pytest.fixture
def true_genre() -> np.ndarray:
    """Index of the true genre of each clip."""
    return np.random.default_rng(0).integers(3, size=N_CLIPS)


@pytest.fixture
def cells(true_genre: np.ndarray) -> list[pd.DataFrame]:
    """Predictions of three cells that favour the true genre; the first three clips have wrong labels."""
    rng = np.random.default_rng(1)
    label = true_genre.copy()
    label[:N_WRONG] = (true_genre[:N_WRONG] + 1) % 3
    clip_ids = [f"{number:02d}" for number in range(N_CLIPS)]
    cells = []
    for _ in range(3):
        proba = rng.dirichlet(np.ones(3), N_CLIPS) * 0.4
        proba[np.arange(N_CLIPS), true_genre] += 0.6
        columns = {f"proba__{genre}": proba[:, column] for column, genre in enumerate(GENRES)}
        cells.append(pd.DataFrame({"clip_id": clip_ids, "actual": GENRES[label]} | columns))
    return cells


def test_clips_with_a_wrong_label_are_found_with_their_true_genre(
    cells: list[pd.DataFrame], true_genre: np.ndarray
) -> None:
    suspects = find_suspects(cells)
    assert list(suspects.columns) == SUSPECTS
    assert set(suspects["clip_id"]) == {"00", "01", "02"}
    assert list(suspects["suspected_genre"]) == [GENRES[true_genre[int(clip_id)]] for clip_id in suspects["clip_id"]]


def test_the_largest_margin_comes_first(cells: list[pd.DataFrame]) -> None:
    suspects = find_suspects(cells)
    margin = suspects["proba_suspected"] - suspects["proba_genre"]
    assert len(margin) == N_WRONG
    assert (margin.diff().dropna() <= 0).all()
    assert (margin > 0).all()


def test_probabilities_are_the_mean_over_the_cells(cells: list[pd.DataFrame]) -> None:
    for row in find_suspects(cells).itertuples():
        proba = [cell.set_index("clip_id").loc[row.clip_id, f"proba__{row.suspected_genre}"] for cell in cells]
        assert row.proba_suspected == pytest.approx(np.mean(proba))


def test_confidence_compares_with_the_mean_of_the_suspected_genre() -> None:
    cell = pd.DataFrame(
        {
            "clip_id": list("pqrst"),
            "actual": ["a", "a", "b", "b", "b"],
            "proba__a": [0.1, 0.4, 0.2, 0.4, 0.9],  # own probability of genre a: 0.25 on average
            "proba__b": [0.9, 0.6, 0.8, 0.6, 0.1],  # own probability of genre b: 0.5 on average
        }
    )
    suspects = find_suspects([cell]).set_index("clip_id")
    assert suspects["confident"].to_dict() == {"p": True, "q": True, "t": True}
    cell["proba__b"] = [0.54, 0.9, 0.99, 0.95, 0.1]  # 0.68 on average
    cell["proba__a"] = 1 - cell["proba__b"]
    suspects = find_suspects([cell]).set_index("clip_id")
    assert suspects["confident"].to_dict() == {"q": True, "t": True, "p": False}


def test_labels_that_the_models_agree_with_yield_an_empty_table(cells: list[pd.DataFrame]) -> None:
    agreeing = [cell.iloc[N_WRONG:] for cell in cells]
    suspects = find_suspects(agreeing)
    assert suspects.empty
    assert list(suspects.columns) == SUSPECTS
