import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from helpers import SR, build_family, build_leaf, list_clips, make_settings, noise

from regenre import audio, parts
from regenre.common import records, tables
from regenre.common.config import FeaturesLeaf, Settings
from regenre.common.errors import UserError
from regenre.common.settings import Augmentation
from regenre.common.tables import FeatureSet
from regenre.features.extraction import Analysis
from regenre.features.feature_files import is_extracted, write_features

NAMES = ["energy", "mfcc", "rhythm"]
SETS = {"mfcc": FeaturesLeaf(["mfcc"]), "both": FeaturesLeaf(["energy", "rhythm"], ["energy__rms__*", "rhythm__*"])}
SETTINGS = make_settings(family={name: {"_target_": name} for name in (*NAMES, "external")})


@pytest.fixture
def clips(tmp_path: Path) -> pd.DataFrame:
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", noise(2.0, seed=number), SR)
    return list_clips(tmp_path, "abc", [f"{number}.wav" for number in range(3)])


def write(
    tmp_path: Path, clips: pd.DataFrame, piece_s: float = 0.0, n_averaged: int = 0, sets: Any = SETS, **more: Any
) -> str:
    families = {name: build_family(name) for name in NAMES}
    analysis = Analysis(families, build_leaf("pooling", "mean_std"), SR, 2048, 512, n_averaged)
    return write_features(
        tmp_path / "features", clips, tmp_path, {**families, **more}, analysis, piece_s, sets, SETTINGS
    )


def read(tmp_path: Path, name: str) -> FeatureSet:
    return records.read_record(tmp_path / "features" / name, FeatureSet, "write it")


def test_every_family_is_a_table_with_its_digest_and_probe(tmp_path: Path, clips: pd.DataFrame) -> None:
    assert write(tmp_path, clips) == "3 clips; columns: energy 10, mfcc 40, rhythm 17"
    record = read(tmp_path, "both.json")
    assert record.columns == ["energy__rms__*", "rhythm__*"]
    assert [len(family.probe or []) for family in record.families.values()] == [10, 17]
    assert [family.framewise for family in record.families.values()] == [True, False]
    assert all(len(family.md5 or "") == 32 and family.frames_md5 is None for family in record.families.values())
    pooled = tables.read_pooled([tmp_path / "features/mfcc.parquet"], clips["clip_id"])
    assert pooled.shape == (3, 40)


def test_features_are_extracted_if_the_record_has_every_setting(tmp_path: Path, clips: pd.DataFrame) -> None:
    def ask(
        settings: Settings = SETTINGS, name: str = "both", n_averaged: int = 0, piece_s: float = 0.0, **leaf: Any
    ) -> bool:
        changed = replace(SETS[name], **leaf)
        return is_extracted(tmp_path / "features", name, changed, n_averaged, piece_s, settings)

    assert not ask()
    write(tmp_path, clips)
    assert ask()
    assert ask(name="mfcc")
    assert not ask(n_averaged=20)
    assert not ask(piece_s=3.0)
    assert not ask(augment=Augmentation(["hiss"], 1))
    assert not ask(families=["energy"])
    assert not ask(columns=["rhythm__*"])
    assert not ask(replace(SETTINGS, audio=replace(SETTINGS.audio, sr=16_000)))
    assert not ask(replace(SETTINGS, frames=replace(SETTINGS.frames, hop_length=256)))
    assert not ask(replace(SETTINGS, pooling={"_target_": "other"}))
    assert not ask(replace(SETTINGS, family=SETTINGS.family | {"rhythm": {"_target_": "rhythm", "n": 1}}))
    write(tmp_path, clips, n_averaged=SETTINGS.sequences.n_averaged)
    assert ask(n_averaged=SETTINGS.sequences.n_averaged)
    other = replace(SETTINGS, sequences=replace(SETTINGS.sequences, n_averaged=7))
    assert not ask(other, n_averaged=7)
    assert ask(other)


