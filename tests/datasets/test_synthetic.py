from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from regenre import audio
from regenre.common.compute import Local
from regenre.datasets.synthetic import Synthetic
from regenre.synthesis.music import STYLES

TINY = Synthetic(n_artists=3, n_clips=2, duration_s=2.0, seed=5)


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    TINY.download(folder)
    return folder


def test_every_class_has_its_clips_and_artists(raw: Path) -> None:
    clips = TINY.list_clips(raw)
    assert clips["genre"].nunique() == len(STYLES) >= 10
    assert clips.groupby("genre")["group"].nunique().min() >= 3
    assert clips["clip_id"].is_unique
    for path in clips["path"]:
        assert (raw / path).is_file()
    truth = set(pd.read_csv(raw / "truth.csv")["clip_id"])
    for _, clip in clips[~clips["clip_id"].isin(truth)].iterrows():
        y, sr = soundfile.read(raw / clip["path"])
        assert (len(y), sr) == (2 * 22_050, 22_050)
        assert 0.1 < np.abs(y).max() <= 1


def test_clips_have_the_faults_of_the_truth_table(raw: Path) -> None:
    truth = pd.read_csv(raw / "truth.csv", keep_default_na=False).merge(TINY.list_clips(raw), on="clip_id")
    for _, row in truth.iterrows():
        path, fault = raw / row["path"], row["fault"]
        related = raw / row["genre"] / f"{row['related_clip_id']}.wav"
        if fault == "exact_replica":
            assert path.read_bytes() == related.read_bytes()
        elif fault == "shifted_replica":
            replica, original = soundfile.read(path)[0], soundfile.read(related)[0]
            np.testing.assert_allclose(replica, 0.6 * np.roll(original, round(0.25 * 22_050)), atol=1e-4)
        elif fault in ("coded_replica", "noisy_replica", "faster_replica"):
            replica, original = soundfile.read(path)[0], soundfile.read(related)[0]
            assert len(replica) == pytest.approx(len(original) / (1.02 if fault == "faster_replica" else 1), abs=2)
            if fault != "faster_replica":
                assert np.corrcoef(replica, original)[0, 1] > 0.99
        elif fault in ("clipped", "dc", "wrong_length", "wrong_rate"):
            y, sr = soundfile.read(path)
            is_faulty = {
                "clipped": np.abs(y).max() == 32767 / 32768,
                "dc": y.mean() > 0.05,
                "wrong_length": len(y) == sr,
            }
            assert {**is_faulty, "wrong_rate": sr == 16_000}[fault]
        elif fault == "mislabelled":
            assert row["genre"] != row["true_genre"]
            assert row["group"].startswith(row["true_genre"])
        else:
            expected = {"truncated": "truncated", "silent": "silent", "not_audio": "unreadable"}[fault]
            with pytest.raises(audio.AudioError) as error_info:
                audio.check_samples(*audio.decode(path), 0.5)
            assert error_info.value.fault == expected
    assert set(truth["fault"]) == {
        "exact_replica", "shifted_replica", "mislabelled", "truncated", "silent", "not_audio",
        "coded_replica", "noisy_replica", "faster_replica", "clipped", "dc", "wrong_length", "wrong_rate",
    }  # fmt: skip


def test_the_seed_decides_every_byte_and_the_number_of_workers_does_not(raw: Path, tmp_path: Path) -> None:
    with Local(2).use():
        TINY.download(tmp_path)
    files = sorted(path.relative_to(raw) for path in raw.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert all((raw / path).read_bytes() == (tmp_path / path).read_bytes() for path in files)


def test_another_seed_yields_another_corpus(raw: Path, tmp_path: Path) -> None:
    Synthetic(n_artists=3, n_clips=2, duration_s=2.0, seed=6).download(tmp_path)
    name = "square_riff/square_riff.00000.wav"
    assert (raw / name).read_bytes() != (tmp_path / name).read_bytes()
