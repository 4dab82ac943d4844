from pathlib import Path

import pytest
from pydantic import ValidationError

from regenre.tabular.transcript import Transcript, Word, read_transcript


def test_measures_of_speech() -> None:
    transcript = Transcript("t", 4.0, [Word(0.0, 0.5, "a", 0.5), Word(1.0, 1.5, "b", 1.0)])
    assert (transcript.text, transcript.words_per_s, transcript.confidence) == ("a b", 0.5, 0.75)
    silent = Transcript("t", 4.0, [])
    assert (silent.text, silent.words_per_s, silent.confidence) == ("", 0.0, 0.0)


def test_a_clip_without_a_transcript_has_none(tmp_path: Path) -> None:
    assert read_transcript(tmp_path / "a.wav") is None


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_a_confidence_is_a_probability(confidence: float) -> None:
    with pytest.raises(ValidationError):
        Word(0.0, 0.5, "a", confidence)
