"""Settings that results record, as conf/config.yaml has them."""

from typing import Literal

from regenre.common.kinds import Count, FoldCount, Hop, Names, Positive, PositiveOrZero, Rate, Size, strict_dataclass

Loudness = Literal["none", "rms", "bs1770"]
"""What a clip is brought to: see `audio.level`."""
_MOST_OVERLAPPING = 64  # frames at any sample
_LEAST_WEIGHTED = 8000  # Hz: the filters of BS.1770 reach 1.5 kHz and beyond


@strict_dataclass
class AudioSettings:
    """How clips are read.

    Parameters
    ----------
    sr : sampling rate in Hz that they are brought to
    min_duration_s : of a clip that is used
    loudness, floor_db : the level that they are brought to, and how far below it noise is added; see `audio.level`
    """

    sr: Rate
    min_duration_s: PositiveOrZero
    loudness: Loudness = "none"
    floor_db: Positive | None = None

    def __post_init__(self) -> None:
        if self.loudness == "bs1770" and self.sr < _LEAST_WEIGHTED:
            raise ValueError(f"sr: {_LEAST_WEIGHTED} Hz or more expected for loudness bs1770, {self.sr} found")


@strict_dataclass
class FrameSettings:
    """The shared transform, in samples."""

    n_fft: Size
    hop_length: Hop

    def __post_init__(self) -> None:
        if self.n_fft > _MOST_OVERLAPPING * self.hop_length:
            raise ValueError(
                f"n_fft: at most {_MOST_OVERLAPPING} hops of {self.hop_length} samples expected, {self.n_fft} found"
            )


@strict_dataclass
class SequenceSettings:
    """The frames that sequence classifiers read: how many of the transform's are averaged into one."""

    n_averaged: Count


@strict_dataclass
class Augmentation:
    """Changed copies of training clips.

    Parameters
    ----------
    deformations : patterns of names in conf/deformation
    copies : of each clip; each is changed by one of the deformations
    """

    deformations: Names
    copies: Count


@strict_dataclass
class SearchSettings:
    """The choice of hyper-parameters: scikit-learn's name of a score, and the number of inner folds."""

    metric: str
    n_folds: FoldCount
