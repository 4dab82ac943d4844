"""CMU PocketSphinx (Huggins-Daines et al. 2006), with the English model that its wheel brings."""

import io
import re
from functools import cache
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from regenre.common.errors import UserError
from regenre.common.kinds import strict_dataclass
from regenre.tabular.transcript import Word

_FRAME_S = 0.01
_NO_WORD = re.compile(r"[<\[+]")  # <sil>, [NOISE], ++BREATH++
_VARIANT = re.compile(r"\(\d+\)$")  # the second pronunciation of `the` is `the(2)`


@strict_dataclass
class PocketSphinx:
    """Words of English speech; sound that is no speech is skipped. The same samples yield the same words.

    Parameters
    ----------
    strictness : of the detection of speech, 0 (most sound passes) to 3
    """

    strictness: Annotated[int, Field(ge=0, le=3)]

    sr: ClassVar[int] = 16_000

    def __call__(self, y: np.ndarray) -> list[Word]:
        """Return the words in mono samples, float32, shape (n_samples,).

        Raises
        ------
        UserError
            pocketsphinx is not installed.
        """
        module, decoder = _make_decoder()
        decoder.reinit_feat()  # forget the noise of the sound before
        stream = io.BytesIO((np.clip(y, -1, 1) * 32_767).astype(np.int16).tobytes())
        words: list[Word] = []
        for speech in module.Segmenter(sample_rate=self.sr, vad_mode=self.strictness).segment(stream):
            decoder.start_utt()
            decoder.process_raw(speech.pcm, full_utt=True)
            decoder.end_utt()
            for part in decoder.seg() if decoder.hyp() else ():
                if not _NO_WORD.match(part.word):
                    start_s, end_s = (
                        round(float(speech.start_time) + frame * _FRAME_S, 2)
                        for frame in (part.start_frame, part.end_frame + 1)
                    )
                    confidence = round(min(1.0, float(part.prob)), 4)  # rounding in its logarithms may pass 1
                    words.append(Word(start_s, end_s, _VARIANT.sub("", part.word), confidence))
        return words


@cache
def _make_decoder() -> tuple[Any, Any]:
    """Return the module, and a decoder that normalises each stretch of speech by itself (`cmn`)."""
    try:
        import pocketsphinx
    except ImportError as error:
        raise UserError("pocketsphinx expected, none found; pip install 'regenre[pocketsphinx]'") from error
    return pocketsphinx, pocketsphinx.Decoder(loglevel="FATAL", cmn="batch")
