from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import SR, frames_of, noise

from regenre import extraction
from regenre.compute import Local
from regenre.errors import UserError
from regenre.extraction import Analysis, extract
from regenre.families.mfcc import Mfcc
from regenre.families.rhythm import Rhythm
from regenre.families.spectral_shape import SpectralShape
from regenre.pooling import Statistics

FAMILIES = {"mfcc": Mfcc(), "spectral_shape": SpectralShape()}


@pytest.fixture
def clips(tmp_path: Path) -> pd.DataFrame:
    for number in range(5):
        soundfile.write(tmp_path / f"{number}.wav", noise(1 + number / 3, seed=number), SR)
    return pd.DataFrame({"clip_id": list("abcde"), "path": [f"{number}.wav" for number in range(5)]})


def extracted(clips: pd.DataFrame, raw: Path, n_jobs: int = 1) -> dict[str, pd.DataFrame]:
    with Local(n_jobs).parallel():
        return extract(clips, raw, Analysis(FAMILIES, Statistics(), SR, 2048, 512))[0].pooled


def test_a_row_a_clip_and_a_column_a_feature_and_statistic(clips: pd.DataFrame, tmp_path: Path) -> None:
    found = extracted(clips, tmp_path)
    assert found["mfcc"].shape == (5, 1 + 2 * 20)
    assert list(found["spectral_shape"].columns[:3]) == [
        "clip_id", "spectral_shape__centroid__mean", "spectral_shape__spread__mean",
    ]  # fmt: skip
    assert np.isfinite(found["mfcc"].drop(columns="clip_id").to_numpy()).all()


def test_order_and_number_of_workers_change_no_bit(clips: pd.DataFrame, tmp_path: Path) -> None:
    one, two = extracted(clips, tmp_path), extracted(clips.iloc[::-1].reset_index(drop=True), tmp_path, n_jobs=2)
    for name in FAMILIES:
        pd.testing.assert_frame_equal(one[name], two[name].sort_values("clip_id", ignore_index=True), check_exact=True)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_clip_that_went_bad_since_the_index_is_named(clips: pd.DataFrame, tmp_path: Path, n_jobs: int) -> None:
    (tmp_path / "2.wav").write_text("spoilt")
    with pytest.raises(UserError, match=r"clip c: libsndfile cannot read it.*run `dvc repro index` again"):
        extracted(clips, tmp_path, n_jobs)


def test_sequences_are_the_frame_wise_families_blocks(clips: pd.DataFrame, tmp_path: Path) -> None:
    families = {"mfcc": Mfcc(), "rhythm": Rhythm()}
    found, nothing = extract(clips, tmp_path, Analysis(families, Statistics(), SR, 2048, 512, n_averaged=8))
    assert nothing.pooled == {}
    assert list(found.sequences) == ["mfcc"]
    mfcc = Mfcc()(frames_of(noise(1, seed=0)))
    assert [len(sequence) for sequence in found.sequences["mfcc"]] == [6, 8, 9, 11, 13]
    np.testing.assert_allclose(found.sequences["mfcc"][0][0], mfcc[:, :8].mean(axis=1), rtol=1e-2, atol=0.05)


def test_a_piece_is_what_a_clip_cut_so_would_be(clips: pd.DataFrame, tmp_path: Path) -> None:
    analysis = Analysis(FAMILIES, Statistics(), SR, 2048, 512, n_averaged=8)
    _, pieces = extract(clips, tmp_path, analysis, piece_s=0.7)
    assert list(pieces.clip_ids) == ["a#0", "b#0", "c#0", "c#1", "d#0", "d#1", "e#0", "e#1", "e#2"]
    y, _ = soundfile.read(tmp_path / "2.wav", dtype="float32")
    n = round(0.7 * SR)
    soundfile.write(tmp_path / "piece.wav", y[n : 2 * n], SR)
    alone = extracted(pd.DataFrame({"clip_id": ["c#1"], "path": ["piece.wav"]}), tmp_path)
    for name in FAMILIES:
        row = pieces.pooled[name].set_index("clip_id").loc[["c#1"]].reset_index()
        pd.testing.assert_frame_equal(row, alone[name], check_exact=True)
    assert len(pieces.sequences["mfcc"]) == 9


def test_a_clip_shorter_than_a_piece_is_one() -> None:
    assert [len(piece) for piece in extraction.pieces(np.zeros(5), 7)] == [5]
    assert [len(piece) for piece in extraction.pieces(np.zeros(15), 7)] == [7, 7]
    assert extraction.pieces(np.zeros(15), 0) == []
