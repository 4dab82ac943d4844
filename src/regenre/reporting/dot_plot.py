"""Scores with their intervals as dots on lines, which a page draws in HTML: readable on a phone and in the dark."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Plot:
    """A figure of scores; places are per cent of its width.

    Attributes
    ----------
    series : what colours and signs stand for
    rows : label -> number of the series, place of the score, of its lower and of its upper end
    ticks : place, number
    lines : number of the series, place of a line through all rows
    """

    series: Sequence[str]
    rows: dict[str, list[tuple[int, float, float, float]]]
    ticks: list[tuple[float, str]]
    lines: list[tuple[int, float]]

    @classmethod
    def arrange(
        cls,
        table: pd.DataFrame,
        label: str,
        series: str,
        score: str,
        series_order: Sequence[str] = (),
        label_order: Sequence[str] = (),
        line: str = "",
    ) -> "Plot":
        """Arrange a table with a row for each dot.

        Parameters
        ----------
        label, series, score : columns; beside the score its `_low` and `_high`
        series_order, label_order : else as they first occur
        line : label of the scores that are lines through all rows instead of a row
        """
        names, labels = (
            list(order or dict.fromkeys(table[column]))
            for order, column in ((series_order, series), (label_order, label))
        )
        ends = table[[score, f"{score}_low", f"{score}_high"]].astype(float)
        lowest, highest = _find_limits(ends.to_numpy())
        places = (100 * (ends - lowest) / (highest - lowest)).round(2)
        rows: dict[str, list[tuple[int, float, float, float]]] = {name: [] for name in labels}
        for name, own, place in zip(table[label], table[series], places.itertuples(index=False), strict=True):
            if not np.isnan(place[0]):
                rows[name].append((names.index(own), *place))
        lines = [(number, place) for number, place, *_ in rows.pop(line, [])]
        step = 0.25 if (lowest, highest) == (0, 1) else 0.1
        numbers = lowest + step * np.arange(round((highest - lowest) / step) + 1)
        ticks = [(float(100 * (x - lowest) / (highest - lowest)), f"{x:.2f}".removesuffix("0")) for x in numbers]
        return cls(names, rows, ticks, lines)


def _find_limits(values: np.ndarray) -> tuple[float, float]:
    """Return 0 and 1 for shares; for small or negative numbers, the next tenths around them and 0."""
    lowest = min(0.0, np.floor(10 * np.nanmin(values, initial=0.0)) / 10)
    largest = np.nanmax(values, initial=0.0)
    return float(lowest), 1.0 if lowest == 0 and largest > 0.5 else float(np.ceil(10 * max(largest, 0.1)) / 10)
