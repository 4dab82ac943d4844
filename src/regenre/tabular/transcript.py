"""The words that were recognised in a clip, in a file beside it: `<clip>.transcript.json`."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from regenre.common import records
from regenre.common.kinds import Positive, PositiveOrZero, strict_dataclass
from regenre.common.paths import TEXT, TRANSCRIPT

_REMEDY = f"remove it and the {TEXT} beside it, then run `regenre transcribe`"


@strict_dataclass
class Word:
    """A word and where it was heard.

    Parameters
    ----------
    start_s, end_s : in the clip
    word : as it is written
    confidence : the recogniser's probability, 0 to 1
    """

    start_s: PositiveOrZero
    end_s: PositiveOrZero
    word: str
    confidence: Annotated[float, Field(ge=0, le=1)]


@strict_dataclass
class Transcript:
    """What was recognised in a clip.

    Parameters
    ----------
    transcriber : name of the recogniser in conf/transcriber
    duration_s : length of the clip
    words : in order
    """

    FORMAT: ClassVar[int] = 1

    transcriber: str
    duration_s: Positive
    words: list[Word]

    @property
    def text(self) -> str:
        """The words in a row."""
        return " ".join(word.word for word in self.words)

    @property
    def words_per_s(self) -> float:
        """How many words are spoken in a second: few in music, none in birdsong."""
        return len(self.words) / self.duration_s

    @property
    def confidence(self) -> float:
        """Mean confidence of the words; 0 without words."""
        return sum(word.confidence for word in self.words) / max(1, len(self.words))

    def write(self, clip: Path) -> None:
        """Write the file beside a clip."""
        records.write_record(clip.with_suffix(TRANSCRIPT), self)


def read_transcript(clip: Path) -> Transcript | None:
    """Return the transcript beside a clip, None if there is none.

    Raises
    ------
    UserError
        The file is not a transcript.
    """
    path = clip.with_suffix(TRANSCRIPT)
    return records.read_record(path.resolve(), Transcript, _REMEDY) if path.is_file() else None
