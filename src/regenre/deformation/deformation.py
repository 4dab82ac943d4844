"""What every deformation offers, and the random numbers of a clip.

A deformation changes how a recording sounds and not what was played (the irrelevant transformations of Sturm 2014, "A
simple method to determine if a music information retrieval system is a 'horse'"). Its leaf is in conf/deformation.

    Deformation  base of all deformations
    deform       a deformation of one clip
    make_copies  changed copies of one clip
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Annotated

import numpy as np
from pydantic import Field

from regenre.common.errors import UserError
from regenre.common.kinds import strict_dataclass


@strict_dataclass
class Deformation(ABC):
    """Base of all deformations.

    Parameters
    ----------
    action : what is done, in words, as a command: "turn the treble up by 6 dB"
    irrelevant : whether no listener would take the clip for another genre afterwards
    """

    action: Annotated[str, Field(min_length=1)]
    irrelevant: bool

    @abstractmethod
    def __call__(self, y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
        """Deform samples.

        Parameters
        ----------
        y : float32 array, shape (n_samples,) or (n_samples, n_channels), at least one sample; it is not changed
        sr : sampling rate in Hz
        rng : all random numbers come from it

        Returns
        -------
        float32 array at the same rate with as many dimensions, at least one sample; finite, nothing is clipped that the
        deformation does not clip; silence yields silence
        """


def deform(deformation: Deformation, name: str, y: np.ndarray, sr: int, clip_id: str) -> np.ndarray:
    """Deform a clip; its random numbers follow from its name and the deformation's alone, on any machine.

    Parameters
    ----------
    name : of the deformation's leaf
    y, sr : as `Deformation` takes them

    Raises
    ------
    UserError
        The settings are so far off that samples overflow.
    """
    with np.errstate(all="ignore"):
        deformed = deformation(y, sr, _make_generator(name, clip_id)).astype(np.float32, copy=False)
    if not np.isfinite(deformed).all():
        raise UserError(
            f"conf/deformation/{name.partition('#')[0]}.yaml: finite samples expected, others found after it changed"
            f" {clip_id}; correct its settings"
        )
    return deformed


def make_copies(
    deformations: Mapping[str, Deformation], n: int, y: np.ndarray, sr: int, clip_id: str
) -> Iterator[np.ndarray]:
    """Yield `n` changed copies of a clip, each by one deformation: all of them in a random order, then from the start.

    The random numbers of a copy are not those of `deform` with the same deformation.
    """
    names = _make_generator("order", clip_id).permutation(sorted(deformations)).tolist()
    for number in range(n):
        name = names[number % len(names)]
        yield deform(deformations[name], f"{name}#{number}", y, sr, clip_id)


def _make_generator(name: str, clip_id: str) -> np.random.Generator:
    digest = sha256(f"{name}\0{clip_id}".encode(errors="surrogateescape")).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))
