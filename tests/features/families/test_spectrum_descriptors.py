import numpy as np
import pytest
import scipy.stats
from helpers import build_family, frames_of, noise, silence

from regenre.features.loudness import compute_sonogram

SPECTRUM_DESCRIPTORS = build_family("spectrum_descriptors")


def test_a_clip_of_one_segment_has_scipys_statistics() -> None:
    frames = frames_of(noise(3.0))
    values = SPECTRUM_DESCRIPTORS(frames).reshape(7, 24)
    loudness = compute_sonogram(frames).astype(float)
    expected = [
        loudness.mean(axis=1), np.median(loudness, axis=1), loudness.var(axis=1), scipy.stats.skew(loudness, axis=1),
        scipy.stats.kurtosis(loudness, axis=1, fisher=False), loudness.min(axis=1), loudness.max(axis=1),
    ]  # fmt: skip
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


def test_the_median_over_segments_ignores_a_single_bang() -> None:
    y = noise(30.0)
    bang = y.copy()
    bang[1000:2000] *= 8
    for segment_s, changes in ((6.0, False), (60.0, True)):
        family = build_family("spectrum_descriptors", segment_s=segment_s)
        maximum, bang_maximum = (family(frames_of(samples)).reshape(7, 24)[6] for samples in (y, bang))
        assert ((bang_maximum > 1.5 * maximum) == changes).all()


def test_names_consist_of_band_and_statistic() -> None:
    assert SPECTRUM_DESCRIPTORS.names[24 * 3 + 7] == "07__skewness"


@pytest.mark.parametrize("duration_s", [0.01, 10.0])
def test_silence_yields_zero(duration_s: float) -> None:
    assert not SPECTRUM_DESCRIPTORS(frames_of(silence(duration_s))).any()
