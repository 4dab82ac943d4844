"""The settings that results record are checked when they are made."""

import pytest
from pydantic import ValidationError

from regenre.common.settings import AudioSettings, FrameSettings, SearchSettings, SequenceSettings


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (AudioSettings, {"sr": 999, "min_duration_s": 1.0}),
        (AudioSettings, {"sr": 2**63, "min_duration_s": 1.0}),
        (AudioSettings, {"sr": 22_050, "min_duration_s": -1.0}),
        (AudioSettings, {"sr": 22_050, "min_duration_s": float("nan")}),
        (AudioSettings, {"sr": 7999, "min_duration_s": 1.0, "loudness": "bs1770"}),
        (AudioSettings, {"sr": 22_050, "min_duration_s": 1.0, "loudness": "lufs"}),
        (AudioSettings, {"sr": 22_050, "min_duration_s": 1.0, "floor_db": 0.0}),
        (FrameSettings, {"n_fft": 0, "hop_length": 512}),
        (FrameSettings, {"n_fft": 2048, "hop_length": 0}),
        (FrameSettings, {"n_fft": 16, "hop_length": 1}),
        (FrameSettings, {"n_fft": 2**16, "hop_length": 1023}),
        (FrameSettings, {"n_fft": 2**17, "hop_length": 2**16}),
        (SequenceSettings, {"n_averaged": 0}),
        (SearchSettings, {"metric": "accuracy", "n_folds": 1}),
        (SearchSettings, {"metric": "accuracy", "n_folds": 3, "folds": 3}),
    ],
)
def test_values_out_of_range_are_refused(kind, values):
    with pytest.raises(ValidationError):
        kind(**values)
