import numpy as np
import pytest
from helpers import build_family

from regenre.features.family import Family, TableFamily, is_per_clip
from regenre.features.frames import Frames


class Toy:
    """A family of other people's: no base class, only names and a call."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, frames: Frames) -> np.ndarray:
        return np.zeros(len(self.names), np.float32)


@pytest.mark.parametrize(("name", "expected"), [("tempo_bpm__clip", True), ("07__median", True), ("centroid", False)])
def test_names_tell_whether_a_family_describes_the_clip_as_a_whole(name: str, expected: bool) -> None:
    family = Toy(name)
    assert isinstance(family, Family)
    assert is_per_clip(family) is expected


@pytest.mark.parametrize(("name", "per_clip"), [("mfcc", False), ("rhythm", True), ("fluctuation", True)])
def test_families_of_audio_are_no_tables(name: str, per_clip: bool) -> None:
    family = build_family(name)
    assert isinstance(family, Family)
    assert not isinstance(family, TableFamily)
    assert is_per_clip(family) is per_clip


def test_families_of_tables_compute_nothing() -> None:
    family = build_family("external", tables="data/external")
    assert isinstance(family, TableFamily)
    assert not isinstance(family, Family)
