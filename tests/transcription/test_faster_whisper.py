import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import build_leaf

from regenre.common.errors import UserError
from regenre.tabular.transcript import Word
from regenre.transcription import faster_whisper


@pytest.fixture(autouse=True)
def unloaded() -> None:
    faster_whisper._load.cache_clear()


def test_words_of_all_segments_are_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is a stand-in: weights cannot be had without a network."""
    words = [SimpleNamespace(start=0.123, end=0.5, word=" Hello", probability=0.98765), None]
    segments = [SimpleNamespace(words=words[:1]), SimpleNamespace(words=None)]
    model = SimpleNamespace(transcribe=lambda y, **options: (iter(segments), options))
    monkeypatch.setattr(faster_whisper, "_load", lambda name, device: model)
    assert build_leaf("transcriber", "faster_whisper")(np.zeros(16_000)) == [Word(0.12, 0.5, "Hello", 0.9877)]


def test_a_folder_without_weights_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    with pytest.raises(UserError, match=r"faster-whisper: the model '.*' expected, in a folder or on .*, but .*; down"):
        build_leaf("transcriber", "faster_whisper", model=str(tmp_path))(np.zeros(16_000, np.float32))


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(UserError, match=r"pip install 'regenre\[faster-whisper\]'$"):
        build_leaf("transcriber", "faster_whisper")(np.zeros(0, np.float32))
