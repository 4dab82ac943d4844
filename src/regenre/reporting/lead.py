"""The answer for anyone: how many of ten clips get the right genre, what the usual way of testing claims, how sure.

Lead         the sentences
phrase_lead  tables of the results -> Lead
"""

from dataclasses import dataclass

import pandas as pd

from regenre.evaluation.comparison import HONEST
from regenre.evaluation.grid import RANDOM, select_best
from regenre.reporting.escaping import mark_code
from regenre.reporting.summary import format_interval

_OF_TEN = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "all ten")


@dataclass(frozen=True)
class Lead:
    """The first sentences of the page.

    Attributes
    ----------
    headline, answer, certainty : sentences, the last two as HTML
    keeps_groups : whether the most honest split keeps each group on one side
    """

    headline: str
    answer: str
    certainty: str
    keeps_groups: bool


def phrase_lead(summary: pd.DataFrame, leak: pd.DataFrame, n_genres: int) -> Lead:
    """Return the answer about the best cell under the most honest split.

    Parameters
    ----------
    summary, leak : of an `evaluation.grid.Evaluation`
    n_genres : from which a guess chooses
    """
    best = select_best(summary)
    n, low, high = (_count_of_ten(best[f"accuracy{end}"]) for end in ("", "_low", "_high"))
    keeps_groups = best["split"] in HONEST
    strangers = " by artists, or from recordings, that it has never met" if keeps_groups else " that it has never met"
    answer = [
        f"Of ten clips{strangers}, the classifier `{best['classifier']}` with the features `{best['features']}` names"
        f" the genre of {n}; a guess is right once in {n_genres} times."
    ]
    same = leak[(leak["features"] == best["features"]) & (leak["classifier"] == best["classifier"])]
    usual = same[same["split"] == RANDOM]
    if keeps_groups and len(usual):
        claimed = _count_of_ten(usual["claimed"].iloc[0])
        also = " too" if claimed == n else ""
        answer.append(f"The usual way of testing, which deals clips at random, would have claimed {claimed}{also}.")
    spread = f"between {low} and {high} of ten".replace("about ", "") if low != high else f"{n} of ten either way"
    width = best["accuracy_high"] - best["accuracy_low"]
    certainty = (
        f"How sure is that? {_phrase_width(width)}: {spread}. In numbers: accuracy {format_interval(best, 'accuracy')},"
        f" with the 95 % interval in brackets, from {best['n_clips']} clips of {best['n_groups']} groups."
    )
    return Lead(f"{n} of ten clips get the right genre", mark_code(answer), mark_code([certainty]), keeps_groups)


def _count_of_ten(share: float) -> str:
    """Return a share as a number of ten, in words."""
    n = round(10 * share)
    if n in (0, 10) and share not in (0, 1):
        return "almost none" if n == 0 else "almost all"
    return _OF_TEN[n] if share in (0, 1) else f"about {_OF_TEN[n]}"


def _phrase_width(width: float) -> str:
    """Return how sure an interval of this width is, in words."""
    if width <= 0.05:
        return "Very sure"
    if width <= 0.1:
        return "Sure"
    return "Fairly sure" if width <= 0.2 else "Not very sure, for the clips are few"
