"""What the page's map of the clips draws: a point a clip, in the colour and the shape of its genre.

templates/page.js draws it on a canvas, which stays smooth with 10,000 points, and needs no library.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regenre.reporting.escaping import escape_page

MAX_POINTS = 10_000  # points
# each at least 3 : 1 against white and against the page's dark (WCAG 2.2, 1.4.11); with 7 shapes, 70 genres differ
COLOURS = (
    "#2878b5", "#d0601e", "#1a8f6a", "#d43c3c", "#8f66c4", "#9a7412", "#d8479a", "#7d7d7d", "#6f8a1c", "#178fa3",
)  # fmt: skip
SHAPES = (
    "M-4,0a4,4 0 1 0 8,0a4,4 0 1 0 -8,0", "M-3.6,-3.6h7.2v7.2h-7.2z", "M0,-4.6L4.6,3.4L-4.6,3.4z",
    "M0,-5L5,0L0,5L-5,0z", "M0,4.6L4.6,-3.4L-4.6,-3.4z", "M-1.5,-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "M-5,-2.2h10v4.4h-10z",
)  # fmt: skip


def describe_map(points: pd.DataFrame, answers: pd.DataFrame, sounds: Mapping[str, str]) -> dict[str, Any]:
    """Return the map as the page's script reads it.

    Parameters
    ----------
    points : `evaluation.projection.POINTS`; of more than `MAX_POINTS` clips as many, at equal distances
        in the table
    answers : clip_id (index), group, predicted; of the clips that the cell tests
    sounds : clip_id -> MP3 as base64

    Returns
    -------
    genres, groups, colours, shapes : what the numbers below stand for
    clips : names
    actual, predicted, group : numbers; -1 for a clip that is not tested
    x, y : 0 to 1000 from edge to edge
    sounds : place -> MP3 as base64
    """
    if len(points) > MAX_POINTS:
        points = points.iloc[np.linspace(0, len(points) - 1, MAX_POINTS).round().astype(int)]
    tested = answers.reindex(points["clip_id"])
    genres = pd.Index(sorted({*points["genre"], *answers["predicted"]}))
    group, groups = pd.factorize(tested["group"], sort=True)
    return {
        "genres": [escape_page(name) for name in genres],
        "groups": [escape_page(name) for name in groups],
        "colours": COLOURS,
        "shapes": SHAPES,
        "clips": [escape_page(name) for name in points["clip_id"]],
        "actual": genres.get_indexer(points["genre"]).tolist(),
        "predicted": genres.get_indexer(tested["predicted"]).tolist(),
        "group": group.tolist(),
        "x": _scale(points["x"]),
        "y": _scale(points["y"]),
        "sounds": {place: sounds[name] for place, name in enumerate(points["clip_id"]) if name in sounds},
    }


def _scale(values: pd.Series) -> list[int]:
    numbers = values.to_numpy(float)
    spread = np.ptp(numbers) if len(numbers) else 0.0
    return [round(value) for value in 1000 * (numbers - numbers.min(initial=np.inf)) / (spread or 1)]
