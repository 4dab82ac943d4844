"""The features of a dataset on disk: extracted, joined with tables from elsewhere, and written with their records."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from regenre import config, files, parts, records, tables
from regenre.config import Settings
from regenre.errors import UserError
from regenre.features import extraction
from regenre.features.extraction import Analysis, FeatureTables
from regenre.features.family import Family, TableFamily
from regenre.features.pooling import Pooling
from regenre.tables import FamilyRecord, FeatureSet

_DECIDING = ("audio", "frames", "pooling", "family")  # settings of `Analysis`


def extract_sets(
    folder: Path,
    clips: pd.DataFrame,
    raw: Path,
    sets: Mapping[str, tuple[list[str], list[str]]],
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
    families = {
        name: config.build(settings.family[name], f"conf/family/{name}.yaml", Family, TableFamily) for name in names
    }
    analysis = Analysis(
        {name: family for name, family in families.items() if not isinstance(family, TableFamily)},
        config.build(settings.pooling, "conf/pooling", Pooling),
        settings.audio.sr,
        settings.frames.n_fft,
        settings.frames.hop_length,
        n_averaged=n_averaged,
    )
    return write_features(folder, clips, raw, families, analysis, piece_s, sets, settings)


def write_features(
    folder: Path,
    clips: pd.DataFrame,
    raw: Path,
    families: Mapping[str, Family | TableFamily],
    analysis: Analysis,
    piece_s: float,
    sets: Mapping[str, tuple[list[str], list[str]]],
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
    sets : feature set -> its families, and the patterns of its columns
    settings : the stage's

    Returns
    -------
    one line that counts clips and columns

    Raises
    ------
    UserError
        A family needs audio and there is none, or has one value per clip and the split deals pieces.
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
    # before the workers start: several processes that compile at once spoil numba's cache
    probes = analysis.probe[0]
    scratch = parts.locate_parts(folder)
    plain = records.convert_to_plain(settings)
    inputs = [
        {name: plain[name] for name in _DECIDING},
        analysis.n_averaged,
        {n: v.tolist() for n, v in probes.items()},
    ]
    whole, pieces = extraction.extract(clips, raw, analysis, piece_s, scratch, inputs)
    whole.pooled.update({name: family.read_table(name, clips, raw) for name, family in from_tables.items()})
    _write_tables(folder, whole, analysis, probes, sets, settings)
    if piece_s:
        _write_tables(folder / tables.PIECES, pieces, analysis, probes, sets, settings)
    shutil.rmtree(scratch, ignore_errors=True)
    columns = ", ".join(_count_columns(name, table) for name, table in sorted(whole.pooled.items()))
    return f"{len(clips)} clips{f' and {len(pieces.clip_ids)} pieces' if piece_s else ''}; columns: {columns}"


def _count_columns(family: str, table: pd.DataFrame) -> str:
    n_without = int((table.iloc[:, 1:].select_dtypes("object") == "").to_numpy().sum())
    return f"{family} {table.shape[1] - 1}" + (f" ({n_without} clips have none)" if n_without else "")


def _write_tables(
    folder: Path,
    features: FeatureTables,
    analysis: Analysis,
    probes: Mapping[str, np.ndarray],
    sets: Mapping[str, tuple[list[str], list[str]]],
    settings: Settings,
) -> None:
    family_records: dict[str, FamilyRecord] = {}
    for family, table in sorted(features.pooled.items()):
        tables.write_pooled(folder / f"{family}.parquet", table)
        if family in features.sequences:
            names = analysis.name_frame_columns(family)
            tables.write_sequences(folder / f"{family}.npz", features.clip_ids, features.sequences[family], names)
        family_records[family] = FamilyRecord(
            settings=settings.family[family],
            md5=files.compute_md5(folder / f"{family}.parquet"),
            framewise=family in analysis.framewise,
            frames_md5=files.compute_md5(folder / f"{family}.npz") if family in features.sequences else None,
            probe=[float(f"{value:.6g}") for value in probes[family]] if family in probes else None,
            pretrained_on=getattr(analysis.families.get(family), "pretrained_on", None),
        )
    for features_name, (names, patterns) in sets.items():
        record = FeatureSet(
            {name: family_records[name] for name in names},
            patterns,
            settings.audio,
            settings.frames,
            settings.pooling,
            settings.sequences,
        )
        records.write_record(folder / f"{features_name}.json", record)
