"""Features and genres of a file or of samples, for notebooks and programs, with the project's own settings.

    from regenre import extract, classify

The project is the folder that `paths.find_root` returns. `extract` also works without one: it then uses the settings
that come with regenre.
"""

from collections.abc import Sequence
from functools import lru_cache
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regenre import audio
from regenre.common import config, paths, tables
from regenre.common.errors import UserError
from regenre.features.extraction import Analysis
from regenre.features.family import Family, TableFamily
from regenre.features.pooling import Pooling
from regenre.inference.model import convert_samples, find_best, find_cell, read_model

Source = str | PathLike[str] | np.ndarray
_Stamps = tuple[tuple[str, int], ...]  # names and times of the files of conf/, so an edit is seen


def extract(source: Source, features: str = "mfcc", sr: int | None = None) -> pd.Series:
    """Return the features of one clip.

    Parameters
    ----------
    source : path of an audio file; or samples, shape (n_samples,) or (n_samples, n_channels), full scale 1
    features : name of a feature set: a leaf of conf/features, or a family
    sr : sampling rate of the samples in Hz

    Returns
    -------
    float32 values indexed by column, `<family>__<feature>__<statistic>`, the same as in the tables of `dvc repro`

    Raises
    ------
    UserError
        The audio cannot be used, the feature set does not exist, or it is not computed from audio.

    Examples
    --------
    >>> import numpy as np
    >>> from regenre import extract
    >>> t = np.arange(10 * 22_050) / 22_050
    >>> shape = extract(0.5 * np.sin(2 * np.pi * 440 * t), "spectral_shape", sr=22_050)
    >>> f"{shape['spectral_shape__centroid__mean']:.0f} Hz"
    '441 Hz'
    """
    config.check_names("features", "features", [features])
    leaf = config.read_feature_set(features)
    analysis = make_analysis(sorted(leaf.families))  # the order in which training joins the tables
    if isinstance(source, np.ndarray):
        y = convert_samples(source, _require_sr(sr), analysis.sr)
    else:
        with audio.name_errors(Path(source)):
            y = audio.load(Path(source), analysis.sr)
    with threadpool_limits(1):  # as in the pipeline: another number of threads sums in another order
        rows, _ = analysis(y)
    columns = [column for name in rows for column in analysis.name_columns(name)]
    places = tables.match_columns(columns, leaf.columns)
    return pd.Series(np.concatenate(list(rows.values())), index=columns).iloc[places]


def make_analysis(families: Sequence[str], sr: int | None = None) -> Analysis:
    """Return how these families are computed, with the project's settings, or at another sampling rate in Hz."""
    conf = paths.locate_conf()
    stamps = tuple((str(path), path.stat().st_mtime_ns) for path in sorted(conf.rglob("*.yaml")))
    return _make_analysis(tuple(families), sr, stamps)


@lru_cache(maxsize=1)  # a composition takes longer than the features of a clip
def _compose_settings(stamps: _Stamps) -> config.Settings:
    return config.compose_settings()


@lru_cache(maxsize=8)
def _make_analysis(families: tuple[str, ...], sr: int | None, stamps: _Stamps) -> Analysis:
    settings = _compose_settings(stamps)
    config.check_names("families", "family", list(families))
    instances = {
        name: config.build(settings.family[name], f"conf/family/{name}.yaml", Family, TableFamily) for name in families
    }
    for name, family in instances.items():
        if isinstance(family, TableFamily):
            raise UserError(f"families: families that are computed from audio expected, {name} found; leave it out")
    pooling = config.build(settings.pooling, "conf/pooling", Pooling)
    own, frames = settings.audio, settings.frames
    return Analysis(
        instances, pooling, sr or own.sr, frames.n_fft, frames.hop_length, loudness=own.loudness, floor_db=own.floor_db
    )


def classify(source: Source, model: str | None = None, sr: int | None = None, text: str = "") -> dict[str, float]:
    """Return the probabilities of the genres of a clip or a recording, the most probable first.

    Parameters
    ----------
    source, sr : as in `extract`; a recording longer than one and a half training clips gets the mean over windows
    model : name or folder of a cell; None for the best honest cell of the last `dvc repro`
    text : of samples, for a model that reads a text; the text of a file lies beside it

    Raises
    ------
    UserError
        The audio cannot be used, or there is no such model.

    Examples
    --------
    >>> from regenre import classify
    >>> classify("song.mp3")  # doctest: +SKIP
    {'jazz': 0.61, 'blues': 0.21, ...}
    """
    reader = read_model(find_best() if model is None else find_cell(model))
    if isinstance(source, np.ndarray):
        return reader.classify_samples(source, _require_sr(sr), text).proba
    with audio.name_errors(Path(source)):
        return reader.classify_file(Path(source)).proba


def _require_sr(sr: int | None) -> int:
    if sr is None:
        raise UserError("samples: a sampling rate expected, none found; pass it, e.g. sr=22_050")
    return sr
