"""The picture of a confusion matrix, as SVG.

A grid has one for each cell, and a cell may have 161 genres. matplotlib takes 0.2 s for ten genres; a template takes a
millisecond.
"""

from unicodedata import east_asian_width

import numpy as np

from regenre.reporting.escaping import read_template

_SIDE = 36  # of a square, pixels
_LETTER = 7  # width of a letter, pixels


def render_svg(counts: np.ndarray, genres: list[str], cell: str) -> str:
    """Return the picture: counts as numbers, share of the actual genre as colour.

    Parameters
    ----------
    counts : number of clips, shape (n_genres, n_genres); rows are actual genres, columns predicted ones
    genres : names of the rows and columns
    cell : name of the cell, for the title
    """
    title = f"{cell}: {counts.sum()} clips, accuracy {np.trace(counts) / counts.sum():.3f}"
    names = _LETTER * max(map(_count_letters, genres))
    left, top = 40 + names, 40
    right, below = left + _SIDE * len(genres), top + _SIDE * len(genres)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return read_template("confusion.svg").render(
        title=title,
        genres=genres,
        counts=[(row, column, counts[row, column], shares[row, column]) for row, column in np.argwhere(counts)],
        side=_SIDE,
        left=left,
        top=top,
        right=right,
        below=below,
        width=max(right + 20, _LETTER * _count_letters(title) + 120),
        height=below + round(0.75 * names) + 50,
    )


def _count_letters(text: str) -> int:
    """Return the number of letters, a wide one as two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
