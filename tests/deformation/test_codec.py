import numpy as np
import pytest
import scipy.signal
from helpers import build_leaf, noise, sine

RNG = np.random.default_rng(0)


def make_music(sr: int) -> np.ndarray:
    """Return chords with attacks, which codecs keep, as two channels of different loudness."""
    y = sum(sine(hz, 2.0, sr, 0.1) for hz in (220, 277, 330, 1760)) * (1 - np.arange(2 * sr) / sr % 0.5)
    return np.stack([y, 0.5 * y], axis=1).astype(np.float32)


@pytest.mark.parametrize("name", ["mp3_64", "mp3_128", "opus_64", "opus_128"])
@pytest.mark.parametrize("sr", [22_050, 44_100, 48_000])
def test_a_codec_keeps_length_time_and_most_of_the_sound(name: str, sr: int) -> None:
    y = make_music(sr)
    coded = build_leaf("deformation", name)(y, sr, RNG)
    assert coded.shape == y.shape
    inside = slice(sr // 4, -sr // 4)
    correlation = scipy.signal.correlate(coded[inside, 0], y[inside, 0])
    assert correlation.argmax() == len(y[inside]) - 1  # no delay
    error = np.square(coded - y)[inside].sum() / np.square(y[inside]).sum()
    assert 1e-7 < error < 0.02  # lossy; 17 dB below the music


def test_more_bits_keep_more() -> None:
    y = noise(2.0)
    errors = [np.square(build_leaf("deformation", f"mp3_{rate}")(y, 22_050, RNG) - y).mean() for rate in (64, 128)]
    assert errors[1] < 0.8 * errors[0]


def test_of_many_channels_two_are_kept() -> None:
    y = np.stack([noise(0.5, seed=seed) for seed in range(5)], axis=1)
    assert build_leaf("deformation", "opus_64")(y, 16_000, RNG).shape == (len(y), 2)
