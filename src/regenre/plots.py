"""Figures: confusion matrices, the features x classifiers heat map, per-genre F1, leak, learning curve, importance.

Each function returns a matplotlib Figure that is bound to no window; numbers are written into the
cells, so that colour never carries a meaning alone.
"""

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regenre import tables

DPI = 110
INK = "#0b0b0c"  # of lines and letters; where a page is shown, the page's own


def save(path: Path, figure: Figure) -> None:
    """Write a PNG, the same bytes for the same figure."""
    tables.atomically(path, lambda temporary: temporary.write_bytes(png(figure)))


def svg(name: str, draw: Callable[[], Figure]) -> str:
    """An SVG to stand in a page: lines and letters in the page's colour, no background; same in, same out.

    Parameters
    ----------
    name : its own in the page; what refers to parts of the figure begins with it
    """
    ink: dict[Any, str] = dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    )
    bare: dict[Any, str] = {
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "svg.fonttype": "none",
        "svg.hashsalt": "regenre",
    }
    stream = io.StringIO()
    with matplotlib.rc_context({**ink, **bare}):
        draw().savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = re.sub(r"<g id=\"[^\"]*\"", "<g", text[text.index("<svg") :]).replace(INK, "currentColor")
    text = re.sub(r'(?<= id=")|(?<=url\(#)|(?<=href="#)', f"{name}-", text)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return re.sub(r"<svg ", '<svg aria-hidden="true" focusable="false" ', text, count=1)


def png(figure: Figure, dpi: int = DPI) -> bytes:
    """The bytes of a PNG, the same for the same figure."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return stream.getvalue()


def confusion(counts: np.ndarray, genres: list[str], cell: str) -> Figure:
    """Counts as numbers, share of the actual genre as colour. Rows actual, columns predicted."""
    title = f"{cell}: {counts.sum()} clips, accuracy {np.trace(counts) / counts.sum():.3f}"
    side = 2.6 + 0.48 * len(genres)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    _numbers(axes, shares, [[str(count) if count else "" for count in row] for row in counts])
    axes.set_xticks(range(len(genres)), genres, rotation=45, ha="right")
    axes.set_yticks(range(len(genres)), genres)
    axes.set(xlabel="predicted", ylabel="actual")
    axes.set_title(title, fontsize="medium")
    return figure


def heat_map(summary: pd.DataFrame) -> Figure:
    """Accuracy with its interval of every feature set (rows) and classifier, a panel a split; n: clips, or pieces."""
    splits = list(dict.fromkeys(summary["split"]))
    features, classifiers = list(dict.fromkeys(summary["features"])), list(dict.fromkeys(summary["classifier"]))
    figure = Figure(
        figsize=(1.8 + 1.35 * len(classifiers), 0.8 + (0.8 + 0.45 * len(features)) * len(splits)), layout="constrained"
    )
    panels = figure.subplots(len(splits), 1, squeeze=False)[:, 0]
    for axes, split in zip(panels, splits, strict=True):
        rows = summary[summary["split"] == split].set_index(["features", "classifier"])
        grid = [[rows.loc[(feature, classifier)] for classifier in classifiers] for feature in features]
        values = np.array([[cell["accuracy"] for cell in row] for row in grid])
        axes.imshow(values, cmap="viridis", vmin=0, vmax=1, aspect="auto")
        _numbers(
            axes,
            values,
            [
                [f"{cell['accuracy']:.2f}\n{cell['accuracy_low']:.2f} to {cell['accuracy_high']:.2f}" for cell in row]
                for row in grid
            ],
            dark_is_low=True,
        )
        axes.set_xticks(range(len(classifiers)), classifiers)
        axes.set_yticks(range(len(features)), features)
        axes.set_title(f"{split}, n = {rows['n_clips'].iloc[0]}", fontsize="medium")
    figure.suptitle(f"{summary['dataset'].iloc[0]}: accuracy and 95 % interval")
    return figure


def per_genre_f1(per_genre: pd.DataFrame, title: str) -> Figure:
    """F1 of each genre as bars, one colour and hatch a split."""
    genres, splits = sorted(per_genre["genre"].unique()), list(dict.fromkeys(per_genre["split"]))
    figure = Figure(figsize=(3 + 0.6 * len(genres), 4), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(splits)
    for number, split in enumerate(splits):
        f1 = per_genre[per_genre["split"] == split].set_index("genre")["f1"].reindex(genres)
        places = np.arange(len(genres)) + (number - (len(splits) - 1) / 2) * width
        bars = axes.bar(places, f1, width, label=split, hatch=("", "//", "..", "xx")[number % 4], edgecolor="white")
        axes.bar_label(bars, [f"{value:.2f}" for value in f1], fontsize="x-small", rotation=90, padding=2)
    axes.set_xticks(range(len(genres)), genres, rotation=45, ha="right")
    axes.set(ylim=(0, 1.15), ylabel="F1")
    axes.set_title(title, fontsize="medium")
    figure.legend(loc="outside lower center", ncols=len(splits), frameon=False)
    return figure


_SHAPES = "osD^vP"


def leak(summary: pd.DataFrame, most: int = 20) -> Figure:
    """Accuracy of each feature set and classifier under every split, with intervals; the highest under the last."""
    splits = list(dict.fromkeys(summary["split"]))
    pairs = summary.groupby(["features", "classifier"], sort=False)["accuracy"].min().sort_values(kind="stable")
    pairs = pairs.iloc[-most:]
    figure = Figure(figsize=(8, 1.6 + 0.32 * len(pairs)), layout="constrained")
    axes = figure.add_subplot()
    for number, split in enumerate(splits):
        rows = summary[summary["split"] == split].set_index(["features", "classifier"]).reindex(pairs.index)
        value, low, high = (rows[f"accuracy{end}"].to_numpy() for end in ("", "_low", "_high"))
        places = np.arange(len(pairs)) + 0.14 * (number - (len(splits) - 1) / 2)
        reach = np.abs(np.stack([value - low, high - value]))
        axes.errorbar(value, places, xerr=reach, fmt=_SHAPES[number % 6], markersize=5, linewidth=1, label=split)
    axes.set_yticks(range(len(pairs)), [f"{features}, {classifier}" for features, classifier in pairs.index])
    axes.set(xlim=(0, 1), xlabel="accuracy and 95 % interval")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=min(3, len(splits)), frameon=False)
    return figure


def learning_curve(points: pd.DataFrame, title: str) -> Figure:
    """Accuracy over the number of training clips: measured as a line, extrapolated as a dashed one."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    measured = points[points["measured"]]
    beyond = pd.concat([measured.tail(1), points[~points["measured"]]])
    for rows, style, label in ((measured, "o-", "measured"), (beyond, "s--", "extrapolated")):
        (line,) = axes.plot(rows["n_train"], rows["accuracy"], style, label=label)
        axes.fill_between(
            rows["n_train"], rows["accuracy_low"], rows["accuracy_high"], alpha=0.2, color=line.get_color()
        )
    axes.set(xlabel="training clips", ylabel="accuracy and 95 % interval", ylim=(0, 1))
    axes.set_xscale("log")
    axes.set_xticks(points["n_train"], [f"{n:.0f}" for n in points["n_train"]])
    axes.minorticks_off()
    axes.set_title(title, fontsize="medium")
    axes.legend(frameon=False, loc="lower right")
    return figure


