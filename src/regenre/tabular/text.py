"""Texts of clips: lyrics, transcriptions or descriptions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from regenre.common import tables
from regenre.common.errors import UserError
from regenre.common.kinds import Count, Weights, strict_dataclass
from regenre.common.paths import TEXT, TRANSCRIPT
from regenre.tabular.transcript import Transcript, read_transcript

SPEECH = ("words_per_s", "confidence")
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
    speech : whether the measures `SPEECH` of the transcript beside a clip join its words; both are 0 without one
    n_words, min_clips, ignored, worth : how the words are weighted; see `learning.words.Words`
    """

    captions: str
    key: str
    column: str
    speech: bool
    n_words: Count
    min_clips: Count
    ignored: Sequence[str]
    worth: Weights

    def read_table(self, name: str, clips: pd.DataFrame, raw: Path) -> pd.DataFrame:
        """Return clip_id and the columns `name_columns`, one row per clip; "" for a clip without a text.

        Raises
        ------
        UserError
            No clip has a text, or a transcript; a text beside a clip is not UTF-8; a table cannot be read or has two
            rows for a clip.
        """
        captions = self._read_captions()
        texts = [
            read_text_beside(raw / path)
            if path and (raw / path).with_suffix(TEXT).is_file()
            else captions.get(clip_id, "")
            for clip_id, path in zip(clips["clip_id"], clips["path"], strict=True)
        ]
        first = Path(clips["path"].iloc[0]).stem or "clip"
        if not any(texts):
            raise UserError(
                f"family {name}: a text expected beside a clip ({first}{TEXT})"
                f" or in {self.captions} (table with {self.key} and {self.column}), none found for any clip; add some"
            )
        table = pd.DataFrame({"clip_id": clips["clip_id"].to_numpy(), "texts": texts}, dtype=object)
        if self.speech:
            transcripts = [read_transcript(raw / path) if path else None for path in clips["path"]]
            if not any(transcripts):
                raise UserError(
                    f"family {name}: speech: a transcript expected beside a clip ({first}{TRANSCRIPT}), none found for"
                    f" any clip; run `regenre transcribe`, which passes clips that have a {TEXT}, or set speech: false"
                )
            if n_without := sum(transcript is None for transcript in transcripts):
                count = f"{n_without} of {len(transcripts)} clips have no transcript"
                print(f"family {name}: {count}, so their {' and '.join(SPEECH)} are 0")
            table[list(SPEECH)] = np.array([measure_speech(transcript) for transcript in transcripts], np.float32)
        return table.set_axis(["clip_id", *self.name_columns(name)], axis=1)

    def make_row(self, text: "ClipText") -> np.ndarray:
        """Return the values of a clip, objects of shape (n_columns,)."""
        return np.array([text.words, *(text.speech if self.speech else ())], dtype=object)

    def name_columns(self, name: str) -> list[str]:
        """Return the names of the columns."""
        return [f"{name}__{feature}__clip" for feature in ("words", *(SPEECH if self.speech else ()))]

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


@dataclass(frozen=True)
class ClipText:
    """The text of a clip, and the measures `SPEECH` of its transcript."""

    words: str = ""
    speech: Sequence[float] = (0.0,) * len(SPEECH)

    @classmethod
    def read(cls, clip: Path) -> Self:
        """Read the text and the transcript beside a clip (`read_text_beside`, `transcript.read_transcript`)."""
        return cls(read_text_beside(clip), measure_speech(read_transcript(clip)))

    @classmethod
    def assume(cls, words: str, duration_s: float) -> Self:
        """Return a text without a transcript: each of its words counts as recognised, with confidence 1."""
        n_words = len(words.split())
        return cls(words, (n_words / duration_s, float(n_words > 0)))


def measure_speech(transcript: Transcript | None) -> list[float]:
    """Return the measures `SPEECH` of a transcript, 0 without one."""
    return [getattr(transcript, name) if transcript else 0.0 for name in SPEECH]


def read_text_beside(path: Path) -> str:
    """Return the text in the file `<clip>.txt` beside an audio file, "" if there is none.

    Raises
    ------
    UserError
        The text is not UTF-8.
    """
    sidecar = path.with_suffix(TEXT)
    if not sidecar.is_file():
        return ""
    try:
        return sidecar.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise UserError(f"{sidecar}: UTF-8 expected, byte {error.start} is not; save it as UTF-8") from error
