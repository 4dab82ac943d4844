import numpy as np
import pytest
import scipy.stats
from conftest import frames_of, noise, silence

from regenre.families.spectrum_descriptors import SpectrumDescriptors
from regenre.sonogram import sonogram


def test_a_clip_of_one_segment_has_scipys_statistics() -> None:
    frames = frames_of(noise(3.0))
    found = SpectrumDescriptors()(frames).reshape(7, 24)
    loudness = sonogram(frames).astype(float)
    expected = [
        loudness.mean(axis=1), np.median(loudness, axis=1), loudness.var(axis=1), scipy.stats.skew(loudness, axis=1),
        scipy.stats.kurtosis(loudness, axis=1, fisher=False), loudness.min(axis=1), loudness.max(axis=1),
    ]  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_median_over_segments_shrugs_off_one_bang() -> None:
    y = noise(30.0)
    struck = y.copy()
    struck[1000:2000] *= 8
    for segment_s, heard in ((6.0, False), (60.0, True)):
        family = SpectrumDescriptors(segment_s=segment_s)
        calm, found = (family(frames_of(part)).reshape(7, 24)[6] for part in (y, struck))
        assert ((found > 1.5 * calm) == heard).all()


def test_names_say_band_and_statistic() -> None:
    assert SpectrumDescriptors().names[24 * 3 + 7] == "07__skewness"


@pytest.mark.parametrize("duration_s", [0.01, 10.0])
def test_silence_is_zero(duration_s: float) -> None:
    assert not SpectrumDescriptors()(frames_of(silence(duration_s))).any()
