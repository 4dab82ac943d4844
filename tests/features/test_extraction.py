from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.signal
import soundfile
from helpers import SR, build_family, build_leaf, frames_of, list_clips, noise

from regenre import audio
from regenre.common.compute import Local
from regenre.common.config import read_feature_set
from regenre.common.errors import UserError
from regenre.deformation.deformation import make_copies
from regenre.features import extraction
from regenre.features.extraction import Analysis, Copies, extract
from regenre.features.frames import Frames

pytestmark = pytest.mark.slow

FAMILIES = {name: build_family(name) for name in ("mfcc", "spectral_shape")}
POOLING = build_leaf("pooling", "mean_std")


@pytest.fixture
def clips(tmp_path: Path) -> pd.DataFrame:
    for number in range(5):
        soundfile.write(tmp_path / f"{number}.wav", noise(1 + number / 3, seed=number), SR)
    return list_clips(tmp_path, "abcde", [f"{number}.wav" for number in range(5)])


def extract_pooled(clips: pd.DataFrame, raw: Path, n_jobs: int = 1) -> dict[str, pd.DataFrame]:
    with Local(n_jobs).use():
        return extract(clips, raw, Analysis(FAMILIES, POOLING, SR, 2048, 512)).clips.pooled


def test_tables_have_one_row_per_clip_and_one_column_per_feature_and_statistic(
    clips: pd.DataFrame, tmp_path: Path
) -> None:
    tables = extract_pooled(clips, tmp_path)
    assert tables["mfcc"].shape == (5, 1 + 2 * 20)
    assert list(tables["spectral_shape"].columns[:3]) == [
        "clip_id", "spectral_shape__centroid__mean", "spectral_shape__spread__mean",
    ]  # fmt: skip
    assert np.isfinite(tables["mfcc"].drop(columns="clip_id").to_numpy()).all()


def test_features_do_not_depend_on_the_order_of_clips_or_the_number_of_workers(
    clips: pd.DataFrame, tmp_path: Path
) -> None:
    one, two = (
        extract_pooled(clips, tmp_path),
        extract_pooled(clips.iloc[::-1].reset_index(drop=True), tmp_path, n_jobs=2),
    )
    for name in FAMILIES:
        pd.testing.assert_frame_equal(one[name], two[name].sort_values("clip_id", ignore_index=True), check_exact=True)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_names_a_clip_that_became_unreadable(clips: pd.DataFrame, tmp_path: Path, n_jobs: int) -> None:
    (tmp_path / "2.wav").write_text("not audio")
    with pytest.raises(UserError, match=r"2.wav: the clip that was indexed expected, another file found; run `dvc re"):
        extract_pooled(clips, tmp_path, n_jobs)
    (tmp_path / "2.wav").unlink()
    with pytest.raises(UserError, match=r"2.wav: a clip expected, none found on this machine; run `dvc repro --force"):
        extract_pooled(clips, tmp_path, n_jobs)


def test_sequences_hold_block_means_of_families_that_describe_each_frame(clips: pd.DataFrame, tmp_path: Path) -> None:
    families = {name: build_family(name) for name in ("mfcc", "rhythm")}
    found = extract(clips, tmp_path, Analysis(families, POOLING, SR, 2048, 512, n_averaged=8))
    assert (found.pieces.pooled, found.copies) == ({}, {})
    features = found.clips
    assert list(features.sequences) == ["mfcc"]
    mfcc = FAMILIES["mfcc"](frames_of(noise(1, seed=0)))
    assert [len(sequence) for sequence in features.sequences["mfcc"]] == [6, 8, 9, 11, 13]
    np.testing.assert_allclose(features.sequences["mfcc"][0][0], mfcc[:, :8].mean(axis=1), rtol=1e-2, atol=0.05)


def test_a_piece_has_the_features_of_a_clip_with_its_samples(clips: pd.DataFrame, tmp_path: Path) -> None:
    analysis = Analysis(FAMILIES, POOLING, SR, 2048, 512, n_averaged=8)
    pieces = extract(clips, tmp_path, analysis, piece_s=0.7).pieces
    assert list(pieces.clip_ids) == ["a#0", "b#0", "c#0", "c#1", "d#0", "d#1", "e#0", "e#1", "e#2"]
    y, _ = soundfile.read(tmp_path / "2.wav", dtype="float32")
    n = round(0.7 * SR)
    soundfile.write(tmp_path / "piece.wav", y[n : 2 * n], SR)
    alone = extract_pooled(list_clips(tmp_path, ["c#1"], ["piece.wav"]), tmp_path)
    for name in FAMILIES:
        row = pieces.pooled[name].set_index("clip_id").loc[["c#1"]]
        pd.testing.assert_frame_equal(row, alone[name].set_index("clip_id"), check_exact=True, check_index_type=False)
    assert len(pieces.sequences["mfcc"]) == 9


