import numpy as np
import pytest
from helpers import build_family, clicks, frames_of, sine
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regenre.reporting import gallery, plots

pytestmark = pytest.mark.slow


def list_panels(figure: Figure) -> dict[str, Axes]:
    return {axes.get_title(): axes for axes in figure.axes if axes.get_title()}


def test_ten_panels_have_their_units() -> None:
    families = {name: build_family(name) for name in gallery.FAMILIES}
    frames = frames_of(clicks(120, 10.0) + sine(440, 10.0))
    figure = gallery.draw_gallery(frames, "clip", families, gallery.FAMILIES[-2:])
    panels = list_panels(figure)
    assert len(panels) == 10
    labels = [axes.get_ylabel() for axes in panels.values()]
    assert [sum(unit in label for label in labels) for unit in ("in Hz", "in bpm", "in ms")] == [4, 1, 1]
    tempo = next(title for title in panels if title.startswith("Tempogram"))
    assert abs(float(tempo.split()[1]) - 120) < 2
    assert panels["Spectrogram"].get_xlim() == (0, 10)
    assert np.isfinite(panels["MFCC, without the 0th"].collections[0].get_array()).all()


@pytest.mark.parametrize(("n", "sr"), [(1, 22_050), (100, 8_000), (2000, 96_000), (9000, 8_000)])
def test_a_clip_of_any_length_at_any_rate_has_its_panels(n: int, sr: int) -> None:
    families = {name: build_family(name) for name in (*gallery.FAMILIES, "spectral_shape")}
    figure = gallery.draw_gallery(frames_of(sine(440, n / sr, sr) + 0.1, sr), "clip", families, ["spectral_shape"])
    plots.render_png(figure)
    assert len(list_panels(figure)) == 9


def test_every_kind_of_family_has_its_panel() -> None:
    """Families of coefficients, of rows of several units, of few values per clip, and of many."""
    names = ["lpcc", "spectral_shape", "rhythm", "fluctuation"]
    families = {name: build_family(name) for name in {*gallery.FAMILIES, *names}}
    figure = gallery.draw_gallery(frames_of(clicks(120, 6.0) + sine(440, 6.0)), "clip", families, names)
    panels = list_panels(figure)
    assert {"LPCC", "Spectral shape", "Rhythm"} <= set(panels)
    assert panels["LPCC"].get_ylabel() == "coefficient"
    assert [label.get_text() for label in panels["Spectral shape"].get_yticklabels()] == [
        name.replace("_", " ") for name in families["spectral_shape"].names
    ]
    assert len(panels["Rhythm"].patches) == len(families["rhythm"].names)
    n_values = len(families["fluctuation"].names)
    (line,) = panels[f"Fluctuation: {n_values} values of the clip"].lines
    assert len(line.get_ydata()) == n_values
