"""Fingerprints: find clips of the same recording.

They survive gain, cuts, lossy coding, noise and a change of speed up to 2 %.

Peaks of the spectrogram (Wang 2003) are joined in threes, as in Six and Leman (2014, section 2): an anchor and two of
the first five peaks in its target zone. The key of such a landmark is the frequency of its anchor to a semitone, two
intervals to a quarter tone and two time differences to 40 ms: fine enough to be rare, coarse enough to survive a change
of speed. Two clips that share keys at one speed and one offset are aligned; they are replicas if enough of their peaks
then coincide.

The keys of all clips are sorted in a temporary file. Every clip looks its own keys up there, the rarest first, until it
has met `MAX_LANDMARKS` landmarks of earlier clips, so the search takes n log n steps; `Search.compared` says how far
it came.

Deviates from Six and Leman, whose key has the ratio of the two time differences: both together are rarer, and 2 % of
speed moves neither by more than one step.

    find_peaks       samples -> peaks of the spectrogram
    find_replicas    peaks of many clips -> pairs of the same recording
    Search           what it returns
    Replica          such a pair
    MIN_AGREEMENT    least agreement of a replica
    MAX_SPEED_RATIO  largest change of speed
    MAX_LANDMARKS    landmarks of earlier clips that a clip is compared with
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal
import soxr
from joblib import Parallel, delayed
from scipy.spatial import KDTree

MIN_AGREEMENT = 0.5  # least share of coinciding peaks; different recordings reach 0.45 in `synthetic`, 0.2 in GTZAN
MAX_SPEED_RATIO = 1.025
MAX_LANDMARKS = 30_000
_SR, _N_FFT, _HOP = 11_025, 1024, 256
_LOWEST_HZ, _HIGHEST_HZ = 150.0, 4800.0
_NEIGHBOURHOOD = (6, 9)  # frames and bins on either side; a peak is their maximum
_RANGE_DB = 45.0  # below the highest level of the clip
_N_TARGETS, _TARGET_S, _TARGET_OCTAVES = 5, (0.05, 1.5), 0.75  # the target zone of an anchor
_FIRST, _SECOND = np.triu_indices(_N_TARGETS, 1)  # of the targets, in a landmark
_BLOCK = 64  # clips of a task
_N_BUCKETS = 262_139  # prime
_HALF, _LOWER = np.uint64(32), np.uint64(2**32 - 1)  # of an entry: key and anchor
_MIN_VOTES = 8
_SPEED_STEP, _OFFSET_STEP_S = 0.004, 0.15  # cells of the histogram of votes, in octaves and seconds
_TOLERANCE_S, _TOLERANCE_OCTAVES = 0.03, 0.012  # between coinciding peaks
_MIN_PEAKS = 10  # in the overlap of two clips


@dataclass(frozen=True)
class Replica:
    """Two clips of the same recording.

    Attributes
    ----------
    first, second : indices of the clips
    speed : speed of the second relative to the first
    offset_s : start of the second, in the time of the first
    agreement : share of peaks that coincide, 0 to 1
    """

    first: int
    second: int
    speed: float
    offset_s: float
    agreement: float


@dataclass(frozen=True)
class Search:
    """The replicas among clips, and how thoroughly they were looked for.

    Attributes
    ----------
    replicas : sorted by the indices of the clips, with first < second
    compared : share of the landmarks of each clip that were compared with all those of earlier clips, shape (n_clips,)
    """

    replicas: list[Replica]
    compared: np.ndarray


def find_peaks(y: np.ndarray, sr: int) -> np.ndarray:
    """Find the peaks of a clip's spectrogram, interpolated by parabolas.

    Parameters
    ----------
    y : mono samples
    sr : sampling rate in Hz

    Returns
    -------
    peaks : float32, shape (n_peaks, 2): time in s and frequency in octaves above 1 Hz, sorted by time; for silence,
        every point of the spectrogram
    """
    y = soxr.resample(y, sr, _SR, quality="MQ") if sr != _SR else y
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(y, _N_FFT // 2), _N_FFT)[::_HOP]
    hann = scipy.signal.get_window("hann", _N_FFT).astype(np.float32)
    low, high = (int(hz * _N_FFT / _SR) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    spectrum = scipy.fft.rfft((windows * hann).astype(np.float32), axis=1)[:, low - 1 : high + 1]
    level = 20 * np.log10(np.abs(spectrum) + 1e-6)
    frames, bins = _NEIGHBOURHOOD
    local_maximum = scipy.ndimage.maximum_filter(level, (2 * frames + 1, 2 * bins + 1))
    is_peak = (level == local_maximum) & (level > level.max() - _RANGE_DB)
    is_peak[:, [0, -1]] = False
    t, k = np.nonzero(is_peak)
    inside = np.clip(t, 1, max(1, len(level) - 2))
    earlier, later = (level[np.clip(inside + step, 0, len(level) - 1), k] for step in (-1, 1))
    time = t + _interpolate_apex(earlier, level[inside.clip(max=len(level) - 1), k], later)
    bin_ = k + low - 1 + _interpolate_apex(level[t, k - 1], level[t, k], level[t, k + 1])
    return np.stack([time * _HOP / _SR, np.log2(bin_ * _SR / _N_FFT)], axis=1).astype(np.float32)


def _interpolate_apex(left: np.ndarray, middle: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the offset of the apex of a parabola through three points, from the middle one."""
    curvature = left - 2 * middle + right
    return np.clip(
        np.where(np.abs(curvature) > 1e-6, 0.5 * (left - right) / np.where(curvature == 0, 1, curvature), 0), -0.5, 0.5
    )


