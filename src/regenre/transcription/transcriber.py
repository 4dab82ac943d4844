"""What a transcriber is, and the files that it leaves beside a clip.

Transcriber      interface of the classes that conf/transcriber/ names
transcribe_file  clip -> `<clip>.txt` for readers and `<clip>.transcript.json` with times and confidence
"""

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from regenre import audio
from regenre.common import files
from regenre.common.paths import TEXT
from regenre.tabular.transcript import Transcript, Word, read_transcript


@runtime_checkable
class Transcriber(Protocol):
    """A speech recogniser.

    Attributes
    ----------
    sr : sampling rate in Hz that it reads
    """

    sr: int

    def __call__(self, y: np.ndarray) -> list[Word]:
        """Return the words in mono samples, float32, shape (n_samples,)."""


def transcribe_file(name: str, transcriber: Transcriber, path: Path) -> Transcript | None:
    """Write the words of a clip beside it; return None, and change nothing, if the clip has a text.

    A transcript without its text, as an interruption leaves it, is not made again.

    Parameters
    ----------
    name : of the transcriber

    Raises
    ------
    AudioError
        The file cannot be used.
    UserError
        The file beside the clip is not a transcript.
    """
    target = path.with_suffix(TEXT)
    if target.exists() and path.exists():
        return None
    transcript = read_transcript(path)
    if transcript is None:
        y = audio.load(path, transcriber.sr)
        transcript = Transcript(name, len(y) / transcriber.sr, transcriber(y))
        transcript.write(path)
    files.write_text(target, transcript.text + "\n")
    return transcript
