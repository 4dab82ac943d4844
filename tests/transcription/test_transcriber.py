from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import SR, sine

from regenre.common.errors import UserError
from regenre.decoding import AudioError
from regenre.tabular.transcript import Transcript, Word, read_transcript
from regenre.transcription.transcriber import Transcriber, transcribe_file


@dataclass
class Counting:
    """Hears one word a second, and counts what it hears."""

    sr: int = 8000
    n_calls: int = 0

    def __call__(self, y: np.ndarray) -> list[Word]:
        self.n_calls += 1
        return [Word(float(second), second + 0.5, f"word{second}", 0.25) for second in range(len(y) // self.sr)]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", sine(440, 2.0), SR)
    return tmp_path / "a.wav"


def test_the_text_and_the_times_of_words_lie_beside_the_clip(clip: Path) -> None:
    assert isinstance(Counting(), Transcriber)
    transcript = transcribe_file("counting", Counting(), clip)
    assert clip.with_suffix(".txt").read_text() == "word0 word1\n"
    assert read_transcript(clip) == transcript
    assert transcript == Transcript("counting", 2.0, [Word(0, 0.5, "word0", 0.25), Word(1, 1.5, "word1", 0.25)])
    assert (transcript.words_per_s, transcript.confidence) == (1.0, 0.25)


def test_a_clip_that_has_a_text_stays_as_it_is(clip: Path) -> None:
    clip.with_suffix(".txt").write_text("by hand")
    transcriber = Counting()
    assert transcribe_file("counting", transcriber, clip) is None
    assert transcriber.n_calls == 0
    assert sorted(path.name for path in clip.parent.iterdir()) == ["a.txt", "a.wav"]
    assert clip.with_suffix(".txt").read_text() == "by hand"


def test_an_interrupted_clip_is_not_recognised_again(clip: Path) -> None:
    transcribe_file("counting", Counting(), clip)
    clip.with_suffix(".txt").unlink()
    transcriber = Counting()
    assert transcribe_file("counting", transcriber, clip) == read_transcript(clip)
    assert transcriber.n_calls == 0
    assert clip.with_suffix(".txt").read_text() == "word0 word1\n"


def test_a_file_that_is_no_transcript_is_refused_and_stays(clip: Path) -> None:
    clip.with_suffix(".transcript.json").write_text("{}")
    with pytest.raises(
        UserError, match=r"a.transcript.json: format 1 expected, no format found.*remove it and the .txt beside it"
    ):
        transcribe_file("counting", Counting(), clip)
    assert clip.with_suffix(".transcript.json").read_text() == "{}"


def test_a_text_without_its_clip_is_no_clip(clip: Path) -> None:
    clip.with_suffix(".txt").write_text("by hand")
    clip.unlink()
    with pytest.raises(AudioError, match="a file expected, nothing found there"):
        transcribe_file("counting", Counting(), clip)


def test_what_is_no_audio_has_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("not audio")
    with pytest.raises(AudioError):
        transcribe_file("counting", Counting(), tmp_path / "a.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
