"""Which clips are the same recording, whatever was done to it: gain, cut, lossy coding, noise, speed up to 2 %.

Landmarks after Wang (2003): peaks of the spectrogram, paired with those that follow. A pair's key is its first
frequency to a semitone, its interval to a quarter tone and its time to 40 ms: fine enough to be rare, coarse enough
to survive a change of speed, as in Six and Leman (2014). Two clips that share keys at one speed and one offset are
laid over each other, and how many of their peaks then coincide decides.

Keys that more than 60 pairs have tell nothing and are not followed, so the work grows nearly as the number of clips.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal
import soxr
from scipy.spatial import KDTree

SAME = 0.5  # least share of coinciding peaks of the same recording; others reach 0.45 in `synthetic`, 0.2 in GTZAN
FASTEST = 1.025
_SR, _N_FFT, _HOP = 11_025, 1024, 256
_LOWEST_HZ, _HIGHEST_HZ = 150.0, 4800.0
_AROUND = (6, 9)  # frames and bins on either side that a peak stands above
_RANGE_DB = 45.0
_FOLLOWERS, _FOLLOW_S, _FOLLOW_OCTAVES = 5, (0.05, 1.5), 0.75
_CROWDED = 60
_LEAST_VOTES = 8
_SPEED_STEP, _OFFSET_STEP_S = 0.004, 0.15  # octaves; of the histogram of votes
_NEAR_S, _NEAR_OCTAVES = 0.03, 0.012
_FEWEST_PEAKS = 10


@dataclass(frozen=True)
class Replica:
    """Two clips that are one recording.

    Attributes
    ----------
    first, second : their numbers
    speed : how much faster the second is
    offset_s : where it begins in the first
    agreement : share of the peaks that coincide, 0 to 1
    """

    first: int
    second: int
    speed: float
    offset_s: float
    agreement: float


def peaks(y: np.ndarray, sr: int) -> np.ndarray:
    """Peaks of a clip's spectrogram, interpolated by parabolas.

    Parameters
    ----------
    y : mono samples
    sr : their rate in Hz

    Returns
    -------
    float32, shape (n_peaks, 2): time in s and frequency in octaves above 1 Hz, in order of time
    """
    y = soxr.resample(y, sr, _SR, quality="MQ") if sr != _SR else y
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(y, _N_FFT // 2), _N_FFT)[::_HOP]
    hann = scipy.signal.get_window("hann", _N_FFT).astype(np.float32)
    low, high = (int(hz * _N_FFT / _SR) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    spectrum = scipy.fft.rfft((windows * hann).astype(np.float32), axis=1)[:, low - 1 : high + 1]
    level = 20 * np.log10(np.abs(spectrum) + 1e-6)
    frames, bins = _AROUND
    around = scipy.ndimage.maximum_filter(level, (2 * frames + 1, 2 * bins + 1))
    highest = (level == around) & (level > level.max() - _RANGE_DB)
    highest[:, [0, -1]] = False
    t, k = np.nonzero(highest)
    inside = np.clip(t, 1, max(1, len(level) - 2))
    earlier, later = (level[np.clip(inside + step, 0, len(level) - 1), k] for step in (-1, 1))
    time = t + _apex(earlier, level[inside.clip(max=len(level) - 1), k], later)
    bin_ = k + low - 1 + _apex(level[t, k - 1], level[t, k], level[t, k + 1])
    return np.stack([time * _HOP / _SR, np.log2(bin_ * _SR / _N_FFT)], axis=1).astype(np.float32)


def _apex(left: np.ndarray, middle: np.ndarray, right: np.ndarray) -> np.ndarray:
    bend = left - 2 * middle + right
    return np.clip(np.where(np.abs(bend) > 1e-6, 0.5 * (left - right) / np.where(bend == 0, 1, bend), 0), -0.5, 0.5)


def replicas(clips: list[np.ndarray]) -> list[Replica]:
    """The pairs of clips that are the same recording.

    Parameters
    ----------
    clips : the `peaks` of each

    Returns
    -------
    ordered by the clips' numbers, first < second
    """
    found = []
    for first, second, speed, offset_s in _candidates(clips):
        share = _agreement(clips[first], clips[second], speed, offset_s)
        if share >= SAME:
            found.append(Replica(first, second, speed, offset_s, share))
    return found


def _keys(clip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The keys of a clip's landmarks, with the semitones on either side, and the peak that each begins with."""
    time, octave = clip.T
    begun, followed = [], []
    n_followers = np.zeros(len(clip), dtype=int)
    for step in range(1, min(60, len(clip))):
        wait, interval = time[step:] - time[:-step], octave[step:] - octave[:-step]
        near = (wait >= _FOLLOW_S[0]) & (wait <= _FOLLOW_S[1]) & (np.abs(interval) <= _FOLLOW_OCTAVES)
        (one,) = np.nonzero(near & (n_followers[:-step] < _FOLLOWERS))
        n_followers[one] += 1
        begun.append(one)
        followed.append(one + step)
    if not begun:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    one, other = np.concatenate(begun), np.concatenate(followed)
    interval = np.rint((octave[other] - octave[one]) * 24).astype(np.int64) + 64
    wait = np.rint((time[other] - time[one]) / 0.04).astype(np.int64)
    semitone = octave[one] * 12
    both = [(np.floor(semitone + up).astype(np.int64) * 128 + interval) * 64 + wait for up in (0, 1)]
    return np.concatenate(both), np.concatenate([one, one])


