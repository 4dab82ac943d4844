"""Figures of the results, and their files.

Conventions: a `draw_` function returns a matplotlib Figure without a window. Colour is never the only sign: cells show
their numbers, bars have hatches, lines have markers.

    save_figure          write a PNG file
    render_png           bytes of a PNG
    render_svg           text of an SVG for a page
    draw_heat_map        accuracy of each feature set and classifier
    draw_genre_f1        F1 of each genre
    draw_leak            accuracy of each feature set and classifier under each split
    draw_learning_curve  accuracy over the number of training clips
    draw_seconds         what each piece of time adds to the probability of a genre
    draw_timeline        probabilities of genres over time
    draw_taggram         probabilities of tags over time
    render_preview       waveform and spectrogram of a clip
    draw_words           a sentence in place of a figure
"""

import io
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave

from regenre.common import files
from regenre.reporting.escaping import escape_figure

if TYPE_CHECKING:
    from regenre.quality.preview import Preview

DPI = 110
INK = "#0b0b0c"  # colour of lines and text; `render_svg` replaces it by the colour of the page
_WAVE = (31, 119, 180, 255)  # colour of a waveform
_MARKERS = "osD^vP"  # one per split
_FONTS = (  # of those that are installed, the first that has a character
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "WenQuanYi Zen Hei", "PingFang SC",
    "Hiragino Sans", "Arial Unicode MS", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Segoe UI",
)  # fmt: skip
_REMEDY = "install a font that has them, such as Noto Sans CJK"


def save_figure(path: Path, figure: Figure) -> None:
    """Write a PNG file; the same figure yields the same bytes."""
    files.write_atomically(path, lambda temporary: temporary.write_bytes(render_png(figure)))


def render_svg(name: str, draw: Callable[[], Figure]) -> str:
    """Return an SVG for a page: lines and text in the page's colour, no background.

    The same figure yields the same text.

    Parameters
    ----------
    name : prefix of the ids in the SVG, unique in the page
    draw : function that draws the figure
    """
    colors: dict[Any, str] = dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    )
    settings: dict[Any, str] = {
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "svg.fonttype": "none",
        "svg.hashsalt": "regenre",
    }
    stream = io.StringIO()
    with matplotlib.rc_context({**colors, **settings}):
        draw().savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"<svg ", '<svg aria-hidden="true" focusable="false" ', text, count=1)
    return re.sub(r"<[^>]*>", lambda tag: _adapt_tag(tag[0], name), text)  # tags alone, no name of a genre


def _adapt_tag(tag: str, name: str) -> str:
    """Return a tag of an SVG with the page's colour and with ids that are unique in the page; `<g>` needs none."""
    tag = re.sub(r"^<g id=\"[^\"]*\"", "<g", tag).replace(INK, "currentColor")
    return re.sub(r'(?<= id=")|(?<=url\(#)|(?<=href="#)', f"{name}-", tag)


def render_png(figure: Figure) -> bytes:
    """Return the bytes of a PNG; the same figure yields the same bytes on machines with the same fonts."""
    stream = io.BytesIO()
    installed = {font.name for font in font_manager.fontManager.ttflist}
    fonts = [font for font in _FONTS if font in installed]
    with matplotlib.rc_context({"font.sans-serif": fonts}), warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", "Glyph")
        figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    lacks = [warning for warning in caught if str(warning.message).startswith("Glyph")]
    for warning in caught:
        if warning not in lacks:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if lacks:
        print(f"regenre: a box stands for each character that {', '.join(fonts)} lack; {_REMEDY}", file=sys.stderr)
    return stream.getvalue()


