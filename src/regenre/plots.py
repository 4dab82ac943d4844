"""Figures: confusion matrices, the features x classifiers heat map, per-genre F1.

Each function returns a matplotlib Figure that is bound to no window; numbers are written into the
cells, so that colour never carries a meaning alone.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regenre import tables

DPI = 110


def save(path: Path, figure: Figure) -> None:
    """Write a PNG, the same bytes for the same figure."""
    tables.atomically(
        path, lambda temporary: figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})
    )


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
    """Accuracy with its interval for every feature set (rows) and classifier, a panel a split."""
    splits = list(dict.fromkeys(summary["split"]))
    features, classifiers = list(dict.fromkeys(summary["features"])), list(dict.fromkeys(summary["classifier"]))
    figure = Figure(
        figsize=(1.8 + 1.35 * len(classifiers) * len(splits), 1.5 + 0.55 * len(features)), layout="constrained"
    )
    panels = figure.subplots(1, len(splits), squeeze=False, sharey=True)[0]
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
        axes.set_title(f"{split}, {rows['n_clips'].iloc[0]} clips", fontsize="medium")
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
