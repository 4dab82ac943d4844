import numpy as np
from conftest import clicks, frames_of, sine

from regenre.gallery import gallery


def test_ten_panels_with_their_units() -> None:
    figure = gallery(frames_of(clicks(120, 10.0) + sine(440, 10.0)), "clip")
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert len(panels) == 10
    labels = [axes.get_ylabel() for axes in panels.values()]
    assert [sum(unit in label for label in labels) for unit in ("in Hz", "in bpm", "in ms")] == [4, 1, 1]
    tempo = next(title for title in panels if title.startswith("Tempogram"))
    assert abs(float(tempo.split()[1]) - 120) < 2
    assert panels["Spectrogram"].get_xlim() == (0, 10)
    assert np.isfinite(panels["MFCC, without the 0th"].collections[0].get_array()).all()
