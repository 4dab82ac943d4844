"""The features of a dataset on disk: extracted, joined with tables from elsewhere, and written with their records."""

import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from regenre import parts
from regenre.common import config, files, records, tables
from regenre.common.config import FeaturesLeaf, Settings
from regenre.common.errors import UserError
from regenre.common.settings import Augmentation
from regenre.common.tables import CopiesRecord, FamilyRecord, FeatureSet
from regenre.deformation.deformation import Deformation
from regenre.features import extraction
from regenre.features.extraction import Analysis, Copies, FeatureTables, OnDemand
from regenre.features.family import Family, TableFamily
from regenre.features.pooling import Pooling

_DECIDING = ("audio", "frames", "pooling", "family")  # settings of `Analysis`


def extract_sets(
    folder: Path,
    clips: pd.DataFrame,
    raw: Path,
    sets: Mapping[str, FeaturesLeaf],
    n_averaged: int,
    piece_s: float,
    settings: Settings,
) -> str:
    """Build the families that feature sets need, and write the features of all clips (`write_features`).

    Parameters
    ----------
    n_averaged : number of frames averaged into one frame of a sequence; 0: no sequences
    """
    names = config.list_families(sets)
    families = config.build_leaves("family", {name: settings.family[name] for name in names}, Family, TableFamily)
    analysis = Analysis(
        {name: family for name, family in families.items() if not isinstance(family, TableFamily)},
        config.build(settings.pooling, "conf/pooling", Pooling),
        settings.audio.sr,
        settings.frames.n_fft,
        settings.frames.hop_length,
        n_averaged=n_averaged,
        loudness=settings.audio.loudness,
        floor_db=settings.audio.floor_db,
    )
    return write_features(folder, clips, raw, families, analysis, piece_s, sets, settings)


def is_extracted(
    folder: Path, name: str, leaf: FeaturesLeaf, n_averaged: int, piece_s: float, settings: Settings
) -> bool:
    """Return whether a folder has what `extract_sets` would write there for a feature set, by what its record says.

    It says too little about pieces and changed copies: a set with either counts as missing.
    """
    path = folder / f"{name}.json"
    if leaf.augment or piece_s or not path.is_file():
        return False
    record = records.read_record(path, FeatureSet, "run `dvc repro`")
    expected = {family: settings.family[family] for family in leaf.families}
    return (
        {family: own.settings for family, own in record.families.items()} == expected
        and (record.columns, record.audio, record.frames) == (leaf.columns, settings.audio, settings.frames)
        and record.pooling == settings.pooling
        and (not n_averaged or record.sequences == settings.sequences)
        and all(own.frames_md5 for own in record.families.values() if n_averaged and own.framewise)
    )