def test_copies_are_of_changed_clips_and_do_not_depend_on_the_workers(clips: pd.DataFrame, tmp_path: Path) -> None:
    deformations = {name: build_leaf("deformation", name) for name in ("gain_minus_6", "white_20")}
    analysis = Analysis(FAMILIES, POOLING, SR, 2048, 512, n_averaged=8)
    found = []
    for n_jobs in (1, 2):
        with Local(n_jobs).use():
            found.append(extract(clips, tmp_path, analysis, 0.0, {"loud": Copies(2, deformations, ["mfcc"])}))
    for one, two in zip(*(each.copies["loud"] for each in found), strict=True):
        pd.testing.assert_frame_equal(one.pooled["mfcc"], two.pooled["mfcc"], check_exact=True)
        np.testing.assert_array_equal(one.sequences["mfcc"][0], two.sequences["mfcc"][0])
        assert list(one.pooled) == ["mfcc"]
    y, _ = soundfile.read(tmp_path / "0.wav", dtype="float32", always_2d=True)
    for copy, samples in zip(found[0].copies["loud"], make_copies(deformations, 2, y, SR, "a"), strict=True):
        rows, _ = analysis(samples[:, 0])
        np.testing.assert_array_equal(copy.pooled["mfcc"].iloc[0, 1:].to_numpy(np.float32), rows["mfcc"])


DEAF_TO_GAIN = {
    "chroma", "correlation_pattern", "delta_spectral_pattern", "logarithmic_fluctuation_pattern", "lpcc",
    "pncc", "rhythm", "spectral_contrast_pattern", "spectral_pattern", "spectral_shape", "tonnetz",
    "variance_delta_spectral_pattern",
}  # fmt: skip


def test_which_families_are_deaf_to_gain() -> None:
    analysis = Analysis({name: build_family(name) for name in read_feature_set("all").families}, POOLING, SR, 2048, 512)
    y = extraction.make_probe(SR)
    (loud, _), (soft, _), (other, _) = analysis(y), analysis(y / 4), analysis(noise(3.0))
    moved = {name: np.abs(loud[name] - soft[name]).max() / np.abs(loud[name] - other[name]).max() for name in loud}
    assert {name for name, share in moved.items() if share < 0.01} == DEAF_TO_GAIN


def test_a_level_makes_features_deaf_to_gain() -> None:
    y = noise(1.0)
    for loudness, is_deaf in (("none", False), ("rms", True), ("bs1770", True)):
        analysis = Analysis(FAMILIES, POOLING, SR, 2048, 512, loudness=loudness, floor_db=40.0)
        (loud, _), (soft, _) = analysis(y), analysis(np.float32(0.1) * y)
        assert np.allclose(loud["mfcc"], soft["mfcc"], atol=1e-3) == is_deaf  # float32


def test_a_clip_shorter_than_a_piece_is_one_piece() -> None:
    assert [len(piece) for piece in extraction.cut_pieces(np.zeros(5), 7)] == [5]
    assert [len(piece) for piece in extraction.cut_pieces(np.zeros(15), 7)] == [7, 7]
    assert extraction.cut_pieces(np.zeros(15), 0) == []


class Twins:
    """A family with two features of one name."""

    names = ("a", "b", "a")

    def __call__(self, frames: Frames) -> np.ndarray:
        return np.zeros((3, frames.n_frames), np.float32)


def test_two_features_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match=r"^family twins: each name once expected, a found twice$"):
        Analysis({"twins": Twins()}, POOLING, SR, 2048, 512)


def test_settings_that_fit_no_bank_are_refused_before_any_clip_is_read() -> None:
    families = {"mfcc": build_family("mfcc")}
    message = (
        r"^family mfcc at 44100 Hz with n_fft 512: a bin in each band expected, 1. of 128 .*; see conf/family/mfcc"
    )
    with pytest.raises(UserError, match=message) as caught:
        Analysis(families, POOLING, 44_100, 512, 512)
    assert "\n" not in str(caught.value)


def test_a_sound_has_the_same_features_from_a_higher_rate(shared) -> None:
    """In standard deviations between clips; the rate of zero crossings also counts what is above the last bin."""
    names = read_feature_set("all").families
    analysis = Analysis({name: build_family(name) for name in names}, POOLING, SR, 2048, 512)
    own, others = [], []
    for path in sorted((shared / "audio/gtzan_mini").glob("*/*0.flac"))[:10]:
        y = soundfile.read(path, dtype="float32")[0][: 10 * SR]
        for rows, samples in ((own, y), (others, scipy.signal.resample(y, 441_000).astype(np.float32))):
            features, _ = analysis(audio.prepare(samples[:, None], len(samples) // 10, SR))
            rows.append(np.concatenate(list(features.values())))
    moves = np.sqrt(np.square(np.array(others) - own).mean(axis=0)) / np.std(own, axis=0)
    assert moves.max() < 0.3
