import numpy as np
import pytest
from helpers import SR, build_leaf


@pytest.mark.parametrize(("name", "reverberation_s", "below_db"), [("room", 0.4, 6.0), ("hall", 2.0, 0.0)])
def test_a_reverberation_decays_by_60_db_and_is_as_loud_as_its_leaf_states(
    name: str, reverberation_s: float, below_db: float
) -> None:
    impulse = np.zeros((3 * SR, 2), np.float32)
    impulse[100] = 1
    response = build_leaf("deformation", name)(impulse, SR, np.random.default_rng(0))[:, 1]
    assert np.abs(response[:100]).max() < 1e-6
    assert response[100] == pytest.approx(1, abs=1e-5)
    tail = response[101:]
    assert 10 * np.log10(np.square(tail, dtype=float).sum()) == pytest.approx(-below_db, abs=0.01)
    half = round(reverberation_s / 2 * SR)
    early, late = (np.mean(np.square(tail[start : start + SR // 20])) for start in (0, half))
    assert 10 * np.log10(early / late) == pytest.approx(30, abs=1.5)  # 1100 squares of normal numbers: 0.2 dB each
