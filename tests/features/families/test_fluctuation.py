import numpy as np
import pytest
from helpers import SR, build_family, frames_of, noise, silence

FLUCTUATION = build_family("fluctuation")


def compute_pattern(y: np.ndarray) -> np.ndarray:
    return FLUCTUATION(frames_of(y)).reshape(24, 20)


@pytest.mark.parametrize("hz", [1.25, 3.75, 6.25])
def test_a_modulation_is_a_peak_at_its_rate_in_each_audible_band(hz: float) -> None:
    y = noise(20.0) * (1 + np.sin(2 * np.pi * hz * np.arange(20 * SR) / SR)).astype(np.float32)
    assert (compute_pattern(y)[2:20].argmax(axis=1) == int(hz / 0.5)).all()


def test_a_deeper_modulation_is_stronger() -> None:
    modulation = np.sin(2 * np.pi * 4 * np.arange(20 * SR) / SR).astype(np.float32)
    shallow, deep = (compute_pattern(noise(20.0) * (1 + depth * modulation))[10, 7] for depth in (0.2, 0.8))
    assert deep > 2 * shallow


def test_names_consist_of_band_and_rate() -> None:
    assert FLUCTUATION.names[20 * 7 + 8] == "07_4.5hz__median"


def test_silence_yields_zero() -> None:
    assert not compute_pattern(silence(10.0)).any()
