"""Why a model answers as it does, as HTML: for the page of one file, and a section of the page of all results.

Item             a clip whose answer is explained
list_items       the table reports/explanations.csv -> items
render_items     items -> HTML
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from markupsafe import Markup

from regenre.reporting import plots
from regenre.reporting.escaping import read_template


@dataclass(frozen=True)
class Item:
    """A clip whose answer is explained.

    Attributes
    ----------
    clip : its name
    genre : the predicted one
    sentence : the answer, in words
    families : name, Shapley value and standard error of each family
    nearest : name, genre and distance of each of the nearest training clips
    seconds : start and end of each piece in seconds, and what it adds to the probability
    sounds : name -> MP3 in Base64, of the nearest clips that are on this machine; empty: none is asked for
    notes : what is left out, and why
    """

    clip: str
    genre: str
    sentence: str
    families: Sequence[tuple[str, float, float]]
    nearest: Sequence[tuple[str, str, float]]
    seconds: Sequence[tuple[float, float, float]] = ()
    sounds: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def figure(self) -> Markup:
        """What each piece of time adds, as SVG; "" without pieces."""
        if not self.seconds:
            return Markup()
        return Markup(plots.render_svg("seconds", lambda: plots.draw_seconds(self.seconds, self.genre)))


def list_items(explanations: pd.DataFrame, sounds: Mapping[str, str]) -> list[Item]:
    """Return the clips of the table reports/explanations.csv, with the sounds of those that are near."""
    items = []
    for clip_id, rows in explanations.groupby("clip_id", sort=False):
        first, families, nearest = rows.iloc[0], rows[rows["part"] == "family"], rows[rows["part"] == "clip"]
        items.append(
            Item(
                str(clip_id),
                first["predicted_genre"],
                f"{first['genre']}, classified as {first['predicted_genre']} with probability {first['proba']:.3f}"
                f" ({first['background']:.3f} on average over training clips)",
                list(families[["of", "value", "error"]].itertuples(index=False, name=None)),
                list(nearest[["of", "of_genre", "value"]].itertuples(index=False, name=None)),
                sounds={clip: sounds[clip] for clip in nearest["of"] if clip in sounds},
            )
        )
    return items


def render_items(items: Sequence[Item]) -> Markup:
    """Return the explanations as HTML, "" without any."""
    return Markup(read_template("explanation.html").render(items=items)) if items else Markup()