def draw_heat_map(summary: pd.DataFrame) -> Figure:
    """Draw the accuracy and its interval of each feature set (rows) and classifier (columns), one panel per split.

    Parameters
    ----------
    summary : one row per cell, with dataset, split, features, classifier, n_clips (clips or pieces), accuracy,
        accuracy_low, accuracy_high
    """
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
        _write_numbers(
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


def draw_genre_f1(per_genre: pd.DataFrame, title: str) -> Figure:
    """Draw the F1 of each genre as bars, one colour and hatch per split.

    Parameters
    ----------
    per_genre : one row per split and genre, with split, genre, f1
    title : title of the figure
    """
    genres, splits = sorted(per_genre["genre"].unique()), list(dict.fromkeys(per_genre["split"]))
    figure = Figure(figsize=(3 + 0.6 * len(genres), 4), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(splits)
    for number, split in enumerate(splits):
        f1 = per_genre[per_genre["split"] == split].set_index("genre")["f1"].reindex(genres)
        places = np.arange(len(genres)) + (number - (len(splits) - 1) / 2) * width
        bars = axes.bar(places, f1, width, label=split, hatch=("", "//", "..", "xx")[number % 4], edgecolor="white")
        axes.bar_label(bars, [f"{value:.2f}" for value in f1], fontsize="x-small", rotation=90, padding=2)
    axes.set_xticks(range(len(genres)), [escape_figure(genre) for genre in genres], rotation=45, ha="right")
    axes.set(ylim=(0, 1.15), ylabel="F1")
    axes.set_title(escape_figure(title), fontsize="medium")
    figure.legend(loc="outside lower center", ncols=len(splits), frameon=False)
    return figure


def draw_leak(summary: pd.DataFrame, most: int = 20) -> Figure:
    """Draw the accuracy and its interval of each feature set and classifier under each split.

    Parameters
    ----------
    summary : as for `draw_heat_map`
    most : maximum number of pairs of feature set and classifier; pairs rank by their lowest accuracy over the splits
    """
    splits = list(dict.fromkeys(summary["split"]))
    pairs = summary.groupby(["features", "classifier"], sort=False)["accuracy"].min().sort_values(kind="stable")
    pairs = pairs.iloc[-most:]
    figure = Figure(figsize=(8, 1.6 + 0.32 * len(pairs)), layout="constrained")
    axes = figure.add_subplot()
    for number, split in enumerate(splits):
        rows = summary[summary["split"] == split].set_index(["features", "classifier"]).reindex(pairs.index)
        value, low, high = (rows[f"accuracy{end}"].to_numpy() for end in ("", "_low", "_high"))
        places = np.arange(len(pairs)) + 0.14 * (number - (len(splits) - 1) / 2)
        errors = np.abs(np.stack([value - low, high - value]))
        axes.errorbar(value, places, xerr=errors, fmt=_MARKERS[number % 6], markersize=5, linewidth=1, label=split)
    axes.set_yticks(range(len(pairs)), [f"{features}, {classifier}" for features, classifier in pairs.index])
    axes.set(xlim=(0, 1), xlabel="accuracy and 95 % interval")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=min(3, len(splits)), frameon=False)
    return figure


def draw_learning_curve(points: pd.DataFrame, title: str) -> Figure:
    """Draw accuracy over the number of training clips: a solid line where measured, a dashed one where extrapolated.

    Parameters
    ----------
    points : one row per number of clips, with n_train, measured, accuracy, accuracy_low, accuracy_high
    title : title of the figure
    """
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.add_subplot()
    measurements = points[points["measured"]]
    extrapolation = pd.concat([measurements.tail(1), points[~points["measured"]]])
    for rows, style, label in ((measurements, "o-", "measured"), (extrapolation, "s--", "extrapolated")):
        (line,) = axes.plot(rows["n_train"], rows["accuracy"], style, label=label)
        axes.fill_between(
            rows["n_train"], rows["accuracy_low"], rows["accuracy_high"], alpha=0.2, color=line.get_color()
        )
    axes.set(xlabel="training clips", ylabel="accuracy and 95 % interval", ylim=(0, 1))
    axes.set_xscale("log")
    axes.set_xticks(points["n_train"], [f"{n:.0f}" for n in points["n_train"]])
    axes.minorticks_off()
    axes.set_title(escape_figure(title), fontsize="medium")
    axes.legend(frameon=False, loc="lower right")
    return figure


def draw_seconds(seconds: Sequence[tuple[float, float, float]], genre: str) -> Figure:
    """Draw what each piece of time adds to the probability of a genre, above zero where it speaks for it.

    Parameters
    ----------
    seconds : start and end of each piece in seconds, and what it adds
    """
    starts, ends, changes = (np.array(values) for values in zip(*seconds, strict=True))
    figure = Figure(figsize=(9, 2.4), layout="constrained")
    axes = figure.add_subplot()
    axes.bar((starts + ends) / 2, changes, width=0.9 * np.diff(starts).mean())
    axes.axhline(0, color=INK, linewidth=0.8)
    bound = 1.1 * max(0.01, np.abs(changes).max())  # nobody should see differences that are none
    axes.set(xlim=(starts[0], ends[-1]), ylim=(-bound, bound), ylabel="adds")
    axes.set_xlabel("middle of the piece that is cut out, s")
    axes.set_title(escape_figure(f"What the seconds add to the probability of {genre}"), fontsize="medium")
    return figure


def draw_timeline(starts_s: np.ndarray, proba: np.ndarray, genres: Sequence[str], title: str) -> Figure:
    """Draw the probabilities of the genres over time, stacked.

    The five genres with the highest peaks are drawn on their own, all others as one.

    Parameters
    ----------
    starts_s : start of each window in seconds, shape (n_windows,)
    proba : probabilities, shape (n_windows, n_genres)
    genres : names of the columns of `proba`
    title : title of the figure
    """
    top = sorted(np.argsort(-proba.max(axis=0), kind="stable")[:5])
    shares = [proba[:, place] for place in top] + [np.delete(proba, top, axis=1).sum(axis=1)]
    names = [escape_figure(genres[place]) for place in top] + ["others"]
    edges = np.append(starts_s, _find_end(starts_s))
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.add_subplot()
    base = np.zeros(len(starts_s))
    areas = []
    for number, share in enumerate(shares):
        area = axes.fill_between(
            edges, np.append(base, base[-1]), np.append(base + share, (base + share)[-1]), step="post",
            hatch=("", "//", "..", "xx", "\\\\", "")[number], edgecolor="white", linewidth=0.3,
        )  # fmt: skip
        areas.append(area)
        base = base + share
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, 1), xlabel="s", ylabel="probability")
    axes.set_title(escape_figure(title), fontsize="medium")
    figure.legend(areas, names, loc="outside right center", frameon=False)  # a label `_x` would be left out
    return figure