def find_replicas(clips: Sequence[np.ndarray]) -> Search:
    """Find the pairs of clips that are the same recording, in processes of this machine.

    Parameters
    ----------
    clips : peaks of each clip, as `find_peaks` returns them
    """
    starts = np.cumsum([0, *map(len, clips)])
    if not starts[-1]:
        return Search([], np.ones(len(clips)))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        peaks = np.memmap(Path(folder) / "peaks", np.float32, "w+", shape=(starts[-1], 2))
        np.concatenate(clips, out=peaks)
        keys = Path(folder) / "keys"
        with keys.open("wb") as file:
            for entries in _run(_list_entries, peaks, starts):
                entries.tofile(file)
        index = np.memmap(keys, np.uint64, "r+") if keys.stat().st_size else np.empty(0, np.uint64)
        index.sort()
        results = list(_run(_search_block, peaks, starts, index))
    replicas = [replica for found, _ in results for replica in found]
    replicas.sort(key=lambda replica: (replica.first, replica.second))
    return Search(replicas, np.concatenate([compared for _, compared in results]))


def _run(function: Callable[..., Any], peaks: np.ndarray, starts: np.ndarray, *arguments: np.ndarray) -> Iterator[Any]:
    """Call a function for every block of clips; on a cluster too in this machine's processes, which have the files."""
    n = len(starts) - 1
    blocks = (range(first, min(first + _BLOCK, n)) for first in range(0, n, _BLOCK))
    results: Iterator[Any] = Parallel(backend="loky", return_as="generator")(
        delayed(function)(peaks, starts, block, *arguments) for block in blocks
    )
    return results


def _find_landmarks(clip: np.ndarray) -> np.ndarray:
    """Return the landmarks of a clip: the indices of anchor, first and second target, shape (n_landmarks, 3)."""
    time, octave = clip.T
    targets = np.full((len(clip), _N_TARGETS), -1)
    n_targets = np.zeros(len(clip), dtype=int)
    for step in range(1, min(60, len(clip))):
        wait, interval = time[step:] - time[:-step], octave[step:] - octave[:-step]
        in_zone = (wait >= _TARGET_S[0]) & (wait <= _TARGET_S[1]) & (np.abs(interval) <= _TARGET_OCTAVES)
        (anchor,) = np.nonzero(in_zone & (n_targets[:-step] < _N_TARGETS))
        targets[anchor, n_targets[anchor]] = anchor + step
        n_targets[anchor] += 1
    anchor, pair = np.nonzero(targets[:, _SECOND] >= 0)
    return np.stack([anchor, targets[anchor, _FIRST[pair]], targets[anchor, _SECOND[pair]]], axis=1)


def _compute_keys(clip: np.ndarray, landmarks: np.ndarray, semitones: float = 0.0) -> np.ndarray:
    """Compute the keys of landmarks, with the anchors raised by some semitones: uint64 below 2 ** 32."""
    time, octave = clip.astype(np.float64)[landmarks].transpose(2, 1, 0)
    key = np.floor(12 * octave[0] + semitones)
    for target in (1, 2):
        key = key * 64 + np.rint(24 * (octave[target] - octave[0])) + 32
        key = key * 64 + np.rint((time[target] - time[0]) / 0.04)
    keys: np.ndarray = key.astype(np.uint64)
    return keys


def _list_entries(peaks: np.ndarray, starts: np.ndarray, block: range) -> np.ndarray:
    """Return the entries of a block of clips for the index: a landmark's key in the upper 32 bits, its anchor below."""
    return np.concatenate([_make_entries(peaks, starts[number], starts[number + 1], (0.0,)) for number in block])


def _make_entries(peaks: np.ndarray, start: int, end: int, semitones: Sequence[float]) -> np.ndarray:
    """Return the entries of one clip, each key once, with its anchors raised by each number of semitones."""
    clip = np.asarray(peaks[start:end])
    landmarks = _find_landmarks(clip)
    anchors = (start + landmarks[:, 0]).astype(np.uint64)
    return _sort_unique(np.concatenate([_compute_keys(clip, landmarks, step) << _HALF | anchors for step in semitones]))


