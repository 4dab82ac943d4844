"""Whisper (Radford et al. 2023) in the implementation of faster-whisper; its weights come from the Hugging Face Hub."""

from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np

from regenre.common.errors import UserError, join_lines
from regenre.common.kinds import Count, strict_dataclass
from regenre.tabular.transcript import Word


@strict_dataclass
class FasterWhisper:
    """Words of speech in the languages that the model knows.

    Parameters
    ----------
    model : name of a model on the Hub, such as `base.en`, or a folder with one
    language : such as `en`; None: the model tells it from the first 30 s
    beam_size : number of beams of the search
    device : `cpu`, `cuda`, or `auto`
    """

    model: str
    language: str | None
    beam_size: Count
    device: Literal["auto", "cpu", "cuda"]

    sr: ClassVar[int] = 16_000

    def __call__(self, y: np.ndarray) -> list[Word]:
        """Return the words in mono samples, float32, shape (n_samples,).

        Raises
        ------
        UserError
            faster-whisper is not installed, or the model's weights are not there.
        """
        segments, _ = _load(self.model, self.device).transcribe(
            y, language=self.language, beam_size=self.beam_size, word_timestamps=True, vad_filter=True, temperature=0.0
        )
        return [
            Word(
                round(float(word.start), 2),
                round(float(word.end), 2),
                word.word.strip(),
                round(float(word.probability), 4),
            )
            for segment in segments
            for word in segment.words or ()
        ]


@cache
def _load(model: str, device: str) -> Any:
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise UserError("faster-whisper expected, none found; pip install 'regenre[faster-whisper]'") from error
    try:
        return WhisperModel(model, device=device, cpu_threads=1)
    except Exception as error:  # of the Hub, of its network or of the runtime
        reason = join_lines(f"{type(error).__name__}: {error}")[:300]
        raise UserError(
            f"faster-whisper: the model {model!r} expected, in a folder or on the Hugging Face Hub, but {reason};"
            " download it elsewhere and name its folder as `model` in conf/transcriber/faster_whisper.yaml"
        ) from error
