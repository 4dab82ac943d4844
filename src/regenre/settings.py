"""Settings that results record, as conf/config.yaml has them."""

from regenre.kinds import Count, FoldCount, Hop, PositiveOrZero, Rate, Size, strict_dataclass

_MOST_OVERLAPPING = 64  # frames at any sample


@strict_dataclass
class AudioSettings:
    """How clips are read: the sampling rate that they are brought to in Hz, and the least duration in seconds."""

    sr: Rate
    min_duration_s: PositiveOrZero


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
class SearchSettings:
    """The choice of hyper-parameters: scikit-learn's name of a score, and the number of inner folds."""

    metric: str
    n_folds: FoldCount
