"""For notebooks and programs: features and genres of a file or of samples, with the project's own settings.

    from regenre import extract, classify

The project is the current folder, or the one that regenre was installed from with `pip install -e`.
"""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regenre import audio, classification, config, tables
from regenre.errors import UserError
from regenre.extraction import Analysis
from regenre.families import Given

Source = str | PathLike[str] | np.ndarray


def extract(source: Source, features: str = "mfcc", sr: int | None = None) -> pd.Series:
    """Features of one clip.

    Parameters
    ----------
    source : path of an audio file; or samples, shape (n_samples,) or (n_samples, n_channels), full scale 1
    features : name of a feature set, a leaf of conf/features
    sr : sampling rate of the samples in Hz

    Returns
    -------
    float32 values indexed by column, `<family>__<feature>__<statistic>`, the same as in the tables of `dvc repro`

    Raises
    ------
    UserError
        The audio cannot be used, there is no such feature set, or it is not computed from audio.

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
    families, patterns = config.feature_set(features)
    analysis = analysis_of(sorted(families))  # as the tables are joined
    if isinstance(source, np.ndarray):
        y = classification.samples_at(source, _stated(sr), analysis.sr)
    else:
        with audio.said_of(Path(source)):
            y = audio.load(Path(source), analysis.sr)
    with threadpool_limits(1):  # as in the pipeline: other numbers of threads sum in other orders
        rows, _ = analysis(y)
    columns = [column for name in rows for column in analysis.columns(name)]
    kept = tables.fitting(columns, patterns)
    return pd.Series(np.concatenate(list(rows.values())), index=columns).iloc[kept]


def analysis_of(families: Sequence[str], sr: int | None = None) -> Analysis:
    """How these families are computed, with the project's settings; at another sampling rate if one is given."""
    found = config.composed()
    config.check_names("families", "family", list(families))
    made = {name: config.build(found["family"][name]) for name in families}
    given = [name for name, family in made.items() if isinstance(family, Given)]
    if given:
        raise UserError(f"families: computed from audio expected, {given[0]} is given from elsewhere")
    return Analysis(made, config.build(found["pooling"]), sr or found["audio"]["sr"], **found["frames"])


def classify(source: Source, model: str | None = None, sr: int | None = None, text: str = "") -> dict[str, float]:
    """Probabilities of a clip's or a recording's genres, the most probable first.

    Parameters
    ----------
    source, sr : as in `extract`; of a recording longer than one and a half training clips, the mean over windows
    model : name or folder of a cell; None: the best honest one of the last `dvc repro`
    text : for samples, if the model reads a text; that of a file is beside it

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
    found = classification.model_in(classification.named(model) if model else classification.best())
    if isinstance(source, np.ndarray):
        return found.of_samples(source, _stated(sr), text).proba
    with audio.said_of(Path(source)):
        return found.of_file(Path(source)).proba


def _stated(sr: int | None) -> int:
    if sr is None:
        raise UserError("samples: their sampling rate expected, none given; pass sr=22_050, or what it is")
    return sr
