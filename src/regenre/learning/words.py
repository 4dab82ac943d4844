"""Words of texts -> columns of numbers, fitted on the training clips of each fold."""

from collections.abc import Sequence
from dataclasses import dataclass

from sklearn.feature_extraction.text import TfidfVectorizer


@dataclass(frozen=True)
class Words:
    """Terms of a text, weighted by TF-IDF (Salton and Buckley 1988), rows scaled to norm 1.

    A term that occurs tf times in a text, and in df of n training texts, weighs
    (1 + ln tf) (1 + ln((1 + n) / (1 + df))). A clip without a text has weight 0 in every term.

    Parameters
    ----------
    place : of the column of texts
    n_words : largest number of words in a term
    min_clips : number of training clips that a term has to occur in
    ignored : words that are left out
    worth : candidates for the number of standardised columns of other families that a text counts for
    """

    place: int
    n_words: int
    min_clips: int
    ignored: Sequence[str]
    worth: Sequence[float]

    def make_vectoriser(self) -> TfidfVectorizer:
        """Return the unfitted transformer."""
        return TfidfVectorizer(
            ngram_range=(1, self.n_words),
            min_df=self.min_clips,
            stop_words=sorted(self.ignored) or None,
            sublinear_tf=True,
            strip_accents="unicode",
        )
