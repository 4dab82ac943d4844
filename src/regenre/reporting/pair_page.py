"""Two cells compared, as an HTML page that needs no network."""

from regenre.evaluation.pair import Pair
from regenre.reporting.escaping import read_template


def render_pair(a: str, b: str, pair: Pair) -> str:
    """Return the page of the comparison of the cells named `a` and `b`."""
    return read_template("pair_page.html").render(
        a=a, b=b, pair=pair, scores=pair.scores,
        genres=pair.genres.to_dict("records"), changed=pair.changed.to_dict("records"),
    )  # fmt: skip