def bars(table: pd.DataFrame, title: str) -> Figure:
    """Losses with their intervals: columns of, loss, loss_low, loss_high; the largest on top."""
    rows = table.iloc[:20].iloc[::-1]
    figure = Figure(figsize=(7, 1.3 + 0.3 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    reach = np.abs(np.stack([rows["loss"] - rows["loss_low"], rows["loss_high"] - rows["loss"]]))
    axes.barh(range(len(rows)), rows["loss"], xerr=reach, height=0.6, ecolor=INK)
    axes.set_yticks(range(len(rows)), rows["of"])
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set(xlabel="accuracy lost, and 95 % interval")
    axes.set_title(title, fontsize="medium")
    return figure


def timeline(starts_s: np.ndarray, proba: np.ndarray, genres: Sequence[str], title: str) -> Figure:
    """Probabilities over time, stacked; the five genres that are ever the most probable, the others together."""
    top = sorted(np.argsort(-proba.max(axis=0), kind="stable")[:5])
    shares = [proba[:, place] for place in top] + [np.delete(proba, top, axis=1).sum(axis=1)]
    names = [genres[place] for place in top] + ["others"]
    step = np.diff(starts_s).mean() if len(starts_s) > 1 else 1.0
    edges = np.append(starts_s, starts_s[-1] + step)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.add_subplot()
    base = np.zeros(len(starts_s))
    for number, (share, name) in enumerate(zip(shares, names, strict=True)):
        axes.fill_between(
            edges, np.append(base, base[-1]), np.append(base + share, (base + share)[-1]), step="post", label=name,
            hatch=("", "//", "..", "xx", "\\\\", "")[number], edgecolor="white", linewidth=0.3,
        )  # fmt: skip
        base = base + share
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, 1), xlabel="s", ylabel="probability")
    axes.set_title(title, fontsize="medium")
    figure.legend(loc="outside right center", frameon=False)
    return figure


def sound(y: np.ndarray, sr: int) -> Figure:
    """A clip small: its waveform over its spectrogram."""
    figure = Figure(figsize=(3.2, 1.7), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1, 2])
    n = max(1, len(y) // 1200)
    peaks = np.abs(y[: len(y) // n * n]).reshape(-1, n).max(axis=1)
    above.fill_between(np.arange(len(peaks)) * n / sr, -peaks, peaks, linewidth=0)
    above.set(ylim=(-1, 1), yticks=[])
    below.specgram(y + 1e-6, NFFT=1024, Fs=sr, noverlap=0, cmap="magma", vmin=-120, vmax=-30)
    below.set(yticks=[], xlabel="s")
    return figure


def words(text: str) -> Figure:
    """A sentence where a figure would be."""
    figure = Figure(figsize=(6, 1))
    figure.text(0.5, 0.5, text, ha="center", va="center")
    return figure


def _numbers(axes: Axes, values: np.ndarray, texts: list[list[str]], dark_is_low: bool = False) -> None:
    for (row, column), value in np.ndenumerate(values):
        on_dark = value < 0.5 if dark_is_low else value > 0.5
        axes.text(
            column,
            row,
            texts[row][column],
            ha="center",
            va="center",
            color="white" if on_dark else "black",
            fontsize="small",
        )
