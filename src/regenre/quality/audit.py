"""Audit of the data: faults of single clips and replicas among them.

A finding is a row with the columns `FINDINGS`: clip_id, finding, related_clip_id, score. The findings and their scores:

    (a fault)       why the clip is excluded (`decoding.FAULTS`); no score
    clipped         share of samples in flat tops, at least 1e-4
    dc              mean sample, at least 0.01 of full scale in magnitude
    wrong_length    seconds; differs from the median by more than a tenth, where most clips have one length
    wrong_rate      Hz; differs from the rate that most clips have
    exact_replica   1; the same bytes as the related clip
    replica         share of coinciding peaks; the same recording as the related clip (`fingerprint`)

Contents:

    Measurements        what the audit measures of a clip
    measure             samples -> Measurements
    measure_flat_tops   samples -> share of clipped samples
    list_findings       clip table and measurements -> table of findings
"""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from regenre.quality import fingerprint

FINDINGS = ["clip_id", "finding", "related_clip_id", "score"]
_MIN_CLIPPED, _MIN_DC, _LENGTH_TOLERANCE = 1e-4, 0.01, 0.1
_MIN_FLAT_RUN = 3  # samples


@dataclass(frozen=True)
class Measurements:
    """What the audit measures of a clip.

    Attributes
    ----------
    clipped : share of samples in flat tops, of the channel that has most
    dc : mean sample, of the channel with the largest magnitude
    peaks : shape (n_peaks, 2), see `fingerprint.find_peaks`
    """

    clipped: float
    dc: float
    peaks: np.ndarray


def measure(samples: np.ndarray, sr: int) -> Measurements:
    """Measure samples of shape (n_samples, n_channels) at a rate of `sr` Hz."""
    return Measurements(
        max(measure_flat_tops(channel) for channel in samples.T),
        float(max(samples.mean(axis=0, dtype=np.float64), key=abs)),
        fingerprint.find_peaks(samples.mean(axis=1, dtype=np.float32), sr),
    )


def measure_flat_tops(y: np.ndarray) -> float:
    """Return the share of samples in runs of three or more at the highest or the lowest value."""
    n = 0
    for extreme in (y.max(), y.min()):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], (y == extreme).astype(np.int8), [0]])))
        runs = edges[1::2] - edges[::2]
        n += int(runs[runs >= _MIN_FLAT_RUN].sum())
    return n / len(y)


def list_findings(clips: pd.DataFrame, measurements: dict[str, Measurements]) -> pd.DataFrame:
    """List all findings, sorted by finding and clip.

    Parameters
    ----------
    clips : the clip table
    measurements : clip_id -> measurements, for every usable clip

    Returns
    -------
    one row per finding, columns `FINDINGS`
    """
    usable = clips[clips["status"] == "ok"]
    rows: list[tuple[str, str, str, float]] = [
        (str(row.clip_id), str(row.fault), "", np.nan) for row in clips[clips["status"] != "ok"].itertuples()
    ]
    for clip_id, measurement in measurements.items():
        rows += [(clip_id, "clipped", "", measurement.clipped)] if measurement.clipped >= _MIN_CLIPPED else []
        rows += [(clip_id, "dc", "", measurement.dc)] if abs(measurement.dc) >= _MIN_DC else []
    duration_s = usable["duration_s"]
    rows += _find_outliers(usable, "wrong_length", duration_s, duration_s.median() * _LENGTH_TOLERANCE)
    rows += _find_outliers(usable, "wrong_rate", usable["sr"], 0.5)
    for _, clip_ids in usable.groupby("md5")["clip_id"]:
        rows += [(second, "exact_replica", first, 1.0) for first, second in itertools.pairwise(clip_ids)]
    names, md5 = list(measurements), dict(zip(usable["clip_id"], usable["md5"], strict=True))
    search = fingerprint.find_replicas([measurements[name].peaks for name in names])
    if n_partly := int((search.compared < 1).sum()):
        tqdm.write(
            f"replicas: {n_partly} of {len(names)} clips were compared by their rarest landmarks alone,"
            f" at least {search.compared.min():.0%} of each"
        )
    for pair in search.replicas:
        first, second = names[pair.first], names[pair.second]
        if md5[first] != md5[second]:
            rows.append((second, "replica", first, pair.agreement))
    return pd.DataFrame(rows, columns=FINDINGS).sort_values(FINDINGS[1::-1], ignore_index=True)


def _find_outliers(
    clips: pd.DataFrame, finding: str, values: pd.Series, tolerance: float
) -> list[tuple[str, str, str, float]]:
    """List the clips that differ from the median; none if more than half of them do."""
    outlying = (values - values.median()).abs() > tolerance
    if outlying.mean() > 0.5:
        return []
    return [(str(clips["clip_id"][row]), finding, "", float(values[row])) for row in outlying[outlying].index]
