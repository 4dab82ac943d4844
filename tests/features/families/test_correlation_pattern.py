import numpy as np
import pytest
from helpers import SR, build_family, frames_of, noise, silence, sine

from regenre.features.blocks import average_rows, compute_levels

CORRELATION_PATTERN = build_family("correlation_pattern")


def modulate(y: np.ndarray, db: float) -> np.ndarray:
    """Let the level go up and down by `db`, twice a second."""
    return y * (10 ** (db * np.sin(4 * np.pi * np.arange(len(y)) / SR) / 20)).astype(np.float32)


@pytest.mark.parametrize("sign", [1, -1])
def test_tones_that_swell_together_or_in_turn_have_correlation_one_or_minus_one(sign: int) -> None:
    y = modulate(sine(200, 8.0), 6) + modulate(sine(2000, 8.0), sign * 6)
    low, high = (int(3 * np.log2(hz / 47.6)) for hz in (200, 2000))
    values = dict(zip(CORRELATION_PATTERN.names, CORRELATION_PATTERN(frames_of(y)), strict=True))
    assert values[f"{low:02d}_{high:02d}__q50"] == pytest.approx(sign, abs=0.05)


@pytest.mark.parametrize("duration_s", [1.0, 6.0])
def test_one_block_has_numpys_correlations(duration_s: float) -> None:
    frames = frames_of(noise(duration_s))
    levels = average_rows(compute_levels(frames), 23)[:, :256]
    expected = np.corrcoef(levels)[np.triu_indices(23, 1)]
    np.testing.assert_allclose(CORRELATION_PATTERN(frames), expected, atol=1e-5)


def test_silence_yields_zero() -> None:
    assert not CORRELATION_PATTERN(frames_of(silence(8.0))).any()