def test_a_record_says_what_the_network_of_a_family_was_trained_on(tmp_path: Path, clips: pd.DataFrame) -> None:
    class Network(type(build_family("mfcc"))):
        pretrained_on = "songs of others"

    own = build_family("mfcc")
    families = {"mfcc": Network(**vars(own)), "energy": build_family("energy")}
    analysis = Analysis(families, build_leaf("pooling", "mean_std"), SR, 2048, 512)
    sets = {
        "mfcc": FeaturesLeaf(["mfcc"]),
        "both": FeaturesLeaf(["energy", "mfcc"]),
        "energy": FeaturesLeaf(["energy"]),
        "part": FeaturesLeaf(["energy", "mfcc"], ["ene*__rms__*"]),
        "other": FeaturesLeaf(["energy", "mfcc"], ["*__mean"]),
    }
    write_features(tmp_path / "features", clips, tmp_path, families, analysis, 0.0, sets, SETTINGS)
    assert [read(tmp_path, f"{name}.json").pretrained_on for name in sets] == [
        "mfcc: songs of others", "mfcc: songs of others", "", "", "mfcc: songs of others",
    ]  # fmt: skip
    record = json.loads((tmp_path / "features/mfcc.json").read_text())
    (tmp_path / "features/mfcc.json").write_text(json.dumps(record | {"format": 1}))
    with pytest.raises(UserError, match="format 2 expected, 1 found"):  # format 1 did not know of networks
        read(tmp_path, "mfcc.json")


def test_a_pattern_without_a_column_is_refused_before_any_clip_is_read(tmp_path: Path, clips: pd.DataFrame) -> None:
    for path in clips["path"]:
        (tmp_path / path).unlink()
    analysis = Analysis({"mfcc": build_family("mfcc")}, build_leaf("pooling", "mean_std"), SR, 2048, 512)
    sets = {"mfcc": FeaturesLeaf(["mfcc"], ["mfcc__*", "mfc__*"])}
    with pytest.raises(
        UserError, match=r"conf/features/mfcc.yaml: a column that matches 'mfc__\*' expected, none found"
    ):
        write_features(tmp_path / "features", clips, tmp_path, analysis.families, analysis, 0.0, sets, SETTINGS)


def test_frames_are_written_for_frame_wise_families(tmp_path: Path, clips: pd.DataFrame) -> None:
    write(tmp_path, clips, n_averaged=8)
    assert len(read(tmp_path, "mfcc.json").families["mfcc"].frames_md5 or "") == 32
    assert read(tmp_path, "both.json").families["rhythm"].frames_md5 is None
    _, lengths = tables.read_sequences([tmp_path / "features/mfcc.npz"], clips["clip_id"])
    assert list(lengths) == [11, 11, 11]


def test_pieces_have_tables_of_their_own(tmp_path: Path, clips: pd.DataFrame) -> None:
    assert write(tmp_path, clips, piece_s=0.5).startswith("3 clips and 12 pieces; columns: ")
    pieces = pd.read_parquet(tmp_path / "features/pieces/mfcc.parquet")
    assert list(pieces["clip_id"].iloc[:5]) == ["a#0", "a#1", "a#2", "a#3", "b#0"]


def test_copies_have_tables_of_their_own_and_stand_in_the_record(tmp_path: Path, clips: pd.DataFrame) -> None:
    sets = {**SETS, "loud": FeaturesLeaf(["mfcc"], augment=Augmentation(["gain_minus_*"], 2))}
    write(tmp_path, clips, n_averaged=8, sets=sets)
    augment = read(tmp_path, "loud.json").augment
    assert augment is not None
    assert augment.n == 2
    assert list(augment.deformations) == ["gain_minus_12", "gain_minus_20", "gain_minus_6"]
    assert augment.deformations["gain_minus_6"]["gain_db"] == -6
    assert read(tmp_path, "mfcc.json").augment is None
    folder = tmp_path / "features/copies/loud"
    first, second = (tables.read_pooled([folder / f"{n}/mfcc.parquet"], clips["clip_id"]) for n in range(2))
    assert first.shape == second.shape == (3, 40)
    assert (first != second).any(axis=None)
    assert (folder / "1/mfcc.npz").is_file()