def _matches(clips: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Peaks of two clips that begin landmarks of one key: number of the pair of clips, and of each peak."""
    keys = [_keys(clip) for clip in clips]
    sizes = [len(clip) for clip in clips]
    starts = np.cumsum([0, *sizes[:-1]])
    key = np.concatenate([made for made, _ in keys])
    peak = np.concatenate([start + first for start, (_, first) in zip(starts, keys, strict=True)])
    order = np.argsort(key, kind="stable")
    key, peak = key[order], peak[order]
    clip = np.repeat(np.arange(len(clips)), sizes)[peak]
    octave = np.concatenate(clips)[:, 1]
    _, run, counts = np.unique(key, return_inverse=True, return_counts=True)
    rare = counts[run] <= _CROWDED
    pairs = []
    for step in range(1, min(_CROWDED, len(key))):
        (at,) = np.nonzero((run[step:] == run[:-step]) & rare[step:] & (clip[step:] != clip[:-step]))
        one, other = peak[at], peak[at + step]
        near = np.abs(octave[other] - octave[one]) <= np.log2(FASTEST)
        pairs.append(np.sort(np.stack([one[near], other[near]], axis=1), axis=1))
    one, other = np.unique(np.concatenate([np.empty((0, 2), np.int64), *pairs]), axis=0).T
    owner = np.repeat(np.arange(len(clips)), sizes)
    return owner[one] * len(clips) + owner[other], one, other


def _candidates(clips: list[np.ndarray]) -> list[tuple[int, int, float, float]]:
    """Pairs of clips with enough matches at one speed and one offset: numbers, speed, offset in s."""
    if sum(map(len, clips)) == 0:
        return []
    pair, one, other = _matches(clips)
    time, octave = np.concatenate(clips).astype(np.float64).T
    shift = octave[other] - octave[one]
    offset_s = time[one] - 2**shift * time[other]
    best: dict[int, tuple[int, np.ndarray]] = {}
    for ahead in ((0, 0), (0, 0.5), (0.5, 0), (0.5, 0.5)):  # what one histogram cuts apart, another keeps together
        key = pair
        for values, step, up in ((shift, _SPEED_STEP, ahead[0]), (offset_s, _OFFSET_STEP_S, ahead[1])):
            cell = np.floor(values / step + up).astype(np.int64)
            cell -= cell.min(initial=0)
            key = key * (cell.max(initial=0) + 1) + cell
        order = np.argsort(key, kind="stable")
        begins = np.flatnonzero(np.diff(key[order], prepend=-1))
        votes = np.diff(begins, append=len(key))
        for number in np.flatnonzero(votes >= _LEAST_VOTES):
            rows = order[begins[number] : begins[number] + votes[number]]
            if votes[number] > best.get(int(pair[rows[0]]), (0,))[0]:
                best[int(pair[rows[0]])] = int(votes[number]), rows
    found = []
    for name, (_, rows) in sorted(best.items()):
        speed = float(2 ** np.median(shift[rows]))
        found.append((*divmod(name, len(clips)), speed, float(np.median(time[one[rows]] - speed * time[other[rows]]))))
    return found


def _agreement(first: np.ndarray, second: np.ndarray, speed: float, offset_s: float) -> float:
    """The larger share, of either clip's peaks where both sound, that lie on one of the other's."""
    laid = np.stack([speed * second[:, 0] + offset_s, second[:, 1] - np.log2(speed)], axis=1)
    begin, end = max(first[0, 0], laid[0, 0]), min(first[-1, 0], laid[-1, 0])
    parts = [clip[(clip[:, 0] >= begin) & (clip[:, 0] <= end)] / (_NEAR_S, _NEAR_OCTAVES) for clip in (first, laid)]
    if min(map(len, parts)) < _FEWEST_PEAKS:
        return 0.0
    return max(_on(parts[0], parts[1]), _on(parts[1], parts[0]))


def _on(some: np.ndarray, others: np.ndarray) -> float:
    distance, _ = KDTree(others).query(some, distance_upper_bound=1.0, p=np.inf)
    return float(np.isfinite(distance).mean())
