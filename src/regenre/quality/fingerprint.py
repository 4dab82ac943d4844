"""Fingerprints: find clips of the same recording.

They survive gain, cuts, lossy coding, noise and a change of speed up to 2 %.

Landmarks after Wang (2003): peaks of the spectrogram, each paired with peaks that follow. The key of a pair is the
frequency of the first peak to a semitone, the interval to a quarter tone and the time difference to 40 ms: fine enough
to be rare, coarse enough to survive a change of speed, as in Six and Leman (2014). Two clips that share keys at one
speed and one offset are aligned; they are replicas if enough of their peaks then coincide.

Keys of more than 60 pairs do not discriminate and are ignored, so the run time grows almost linearly with the number
of clips.

    find_peaks      samples -> peaks of the spectrogram
    find_replicas   peaks of many clips -> pairs of the same recording
    Replica         such a pair
    SAME            least agreement of a replica
    FASTEST         largest change of speed
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal
import soxr
from scipy.spatial import KDTree

SAME = 0.5  # least share of coinciding peaks; different recordings reach 0.45 in `synthetic`, 0.2 in GTZAN
FASTEST = 1.025
_SR, _N_FFT, _HOP = 11_025, 1024, 256
_LOWEST_HZ, _HIGHEST_HZ = 150.0, 4800.0
_NEIGHBOURHOOD = (6, 9)  # frames and bins on either side; a peak is their maximum
_RANGE_DB = 45.0  # below the highest level of the clip
_N_TARGETS, _TARGET_S, _TARGET_OCTAVES = 5, (0.05, 1.5), 0.75  # the target zone of an anchor
_MAX_PAIRS = 60  # of one key
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


def find_replicas(clips: list[np.ndarray]) -> list[Replica]:
    """Find the pairs of clips that are the same recording.

    Parameters
    ----------
    clips : peaks of each clip, as `find_peaks` returns them

    Returns
    -------
    replicas sorted by the indices of the clips, with first < second
    """
    replicas = []
    for first, second, speed, offset_s in _find_candidates(clips):
        agreement = _measure_agreement(clips[first], clips[second], speed, offset_s)
        if agreement >= SAME:
            replicas.append(Replica(first, second, speed, offset_s, agreement))
    return replicas


def _compute_keys(clip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the keys of a clip's landmarks, and the index of each landmark's first peak, the anchor.

    A landmark has two keys, for the semitones below and above its anchor.
    """
    time, octave = clip.T
    anchors, targets = [], []
    n_targets = np.zeros(len(clip), dtype=int)
    for step in range(1, min(60, len(clip))):
        wait, interval = time[step:] - time[:-step], octave[step:] - octave[:-step]
        in_zone = (wait >= _TARGET_S[0]) & (wait <= _TARGET_S[1]) & (np.abs(interval) <= _TARGET_OCTAVES)
        (anchor,) = np.nonzero(in_zone & (n_targets[:-step] < _N_TARGETS))
        n_targets[anchor] += 1
        anchors.append(anchor)
        targets.append(anchor + step)
    if not anchors:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    anchor, target = np.concatenate(anchors), np.concatenate(targets)
    interval = np.rint((octave[target] - octave[anchor]) * 24).astype(np.int64) + 64
    wait = np.rint((time[target] - time[anchor]) / 0.04).astype(np.int64)
    semitone = octave[anchor] * 12
    keys = [(np.floor(semitone + up).astype(np.int64) * 128 + interval) * 64 + wait for up in (0, 1)]
    return np.concatenate(keys), np.concatenate([anchor, anchor])


def _match_keys(clips: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Match landmarks of different clips that have the same key.

    Returns
    -------
    pair : first clip * n_clips + second clip
    first, second : the anchors, as indices into the concatenated peaks of all clips
    """
    landmarks = [_compute_keys(clip) for clip in clips]
    sizes = [len(clip) for clip in clips]
    starts = np.cumsum([0, *sizes[:-1]])
    key = np.concatenate([keys for keys, _ in landmarks])
    peak = np.concatenate([start + anchors for start, (_, anchors) in zip(starts, landmarks, strict=True)])
    order = np.argsort(key, kind="stable")
    key, peak = key[order], peak[order]
    clip = np.repeat(np.arange(len(clips)), sizes)[peak]
    octave = np.concatenate(clips)[:, 1]
    _, run, counts = np.unique(key, return_inverse=True, return_counts=True)
    rare = counts[run] <= _MAX_PAIRS
    pairs = []
    for step in range(1, min(_MAX_PAIRS, len(key))):
        (row,) = np.nonzero((run[step:] == run[:-step]) & rare[step:] & (clip[step:] != clip[:-step]))
        first, second = peak[row], peak[row + step]
        near = np.abs(octave[second] - octave[first]) <= np.log2(FASTEST)
        pairs.append(np.sort(np.stack([first[near], second[near]], axis=1), axis=1))
    first, second = np.unique(np.concatenate([np.empty((0, 2), np.int64), *pairs]), axis=0).T
    clip_of_peak = np.repeat(np.arange(len(clips)), sizes)
    return clip_of_peak[first] * len(clips) + clip_of_peak[second], first, second


def _find_candidates(clips: list[np.ndarray]) -> list[tuple[int, int, float, float]]:
    """Find pairs of clips with enough matches at one speed and one offset.

    Returns
    -------
    index of the first and of the second clip, speed, and offset in s, for every pair
    """
    if sum(map(len, clips)) == 0:
        return []
    pair, first, second = _match_keys(clips)
    time, octave = np.concatenate(clips).astype(np.float64).T
    shift = octave[second] - octave[first]
    offset_s = time[first] - 2**shift * time[second]
    best: dict[int, tuple[int, np.ndarray]] = {}
    # Four histograms, shifted by half a cell: votes that straddle cells of one lie in one cell of another.
    for shift_phase, offset_phase in ((0, 0), (0, 0.5), (0.5, 0), (0.5, 0.5)):
        key = pair
        for values, step, phase in ((shift, _SPEED_STEP, shift_phase), (offset_s, _OFFSET_STEP_S, offset_phase)):
            cell = np.floor(values / step + phase).astype(np.int64)
            cell -= cell.min(initial=0)
            key = key * (cell.max(initial=0) + 1) + cell
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order], prepend=-1))
        votes = np.diff(starts, append=len(key))
        for number in np.flatnonzero(votes >= _MIN_VOTES):
            rows = order[starts[number] : starts[number] + votes[number]]
            if votes[number] > best.get(int(pair[rows[0]]), (0,))[0]:
                best[int(pair[rows[0]])] = int(votes[number]), rows
    candidates = []
    for clip_pair, (_, rows) in sorted(best.items()):
        speed = float(2 ** np.median(shift[rows]))
        median_offset_s = float(np.median(time[first[rows]] - speed * time[second[rows]]))
        candidates.append((*divmod(clip_pair, len(clips)), speed, median_offset_s))
    return candidates


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
