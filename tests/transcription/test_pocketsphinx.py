import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import build_leaf, sine

from regenre import audio
from regenre.common.errors import UserError
from regenre.transcription import pocketsphinx

WORDS = {"capacity", "technology", "applications", "definition", "television", "satellite", "service", "cable"}


def test_read_speech_has_its_words_with_times_and_confidence(shared: Path) -> None:
    transcribe = build_leaf("transcriber", "pocketsphinx")
    y = audio.load(shared / "audio/music_speech/speech/allison.flac", transcribe.sr)[: 20 * transcribe.sr]
    beginning = transcribe(y[: 4 * transcribe.sr])
    words = transcribe(y)
    assert len(WORDS & {word.word for word in words}) >= 6
    assert all(0 <= word.start_s < word.end_s <= 20.1 for word in words)
    assert [word.start_s for word in words] == sorted(word.start_s for word in words)
    assert len({word.confidence for word in words}) > 10
    assert not any(set(word.word) & set("<>[]()") for word in words)
    assert beginning == transcribe(y[: 4 * transcribe.sr]) != []  # whatever was heard before


@pytest.mark.parametrize("y", [np.zeros(0), np.zeros(16_000), sine(440, 2.0, 16_000)], ids=["empty", "silent", "tone"])
def test_what_is_no_speech_has_no_words(y: np.ndarray) -> None:
    assert build_leaf("transcriber", "pocketsphinx")(y.astype(np.float32)) == []


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pocketsphinx._make_decoder.cache_clear()
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(UserError, match=r"^pocketsphinx expected, none found; pip install 'regenre\[pocketsphinx\]'$"):
        build_leaf("transcriber", "pocketsphinx")(np.zeros(0, np.float32))
