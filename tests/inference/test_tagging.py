"""Tags: the network's own answer for each patch, silence, short files, and what is missing."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from helpers import noise, silence, sine

from regenre.common.errors import UserError
from regenre.decoding import AudioError
from regenre.features.frames import Frames
from regenre.inference.tagging import Tagger, open_tagger

onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'regenre[pretrained]'")
SR = 16_000
PATCH = 187 * 256  # samples


@pytest.fixture
def root(networks: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the weights."""
    monkeypatch.setenv("REGENRE_ROOT", str(networks))
    return networks


def run_network(root: Path, y: np.ndarray) -> np.ndarray:
    """The network's tags for samples that fill one patch, by librosa's front end."""
    power = librosa.feature.melspectrogram(y=y, sr=SR, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect")
    session = onnxruntime.InferenceSession(root / "data/pretrained/musicnn_msd.onnx")
    return session.run(["tags"], {"log_mel": np.log10(10_000 * power + 1).T[None, :187].astype(np.float32)})[0][0]


def test_each_patch_has_the_networks_tags_and_a_silent_one_has_none(root: Path, tmp_path: Path) -> None:
    patches = [sine(440, PATCH / SR, SR), silence(PATCH / SR, SR), noise(PATCH / SR, SR)]
    soundfile.write(tmp_path / "long.wav", np.concatenate([*patches, noise(1.0, SR)]), SR, subtype="FLOAT")
    answer = open_tagger("msd").tag_file(tmp_path / "long.wav")
    np.testing.assert_allclose(answer.starts_s, [0, PATCH / SR, 2 * PATCH / SR])  # the rest is less than half a patch
    assert len(set(answer.genres)) == 50
    assert answer.genres[:2] == ("rock", "pop")
    assert not answer.exclusive
    for number in (0, 2):
        expected = run_network(root, patches[number])
        np.testing.assert_allclose(answer.timeline[number], expected, atol=1e-4)  # float32 spectra
    np.testing.assert_array_equal(answer.timeline[1], 0)


def test_a_short_file_fills_one_patch_and_half_a_patch_at_the_end_is_one(root: Path, tmp_path: Path) -> None:
    y = noise(2 * PATCH / SR, SR)
    soundfile.write(tmp_path / "short.wav", y[:SR], SR)
    soundfile.write(tmp_path / "long.wav", y[: PATCH * 8 // 5], SR)
    assert open_tagger("mtt").tag_file(tmp_path / "short.wav").timeline.shape == (1, 50)
    assert open_tagger("mtt").tag_file(tmp_path / "long.wav").timeline.shape == (2, 50)


@pytest.mark.parametrize(
    ("y", "message"), [(silence(7.0, SR), "peak 0.0e"), (sine(440, 0.5, SR), "0.50 s, at least 1.00 s expected")]
)
def test_a_file_that_cannot_be_tagged_raises(root: Path, tmp_path: Path, y: np.ndarray, message: str) -> None:
    soundfile.write(tmp_path / "bad.wav", y, SR)
    with pytest.raises(AudioError, match=message):
        open_tagger("msd").tag_file(tmp_path / "bad.wav")


def test_without_weights_one_line_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".regenre").touch()
    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    open_tagger.cache_clear()
    with pytest.raises(
        UserError, match=r"^weights expected at .*msd.onnx, none found; run `regenre pretrained musicnn`"
    ):
        open_tagger("msd")


class Recorder:
    """A network that remembers what it was asked."""

    sr, window_s, names = SR, PATCH / SR, ("a",)

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def __call__(self, frames: Frames) -> np.ndarray:
        self.lengths.append(len(frames.y))
        return np.zeros((1, frames.n_frames), np.float32)


def test_the_network_gets_one_patch_at_a_time(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.tile(noise(3.0, SR), 8), SR)
    recorder = Recorder()
    Tagger(recorder).tag_file(tmp_path / "long.wav")
    assert recorder.lengths == [PATCH] * 8
