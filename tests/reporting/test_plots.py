import io
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import sine
from matplotlib.figure import Figure
from matplotlib.image import imread

from regenre.quality.preview import HEIGHT, WIDTH, make_preview
from regenre.reporting import plots


def make_summary() -> pd.DataFrame:
    rows = list(itertools.product(("random", "grouped"), ("mfcc", "both"), ("svm", "knn")))
    table = pd.DataFrame(rows, columns=["split", "features", "classifier"])
    return table.assign(dataset="d", n_clips=20, accuracy=np.linspace(0, 1, 8), accuracy_low=0.0, accuracy_high=1.0)


def make_genre_scores() -> pd.DataFrame:
    return pd.DataFrame({"split": ["random"] * 2 + ["grouped"] * 2, "genre": list("abab"), "f1": [0.5, 1, 0, np.nan]})


def make_curve() -> pd.DataFrame:
    return pd.DataFrame({"n_train": [10, 20, 40], "accuracy": [0.2, 0.4, 0.5], "measured": [True, True, False]}).assign(
        accuracy_low=0.1, accuracy_high=0.7
    )


FIGURES = {
    "leak": lambda: plots.draw_leak(make_summary()),
    "learning_curve": lambda: plots.draw_learning_curve(make_curve(), "title"),
    "timeline": lambda: plots.draw_timeline(np.arange(4.0), np.full((4, 8), 0.125), list("abcdefgh"), "title"),
    "taggram": lambda: plots.draw_taggram(np.arange(3.0), np.eye(3), ["_a", "$b", "c"], "title"),
    "heat_map": lambda: plots.draw_heat_map(make_summary()),
    "words": lambda: plots.draw_words("a sentence"),
    "per_genre_f1": lambda: plots.draw_genre_f1(make_genre_scores(), "title"),
}


def list_texts(figure: Figure) -> set[str]:
    return {text.get_text() for axes in figure.axes for text in axes.texts}


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_figure_yields_the_same_bytes(tmp_path: Path, name: str) -> None:
    for file in ("1.png", "2.png"):
        plots.save_figure(tmp_path / file, FIGURES[name]())
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


def test_cells_and_bars_show_their_numbers() -> None:
    assert "1.00\n0.00 to 1.00" in list_texts(FIGURES["heat_map"]())
    assert {"0.50", "1.00", "0.00"} <= list_texts(FIGURES["per_genre_f1"]())


def test_a_taggram_has_the_highest_mean_on_top_and_ends_where_the_last_patch_ends() -> None:
    figure = plots.draw_taggram(np.array([0.0, 3.0]), np.array([[0.0, 0.5, 1.0], [0.25, 0.25, 1.0]]), "abc", "title")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["c 1.00", "b 0.38", "a 0.12"]
    np.testing.assert_array_equal(axes.images[0].get_array(), [[1, 1], [0.5, 0.25], [0, 0.25]])
    assert tuple(axes.images[0].get_extent()) == (0, 6, 2.5, -0.5)


@pytest.mark.parametrize("name", FIGURES)
def test_an_svg_takes_the_colour_of_the_page(name: str) -> None:
    text = plots.render_svg(name, FIGURES[name])
    assert text == plots.render_svg(name, FIGURES[name])
    assert text.startswith('<svg aria-hidden="true"')
    assert "currentColor" in text
    assert '<g id="' not in text
    assert plots.INK not in text


def test_a_preview_shows_the_waveform_above_the_spectrogram() -> None:
    y = np.concatenate([np.zeros(22_050), sine(5000.0, 1.0, peak=1.0)])
    image = imread(io.BytesIO(plots.render_preview(make_preview(y, 22_050))))
    assert image.shape == (33 + HEIGHT, WIDTH, 4)
    wave, levels = image[:33, :, 3], image[33:, :, :3].sum(axis=2)
    assert wave[:, 10].sum() == 1  # silence is a line
    assert wave[:, -10].sum() == 33
    assert levels[:, -10].argmax() == pytest.approx(HEIGHT * (1 - 5000 / 11_025), abs=1)  # 0 Hz is at the bottom
    assert levels[:, 10].max() < 0.1


def test_a_character_that_no_font_has_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    figure = Figure()
    figure.suptitle("\U0010fffd \U0010fffc")  # of private use, so no font has them
    assert len(plots.render_png(figure)) > 1000
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("regenre: a box stands for each character that DejaVu Sans")
    figure.suptitle("Jazz")
    plots.render_png(figure)
    assert capsys.readouterr().err == ""
