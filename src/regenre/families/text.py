"""What is said of a clip, or sung in it: words of a text beside the audio."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from regenre.errors import UserError

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

SUFFIX = ".txt"
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Text:
    """Terms of a text, weighed by TF-IDF (Salton and Buckley 1988), rows brought to norm 1.

    A term that a text has tf times, and df of n training clips have, weighs (1 + ln tf) (1 + ln((1 + n) / (1 + df))).
    Not computed from audio and so not a `Family`: `table` yields the texts as they are, and the `vectoriser` makes
    columns of them inside each fold, fitted on its training clips. A clip without a text has none of the terms.

    Parameters
    ----------
    captions : a CSV with `key` and `column`, or a folder of them; a side-car `<clip>.txt` goes before it
    n_words : words a term, at most
    min_clips : training clips that a term has to occur in
    ignored : words that do not count
    worth : how many standardised columns of other families a text counts for, to be chosen from
    """

    captions: str
    key: str = "clip_id"
    column: str = "text"
    n_words: int = 1
    min_clips: int = 2
    ignored: Sequence[str] = ()
    worth: Sequence[float] = (64.0,)

    def table(self, name: str, clips: pd.DataFrame, raw: Path) -> pd.DataFrame:
        """clip_id and the column `<name>__words__clip` of texts, "" where a clip has none, a row a clip in their order.

        Raises
        ------
        UserError
            No clip has a text; a side-car is not UTF-8; a table lacks a column or has two rows for a clip.
        """
        given = self._captions()
        texts = [
            beside(raw / path) if path and (raw / path).with_suffix(SUFFIX).is_file() else given.get(clip_id, "")
            for clip_id, path in zip(clips["clip_id"], clips["path"], strict=True)
        ]
        if not any(texts):
            raise UserError(
                f"family {name}: a text expected beside a clip ({Path(clips['path'].iloc[0]).stem or 'clip'}{SUFFIX})"
                f" or in {self.captions} (CSV with {self.key} and {self.column}), none found for any clip"
            )
        return pd.DataFrame({"clip_id": clips["clip_id"].to_numpy(), f"{name}__words__clip": texts}, dtype=object)

    def vectoriser(self) -> "TfidfVectorizer":
        """What makes columns of texts, not fitted."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(
            ngram_range=(1, self.n_words),
            min_df=self.min_clips,
            stop_words=sorted(self.ignored) or None,
            sublinear_tf=True,
            strip_accents="unicode",
        )

    def names_genre(self, text: str, genre: str) -> bool:
        """Whether a text gives its genre's name away: a word that is not ignored, or two in a row."""
        words = [word for word in _WORD.findall(text.lower()) if word not in self.ignored]
        spoken = {*words, *(one + other for one, other in pairwise(words))}
        return re.sub(r"[\W_]", "", genre.lower()) in spoken

    def _captions(self) -> dict[str, str]:
        source = Path(self.captions).expanduser()
        paths = sorted(source.glob("*.csv")) if source.is_dir() else [source]
        found: dict[str, str] = {}
        for path in paths:
            if not path.is_file():
                raise UserError(f"{path}: a CSV with {self.key} and {self.column} expected, none found")
            rows = pd.read_csv(path, dtype=str, keep_default_na=False)
            if not {self.key, self.column} <= set(rows):
                there = ", ".join(map(str, rows))
                raise UserError(f"{path}: columns {self.key} and {self.column} expected, {there} found")
            for clip_id, text in zip(rows[self.key], rows[self.column], strict=True):
                if clip_id in found:
                    raise UserError(f"{path}: clip {clip_id} has more than one row; keep one")
                found[clip_id] = text.strip()
        return found


def beside(path: Path) -> str:
    """The text in the side-car of an audio file, "" if it has none.

    Raises
    ------
    UserError
        It is not UTF-8.
    """
    sidecar = path.with_suffix(SUFFIX)
    if not sidecar.is_file():
        return ""
    try:
        return sidecar.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise UserError(f"{sidecar}: UTF-8 expected, byte {error.start} is something else; save it as UTF-8") from error