def test_copies_are_of_clips_and_of_families_of_audio(tmp_path: Path, clips: pd.DataFrame) -> None:
    augment = Augmentation(["tilt_6"], 1)
    with pytest.raises(UserError, match=r"loud.yaml: augment: copies cannot be cut into pieces; take segment_kfold"):
        write(tmp_path, clips, piece_s=0.5, sets={"loud": FeaturesLeaf(["mfcc"], augment=augment)})
    clips[["clip_id"]].assign(number=np.arange(3)).to_csv(tmp_path / "table.csv", index=False)
    external = build_family("external", tables=str(tmp_path / "table.csv"))
    sets = {"loud": FeaturesLeaf(["mfcc", "external"], augment=augment)}
    with pytest.raises(UserError, match="augment: families that are computed from audio expected, external found; lea"):
        write(tmp_path, clips, external=external, sets=sets)
    unknown = {"loud": FeaturesLeaf(["mfcc"], augment=Augmentation(["louder"], 1))}
    with pytest.raises(UserError, match=r"loud.yaml: augment: deformations: 'louder' is not in conf/deformation/"):
        write(tmp_path, clips, sets=unknown)


def test_the_same_clips_give_the_same_bytes(tmp_path: Path, clips: pd.DataFrame) -> None:
    write(tmp_path, clips)
    first = {path.name: path.read_bytes() for path in (tmp_path / "features").iterdir()}
    write(tmp_path, clips)
    assert {path.name: path.read_bytes() for path in (tmp_path / "features").iterdir()} == first


def test_an_extraction_that_was_stopped_goes_on_and_writes_the_same_bytes(
    tmp_path: Path, clips: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, clips, piece_s=0.5, n_averaged=8)
    first = {path: path.read_bytes() for path in (tmp_path / "features").rglob("*.*")}
    monkeypatch.setattr(parts, "SIZE", 1)
    (tmp_path / "2.wav").rename(tmp_path / "2")
    with pytest.raises(UserError, match=r"2\.wav: a clip expected"):
        write(tmp_path, clips, piece_s=0.5, n_averaged=8)
    scratch = parts.locate_parts(tmp_path / "features")
    assert len(list(scratch.rglob("*.arrow"))) == 2
    (tmp_path / "2").rename(tmp_path / "2.wav")
    opened = []
    monkeypatch.setattr(audio, "decode", lambda path, decode=audio.decode: opened.append(path.name) or decode(path))
    write(tmp_path, clips, piece_s=0.5, n_averaged=8)
    assert opened == ["2.wav"]
    assert {path: path.read_bytes() for path in (tmp_path / "features").rglob("*.*")} == first
    assert not scratch.exists()


def test_a_table_joins_clips_and_cannot_be_cut_into_pieces(tmp_path: Path, clips: pd.DataFrame) -> None:
    clips[["clip_id"]].assign(number=np.arange(3)).to_csv(tmp_path / "table.csv", index=False)
    external = build_family("external", tables=str(tmp_path / "table.csv"))
    assert "external 1, mfcc 40" in write(tmp_path, clips, external=external)
    with pytest.raises(UserError, match="family external: one row per clip cannot be cut into pieces; take segment_"):
        write(tmp_path, clips, piece_s=0.5, external=external)


def test_families_of_audio_need_audio(tmp_path: Path, clips: pd.DataFrame) -> None:
    with pytest.raises(
        UserError, match="family energy: audio expected, but the dataset has none; use external or text"
    ):
        write(tmp_path, clips.assign(path=""))
