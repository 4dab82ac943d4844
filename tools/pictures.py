"""Draw the pictures of the documentation: `python tools/pictures.py` writes those in docs/pictures/.

draw_splits  three ways to deal clips
draw_gtzan   the fault-filtered split of GTZAN
draw_family  speech, music and birdsong as a family sees them, or the log-mel input of a network
"""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from regenre.common.config import read_yaml
from regenre.datasets.gtzan import GENRES
from regenre.features.family import Family, is_per_clip
from regenre.features.frames import Frames
from regenre.learning.splits import FaultFiltered
from regenre.synthesis.music import SR, STYLES, draw_artist, render
from regenre.synthesis.voices import draw_bird, draw_speaker, render_birdsong, render_speech

ROOT = Path(__file__).parents[1]
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")  # Okabe and Ito 2008
TESTED = {  # which pieces are tested: artist, clip, piece -> bool
    "pieces are dealt\n(segment_kfold)": lambda artist, clip, piece: (artist + 2 * clip + piece) % 4 == 1,
    "clips are dealt\n(stratified_kfold)": lambda artist, clip, piece: clip == (artist + 1) % 3,
    "artists are dealt\n(grouped_kfold)": lambda artist, clip, piece: artist == 2,
}
PARTS = {"train": COLOURS[0], "valid": COLOURS[2], "test": "#a65500", "left out": "#767676"}
DURATION_S = 10.0  # the beat histogram needs 9
N_NAMED = 26  # largest number of rows whose names fit
matplotlib.rcParams |= {"svg.hashsalt": "regenre", "svg.fonttype": "path", "font.size": 11}


def draw_splits() -> Figure:
    """Draw clips as rows, pieces as cells, artists as colours; what is tested is hatched."""
    figure = Figure(figsize=(9, 3.9), layout="constrained")
    for axes, (title, is_tested) in zip(figure.subplots(1, 3), TESTED.items(), strict=True):
        for artist, clip, piece in np.ndindex(4, 3, 4):
            tested = is_tested(artist, clip, piece)
            axes.add_patch(
                Rectangle(
                    (piece, 3.4 * artist + clip),
                    0.9,
                    0.8,
                    facecolor="white" if tested else COLOURS[artist],
                    edgecolor=COLOURS[artist],
                    hatch="////" if tested else "",
                    linewidth=1.5,
                )
            )
        axes.set(title=title, xlim=(-0.1, 4), ylim=(13.2, -0.2))
        axes.set_axis_off()
    kinds = [Patch(facecolor="#777777", edgecolor="#777777"), Patch(fill=False, edgecolor="#777777", hatch="////")]
    figure.legend(kinds, ["training", "test"], loc="outside lower center", ncols=2, frameon=False)
    return figure


def draw_gtzan() -> Figure:
    """Draw how many clips of each genre are in each part of the fault-filtered split."""
    clips = pd.DataFrame([(f"{genre}.{number:05d}", genre) for genre in GENRES for number in range(100)])
    clips.columns = ["clip_id", "genre"]
    leaf = read_yaml(ROOT / "conf/split/fault_filtered.yaml")
    fold = FaultFiltered(**{part: leaf[part] for part in ("train", "valid", "test")}).deal(clips)[0]
    figure = Figure(figsize=(9, 3.9), layout="constrained")
    axes, left = figure.subplots(), np.zeros(len(GENRES))
    for part, colour in PARTS.items():
        rows = clips.iloc[getattr(fold, part)] if part != "left out" else clips
        sizes = rows["genre"].value_counts()[list(GENRES)].to_numpy() - (left if rows is clips else 0)
        bars = axes.barh(GENRES, sizes, left=left, color=colour, label=f"{part} ({sizes.sum():.0f})")
        axes.bar_label(bars, [f"{size:.0f}" if size else "" for size in sizes], label_type="center", color="white")
        left = left + sizes
    axes.invert_yaxis()
    axes.set(xlabel="clips", xlim=(0, 100))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return figure


def make_sounds() -> dict[str, np.ndarray]:
    """Make speech, music and birdsong, each float32, shape (n_samples,), at 22,050 Hz."""
    rng, style = np.random.default_rng(3), "four_on_the_floor"
    sounds = {
        "speech": render_speech(draw_speaker(rng), DURATION_S, rng),
        "music": render(STYLES[style], draw_artist(style, rng), DURATION_S, rng),
        "birdsong": render_birdsong(draw_bird(rng), DURATION_S, rng),
    }
    return {name: y.astype(np.float32) for name, y in sounds.items()}


def draw_family(family: Family, sounds: Mapping[str, np.ndarray]) -> Figure:
    """Draw each sound as the family sees it, side by side; a clip's values as bars or as a line."""
    values = {name: family(Frames(y, SR, 2048, 512)) for name, y in sounds.items()}
    return _draw_clips(family.names, values) if is_per_clip(family) else draw_rows(family.names, values)


def draw_rows(names: tuple[str, ...], values: Mapping[str, np.ndarray]) -> Figure:
    """Draw rows over time, each relative to its mean and standard deviation over all sounds."""
    joined = np.concatenate(list(values.values()), axis=1)
    mean, spread = joined.mean(axis=1, keepdims=True), joined.std(axis=1, keepdims=True)
    figure = Figure(figsize=(9, 1.7 + 0.16 * min(max(len(names), 6), 24)), layout="constrained")
    panels: list[Axes] = list(figure.subplots(1, 3, sharey=True))
    for axes, (title, rows) in zip(panels, values.items(), strict=True):
        image = axes.imshow(
            (rows - mean) / np.where(spread > 0, spread, 1), aspect="auto", origin="lower", cmap="RdBu_r",
            vmin=-3, vmax=3, extent=(0, DURATION_S, -0.5, len(rows) - 0.5), interpolation="nearest",
        )  # fmt: skip
        axes.set(title=title, xlabel="time in s")
    if len(names) <= N_NAMED:
        panels[0].set_yticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize="small")
    else:
        panels[0].set_ylabel("row")
    figure.colorbar(image, ax=panels, label="deviations from the mean")
    return figure


def _draw_clips(names: tuple[str, ...], values: Mapping[str, np.ndarray]) -> Figure:
    joined = np.stack(list(values.values()))
    if len(names) <= N_NAMED:
        figure = Figure(figsize=(9, 1 + 0.28 * len(names)), layout="constrained")
        axes, places = figure.subplots(), np.arange(len(names))
        shares = joined / np.maximum(np.abs(joined).max(axis=0), 1e-10)
        for number, (name, row) in enumerate(zip(values, shares, strict=True)):
            axes.barh(places + 0.27 * (number - 1), row, 0.25, color=COLOURS[number], label=name)
        axes.set_yticks(places, [name.replace("__", " ").replace("_", " ") for name in names], fontsize="small")
        axes.invert_yaxis()
        axes.set_xlabel("value, relative to the largest of the three")
    else:
        figure = Figure(figsize=(9, 3.2), layout="constrained")
        axes = figure.subplots()
        for number, (name, row) in enumerate(values.items()):
            axes.plot(row, linewidth=0.8, color=COLOURS[number], label=name)
        axes.set(xlabel="number of the value", ylabel="value", xlim=(0, len(names) - 1))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


if __name__ == "__main__":
    folder = ROOT / "docs/pictures"
    folder.mkdir(exist_ok=True)
    for name, figure in {"splits": draw_splits(), "gtzan": draw_gtzan()}.items():
        figure.savefig(folder / f"{name}.svg", transparent=True, metadata={"Date": None})
