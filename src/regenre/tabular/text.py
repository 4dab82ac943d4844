"""Texts of clips: lyrics, transcriptions or descriptions."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pandas as pd

from regenre import tables
from regenre.errors import UserError
from regenre.kinds import Count, Weights, strict_dataclass

SUFFIX = ".txt"
_WORD = re.compile(r"\w+")


@strict_dataclass
class Text:
    """The text of each clip, as it is; `learning.words` turns it into numbers inside each fold.

    Not computed from audio: `read_table` takes the place of frames and pooling.

    Parameters
    ----------
    captions : a CSV or Parquet file with the columns `key` and `column`, or a folder of them; a file `<clip>.txt`
        beside the clip comes first
    key : the column that names the clip
    column : the column of texts
    n_words, min_clips, ignored, worth : how the words are weighted; see `learning.words.Words`
    """

    captions: str
    key: str
    column: str
    n_words: Count
    min_clips: Count
    ignored: Sequence[str]
    worth: Weights

    def read_table(self, name: str, clips: pd.DataFrame, raw: Path) -> pd.DataFrame:
        """Return clip_id and the column `<name>__words__clip` of texts, one row per clip, "" for a clip without a text.

        Raises
        ------
        UserError
            No clip has a text; a text beside a clip is not UTF-8; a table cannot be read or has two rows for a clip.
        """
        captions = self._read_captions()
        texts = [
            read_text_beside(raw / path)
            if path and (raw / path).with_suffix(SUFFIX).is_file()
            else captions.get(clip_id, "")
            for clip_id, path in zip(clips["clip_id"], clips["path"], strict=True)
        ]
        if not any(texts):
            raise UserError(
                f"family {name}: a text expected beside a clip ({Path(clips['path'].iloc[0]).stem or 'clip'}{SUFFIX})"
                f" or in {self.captions} (table with {self.key} and {self.column}), none found for any clip; add some"
            )
        return pd.DataFrame({"clip_id": clips["clip_id"].to_numpy(), f"{name}__words__clip": texts}, dtype=object)

    def names_genre(self, text: str, genre: str) -> bool:
        """Return whether a text contains the name of its genre, as a word that is not ignored or as two in a row."""
        words = [word for word in _WORD.findall(text.lower()) if word not in self.ignored]
        terms = {*words, *(first + second for first, second in pairwise(words))}
        return re.sub(r"[\W_]", "", genre.lower()) in terms

    def _read_captions(self) -> dict[str, str]:
        source = Path(self.captions).expanduser()
        captions: dict[str, str] = {}
        for path in tables.list_user_tables(source):
            rows = tables.read_user_table(path, [self.key, self.column])
            for clip_id, text in zip(rows[self.key], rows[self.column], strict=True):
                if clip_id in captions:
                    raise UserError(f"{path}: one row per clip expected, clip {clip_id} has more; keep one")
                captions[clip_id] = text.strip()
        return captions


def read_text_beside(path: Path) -> str:
    """Return the text in the file `<clip>.txt` beside an audio file, "" if there is none.

    Raises
    ------
    UserError
        The text is not UTF-8.
    """
    sidecar = path.with_suffix(SUFFIX)
    if not sidecar.is_file():
        return ""
    try:
        return sidecar.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise UserError(f"{sidecar}: UTF-8 expected, byte {error.start} is not; save it as UTF-8") from error