def write_features(
    folder: Path,
    clips: pd.DataFrame,
    raw: Path,
    families: Mapping[str, Family | TableFamily],
    analysis: Analysis,
    piece_s: float,
    sets: Mapping[str, FeaturesLeaf],
    settings: Settings,
) -> str:
    """Write the features of all clips.

    Parameters
    ----------
    folder : the target
    clips : usable rows of the clip table
    raw : folder that `path` is relative to
    families : name -> family, of all feature sets
    analysis : of the families that are computed from audio
    piece_s : length of pieces in seconds; 0 for none
    sets : feature set -> its leaf
    settings : the stage's

    Returns
    -------
    one line that counts clips and columns

    Raises
    ------
    UserError
        A family needs audio and there is none, or has one value per clip and the split deals pieces; a feature set with
        copies has such a family, or meets such a split.
    """
    from_tables = {name: family for name, family in families.items() if isinstance(family, TableFamily)}
    if analysis.families and not clips["path"].any():
        raise UserError(
            f"family {min(analysis.families)}: audio expected, but the dataset has none; use external or text"
        )
    if piece_s and from_tables:
        raise UserError(
            f"family {min(from_tables)}: one row per clip cannot be cut into pieces; take segment_kfold out of splits"
        )
    for name, leaf in sets.items():
        if not set(leaf.families) & set(from_tables):  # of a table, the columns are known when it is read
            columns = [column for family in leaf.families for column in analysis.name_columns(family)]
            tables.check_patterns(columns, leaf.columns, f"conf/features/{name}.yaml")
    augmented = {
        name: _read_copies(name, leaf, leaf.augment, from_tables, piece_s)
        for name, leaf in sets.items()
        if leaf.augment
    }
    # before the workers start: several processes that compile at once spoil numba's cache
    probes = analysis.probe[0]
    copies = {
        name: Copies(
            record.n, config.build_leaves("deformation", record.deformations, Deformation), sets[name].families
        )
        for name, record in augmented.items()
    }
    scratch = parts.locate_parts(folder)
    plain = records.convert_to_plain(settings)
    inputs = [
        {name: plain[name] for name in _DECIDING},
        analysis.n_averaged,
        {name: [sets[name].families, records.convert_to_plain(record)] for name, record in augmented.items()},
        {name: values.tolist() for name, values in probes.items()},
    ]
    result = extraction.extract(clips, raw, analysis, piece_s, copies, scratch, inputs)
    pieces = result.pieces
    shutil.rmtree(folder / tables.COPIES, ignore_errors=True)  # a run with more copies may have left some
    external = {name: family.read_table(name, clips, raw) for name, family in from_tables.items()}
    pooled = OnDemand(sorted(families), lambda name: external[name] if name in external else result.clips.pooled[name])
    whole = replace(result.clips, pooled=pooled)
    counts = _write_records(folder, whole, analysis, probes, sets, settings, augmented)
    if piece_s:
        _write_records(folder / tables.PIECES, pieces, analysis, probes, sets, settings, {})
    for name, own in result.copies.items():
        for number, copy in enumerate(own):
            _write_tables(folder / tables.COPIES / name / str(number), copy, analysis)
    shutil.rmtree(scratch, ignore_errors=True)
    return f"{len(clips)} clips{f' and {len(pieces.clip_ids)} pieces' if piece_s else ''}; columns: {', '.join(counts)}"


def _count_columns(family: str, table: pd.DataFrame) -> str:
    n_without = int((table.iloc[:, 1:].select_dtypes("object") == "").to_numpy().sum())
    return f"{family} {table.shape[1] - 1}" + (f" ({n_without} clips have none)" if n_without else "")


def _read_copies(
    features: str, leaf: FeaturesLeaf, augment: Augmentation, from_tables: Collection[str], piece_s: float
) -> CopiesRecord:
    where = f"conf/features/{features}.yaml: augment"
    others = sorted(set(leaf.families) & set(from_tables))
    if others:
        raise UserError(f"{where}: families that are computed from audio expected, {others[0]} found; leave it out")
    if piece_s:
        raise UserError(f"{where}: copies cannot be cut into pieces; take segment_kfold out of splits")
    return CopiesRecord(augment.copies, config.read_deformations(f"{where}: deformations", augment.deformations))


def _write_tables(folder: Path, features: FeatureTables, analysis: Analysis) -> list[str]:
    """Write the tables, one family after the other, and return the number of columns of each."""
    counts = []
    for family in sorted(features.pooled):
        table = features.pooled[family]
        tables.write_pooled(folder / f"{family}.parquet", table)
        counts.append(_count_columns(family, table))
        if family in features.sequences:
            names = analysis.name_frame_columns(family)
            tables.write_sequences(folder / f"{family}.npz", features.clip_ids, features.sequences[family], names)
    return counts


def _write_records(
    folder: Path,
    features: FeatureTables,
    analysis: Analysis,
    probes: Mapping[str, np.ndarray],
    sets: Mapping[str, FeaturesLeaf],
    settings: Settings,
    augmented: Mapping[str, CopiesRecord],
) -> list[str]:
    counts = _write_tables(folder, features, analysis)
    family_records: dict[str, FamilyRecord] = {}
    for family in sorted(features.pooled):
        family_records[family] = FamilyRecord(
            settings=settings.family[family],
            md5=files.compute_md5(folder / f"{family}.parquet"),
            framewise=family in analysis.framewise,
            frames_md5=files.compute_md5(folder / f"{family}.npz") if family in features.sequences else None,
            probe=[float(f"{value:.6g}") for value in probes[family]] if family in probes else None,
            pretrained_on=getattr(analysis.families.get(family), "pretrained_on", None),
        )
    for name, leaf in sets.items():
        record = FeatureSet(
            {family: family_records[family] for family in leaf.families},
            leaf.columns,
            settings.audio,
            settings.frames,
            settings.pooling,
            settings.sequences,
            augmented.get(name),
        )
        records.write_record(folder / f"{name}.json", record)
    return counts
