import numpy as np
import pytest
from helpers import ROOT, SR, build_leaf, noise, silence, sine

from regenre.common.errors import UserError
from regenre.deformation.deformation import deform, make_copies

LEAVES = sorted(path.stem for path in (ROOT / "conf/deformation").glob("*.yaml"))
RANDOM = {"equalizer", "white", "pink", "babble", "room", "hall"}
STEREO = np.stack([noise(0.3), sine(440, 0.3)], axis=1)


@pytest.mark.parametrize("name", LEAVES)
def test_every_deformation_keeps_its_promises(name: str) -> None:
    deformation = build_leaf("deformation", name)
    for y in (STEREO, STEREO[:, :1], STEREO[:, 0], silence(0.3), np.ones(1, np.float32)):
        before = y.copy()
        changed = deform(deformation, name, y, SR, "clip")
        np.testing.assert_array_equal(y, before)
        assert (changed.dtype, changed.ndim) == (np.float32, y.ndim)
        assert len(changed) >= 1
        assert np.isfinite(changed).all()
    assert np.abs(deform(deformation, name, silence(0.3), SR, "clip")).max() < 1e-6
    for sr in (8_000, 96_000):
        assert np.isfinite(deform(deformation, name, STEREO, sr, "clip")).all()


@pytest.mark.parametrize("name", LEAVES)
def test_a_deformation_follows_from_the_clip_and_its_name_alone(name: str) -> None:
    deformation = build_leaf("deformation", name)
    first, again, other = (deform(deformation, name, STEREO, SR, clip) for clip in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    is_random = name.split("_")[0] in RANDOM
    assert np.array_equal(first, other) != is_random
    assert np.array_equal(first, deform(deformation, "another name", STEREO, SR, "a")) != is_random


def test_copies_of_a_clip_use_each_deformation_before_one_comes_again() -> None:
    deformations = {name: build_leaf("deformation", name) for name in ("gain_minus_6", "gain_minus_20", "white_20")}
    first, again, other = (list(make_copies(deformations, 7, STEREO, SR, clip)) for clip in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    loudest = [np.abs(copy).max() / np.abs(STEREO).max() for copy in first]
    assert sorted(round(20 * np.log10(share)) for share in loudest[:3])[:2] == [-20, -6]
    assert loudest[3:6] == pytest.approx(loudest[:3], rel=0.1)  # the same order again, with other noise
    noisy = next(place for place, share in enumerate(loudest) if share > 0.9)
    assert not np.array_equal(first[noisy], first[noisy + 3])
    assert not np.array_equal(first[noisy], deform(deformations["white_20"], "white_20", STEREO, SR, "a"))
    orders = {
        tuple(np.argsort([np.abs(copy).max() for copy in make_copies(deformations, 3, STEREO, SR, clip)]))
        for clip in "abcdefgh"
    }
    assert len(orders) > 2
    assert len(other) == 7


def test_a_clip_may_have_a_name_that_is_no_utf_8() -> None:
    deform(build_leaf("deformation", "white_10"), "white_10", noise(0.1), SR, "song\udcff")


def test_settings_that_overflow_name_their_leaf() -> None:
    with pytest.raises(
        UserError, match=r"^conf/deformation/tilt_6.yaml: finite samples expected, .* it changed a; corr"
    ):
        deform(build_leaf("deformation", "tilt_6", gain_db=900.0), "tilt_6#1", noise(0.5), SR, "a")