def draw_taggram(starts_s: np.ndarray, proba: np.ndarray, tags: Sequence[str], title: str) -> Figure:
    """Draw the probability of each tag over time, the highest mean on top, which stands beside its name.

    Parameters
    ----------
    starts_s : start of each window in seconds, shape (n_windows,)
    proba : probabilities, shape (n_windows, n_tags)
    tags : names of the columns of `proba`
    title : title of the figure
    """
    means = proba.mean(axis=0)
    order = np.argsort(-means, kind="stable")
    figure = Figure(figsize=(9, 1.2 + 0.17 * len(tags)), layout="constrained")
    axes = figure.add_subplot()
    extent = (float(starts_s[0]), _find_end(starts_s), len(tags) - 0.5, -0.5)
    image = axes.imshow(proba.T[order], cmap="viridis", vmin=0, vmax=1, aspect="auto", extent=extent)
    names = [f"{escape_figure(tags[place])} {means[place]:.2f}" for place in order]
    axes.set_yticks(range(len(tags)), names, fontsize="x-small")
    axes.set(xlabel="s")
    axes.set_title(escape_figure(title), fontsize="medium")
    figure.colorbar(image, ax=axes, label="probability")
    return figure


def _find_end(starts_s: np.ndarray) -> float:
    """Return the end of the last window, as far from its start as starts are from each other."""
    return float(starts_s[-1] + (np.diff(starts_s).mean() if len(starts_s) > 1 else 1.0))


def render_preview(preview: "Preview") -> bytes:
    """Return a small picture of a clip as PNG: waveform above, spectrogram below, a pixel a value."""
    heights = np.abs(np.linspace(-1, 1, 33))[:, None]
    wave = np.where((heights <= preview.peaks / 255)[..., None], _WAVE, 0).astype(np.uint8)
    levels = matplotlib.colormaps["magma"](preview.levels[::-1], bytes=True)
    stream = io.BytesIO()
    imsave(stream, np.concatenate([wave, levels]), format="png")
    return stream.getvalue()


def draw_words(text: str) -> Figure:
    """Draw a sentence in place of a figure."""
    figure = Figure(figsize=(6, 1))
    figure.text(0.5, 0.5, escape_figure(text), ha="center", va="center")
    return figure


def _write_numbers(axes: Axes, values: np.ndarray, texts: list[list[str]], dark_is_low: bool = False) -> None:
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