def _sort_unique(numbers: np.ndarray) -> np.ndarray:
    """Return what `np.unique` returns, which takes five times as long for whole numbers since NumPy 2.3."""
    ordered: np.ndarray = np.sort(numbers)
    is_new = np.ones(len(ordered), dtype=bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    unique: np.ndarray = ordered[is_new]
    return unique


def _search_block(
    peaks: np.ndarray, starts: np.ndarray, block: range, index: np.ndarray
) -> tuple[list[Replica], np.ndarray]:
    """Find the earlier replicas of each clip of a block; return them, and the share of each clip that was compared."""
    peaks = np.asarray(peaks)  # slices of a memory map are slow
    reach = 12 * np.log2(MAX_SPEED_RATIO)
    own = np.concatenate(
        [_make_entries(peaks, starts[number], starts[number + 1], (-reach, reach)) for number in block]
    )
    own.sort()  # neighbours are looked up faster
    anchor = (own & _LOWER).astype(np.int64)
    number = np.searchsorted(starts, anchor, side="right") - 1
    key = own & ~_LOWER
    low = np.searchsorted(index, key)
    n_matches = np.searchsorted(index, key | starts[number].astype(np.uint64)) - low  # with earlier clips
    replicas, compared = [], np.ones(len(block))
    for place, clip_number in enumerate(block):
        (rows,) = np.nonzero(number == clip_number)
        rows = rows[np.argsort(n_matches[rows], kind="stable")]
        kept = rows[np.cumsum(n_matches[rows]) <= MAX_LANDMARKS]
        compared[place] = len(kept) / len(rows) if len(rows) else 1.0
        n = n_matches[kept]
        first = index[np.repeat(low[kept] - np.cumsum(n) + n, n) + np.arange(n.sum())] & _LOWER
        replicas += _confirm(peaks, starts, first.astype(np.int64), np.repeat(anchor[kept], n), clip_number)
    return replicas, compared


def _confirm(
    peaks: np.ndarray, starts: np.ndarray, first: np.ndarray, second: np.ndarray, clip_number: int
) -> list[Replica]:
    """Return the replicas of a clip among those with enough matches at one speed and one offset.

    Parameters
    ----------
    first, second : anchors of earlier clips and of this one, with the same key
    """
    start, end = starts[clip_number : clip_number + 2]
    near = np.abs(peaks[second, 1] - peaks[first, 1]) <= np.log2(MAX_SPEED_RATIO)
    pairs = _sort_unique(first[near] * (end - start) + second[near] - start)
    first, second = pairs // (end - start), start + pairs % (end - start)
    shift = peaks[second, 1].astype(np.float64) - peaks[first, 1]
    offset_s = peaks[first, 0] - 2**shift * peaks[second, 0]
    other = np.searchsorted(starts, first, side="right") - 1
    best: dict[int, np.ndarray] = {}
    # Four histograms, shifted by half a cell: votes that straddle cells of one lie in one cell of another.
    for shift_phase, offset_phase in ((0, 0), (0, 0.5), (0.5, 0), (0.5, 0.5)):
        cell = other
        for values, step, phase in ((shift, _SPEED_STEP, shift_phase), (offset_s, _OFFSET_STEP_S, offset_phase)):
            place = np.floor(values / step + phase).astype(np.int64)
            place -= place.min(initial=0)
            cell = cell * (place.max(initial=0) + 1) + place
        for rows in _gather(cell):
            if len(rows) > len(best.get(int(other[rows[0]]), ())):
                best[int(other[rows[0]])] = rows
    replicas = []
    for number, rows in sorted(best.items()):
        speed = float(2 ** np.median(shift[rows]))
        median_s = float(np.median(peaks[first[rows], 0] - speed * peaks[second[rows], 0]))
        agreement = _measure_agreement(peaks[starts[number] : starts[number + 1]], peaks[start:end], speed, median_s)
        if agreement >= MIN_AGREEMENT:
            replicas.append(Replica(number, clip_number, speed, median_s, agreement))
    return replicas


def _gather(cell: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows of every cell that has at least `_MIN_VOTES`."""
    bucket = cell % _N_BUCKETS
    (rows,) = np.nonzero(np.bincount(bucket)[bucket] >= _MIN_VOTES)  # few, so that sorting them is quick
    rows = rows[np.argsort(cell[rows], kind="stable")]
    for part in np.split(rows, np.flatnonzero(np.diff(cell[rows])) + 1):
        if len(part) >= _MIN_VOTES:
            yield part


def _measure_agreement(first: np.ndarray, second: np.ndarray, speed: float, offset_s: float) -> float:
    """Return the share of peaks in the overlap of two clips that coincide; the larger of the two clips' shares."""
    aligned = np.stack([speed * second[:, 0] + offset_s, second[:, 1] - np.log2(speed)], axis=1)
    start_s, end_s = max(first[0, 0], aligned[0, 0]), min(first[-1, 0], aligned[-1, 0])
    overlaps = [
        clip[(clip[:, 0] >= start_s) & (clip[:, 0] <= end_s)] / (_TOLERANCE_S, _TOLERANCE_OCTAVES)
        for clip in (first, aligned)
    ]
    if min(map(len, overlaps)) < _MIN_PEAKS:
        return 0.0
    return max(_measure_coincidence(*overlaps), _measure_coincidence(*overlaps[::-1]))


def _measure_coincidence(peaks: np.ndarray, others: np.ndarray) -> float:
    """Return the share of peaks with one of the others within the tolerances, which are scaled to 1."""
    distance, _ = KDTree(others).query(peaks, distance_upper_bound=1.0, p=np.inf)
    return float(np.isfinite(distance).mean())
