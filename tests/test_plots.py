from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from regenre import plots


def cells() -> pd.DataFrame:
    rows = [(s, f, c) for s in ("random", "grouped") for f in ("mfcc", "both") for c in ("svm", "knn")]
    table = pd.DataFrame(rows, columns=["split", "features", "classifier"])
    return table.assign(dataset="d", n_clips=20, accuracy=np.linspace(0, 1, 8), accuracy_low=0.0, accuracy_high=1.0)


def per_genre() -> pd.DataFrame:
    return pd.DataFrame({"split": ["random"] * 2 + ["grouped"] * 2, "genre": list("abab"), "f1": [0.5, 1, 0, np.nan]})


def curve() -> pd.DataFrame:
    return pd.DataFrame({"n_train": [10, 20, 40], "accuracy": [0.2, 0.4, 0.5], "measured": [True, True, False]}).assign(
        accuracy_low=0.1, accuracy_high=0.7
    )


def losses() -> pd.DataFrame:
    return pd.DataFrame({"of": ["mfcc", "gfcc"], "loss": [0.2, -0.01], "loss_low": [0.1, -0.05], "loss_high": 0.3})


FIGURES = {
    "leak": lambda: plots.leak(cells()),
    "learning_curve": lambda: plots.learning_curve(curve(), "title"),
    "bars": lambda: plots.bars(losses(), "title"),
    "timeline": lambda: plots.timeline(np.arange(4.0), np.full((4, 8), 0.125), list("abcdefgh"), "title"),
    "sound": lambda: plots.sound(np.sin(np.arange(30_000)), 22_050),
    "confusion": lambda: plots.confusion(np.array([[3, 1], [0, 0]]), ["a", "b"], "title"),
    "heat_map": lambda: plots.heat_map(cells()),
    "per_genre_f1": lambda: plots.per_genre_f1(per_genre(), "title"),
}


def texts(figure: Figure) -> set[str]:
    return {text.get_text() for axes in figure.axes for text in axes.texts}


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_figure_is_the_same_bytes(tmp_path: Path, name: str) -> None:
    for file in ("1.png", "2.png"):
        plots.save(tmp_path / file, FIGURES[name]())
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


def test_numbers_stand_in_the_cells() -> None:
    assert {"3", "1"} <= texts(FIGURES["confusion"]())
    assert "1.00\n0.00 to 1.00" in texts(FIGURES["heat_map"]())
    assert {"0.50", "1.00", "0.00"} <= texts(FIGURES["per_genre_f1"]())


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_in_a_page_takes_the_pages_colour(name: str) -> None:
    text = plots.svg(name, FIGURES[name])
    assert text == plots.svg(name, FIGURES[name])
    assert text.startswith('<svg aria-hidden="true"')
    assert "currentColor" in text
    assert '<g id="' not in text
    assert plots.INK not in text
