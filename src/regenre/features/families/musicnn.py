"""MusiCNN: embeddings and tags of a network that was trained on music."""

from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from regenre.common import paths
from regenre.common.errors import UserError
from regenre.common.files import compute_sha256
from regenre.common.kinds import Names, Span, check_unique, strict_dataclass
from regenre.features.families.onnx import LogMel, Onnx
from regenre.features.frames import Frames

Model = Literal["msd", "mtt"]
_SR = 16_000
_LOG_MEL = LogMel(
    n_fft=512, hop_length=256, n_mels=96, fmin_hz=0.0, fmax_hz=None, gain=10_000.0, offset=1.0, factor=1.0
)
_PATCH_S = 187 * _LOG_MEL.hop_length / _SR
_SHA256 = {  # of the graphs that `regenre pretrained musicnn` writes
    "msd": "f5f87aa97a32438064e32d79bae4e1e4efb70a56e74cfa201ad417bf33bb9ad5",
    "mtt": "10fe17a84f7d951f5b185e25154bc16e2df7566b5f060af64b0295de82e1b6c6",
}
_PRETRAINED_ON = {
    "msd": "songs of the Million Song Dataset with 50 tags of Last.fm, among them genres",
    "mtt": "clips of MagnaTagATune with 50 tags of its players, among them genres",
}
_TAGS = {  # in the order of the outputs, as configuration.py of musicnn 0.1.0 has them
    "msd": (
        "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock",
        "jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "Mellow",
        "electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock",
        "ambient", "acoustic", "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country",
        "easy listening", "sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb",
        "indie pop", "sad", "House", "happy",
    ),
    "mtt": (
        "guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano", "ambient",
        "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male", "singing", "vocals", "no vocals",
        "harpsichord", "loud", "quiet", "flute", "woman", "male vocal", "no vocal", "pop", "soft", "sitar", "solo",
        "man", "classic", "choir", "voice", "new age", "dance", "male voice", "female vocal", "beats", "harp", "cello",
        "no voice", "weird", "country", "metal", "female voice", "choral",
    ),
}  # fmt: skip


@strict_dataclass
class Musicnn:
    """Penultimate layer (200 values) and tags (50 probabilities) of MusiCNN (Pons and Serra 2019), per patch.

    The input of each network is log10(1 + 10000 P), P the power in 96 mel bands (Slaney 1998) at 16 kHz, window 512,
    hop 256, in patches of 187 frames (3 s); `Onnx` says how patches become frames. Silence yields the networks'
    answer to it: constant values, not 0.

    Deviates from the authors' package 0.1.0 in that spectra are float32 (there float16, in which 10000 P overflows for
    P above 6.5).

    Parameters
    ----------
    models : `msd`, trained on the Million Song Dataset, and `mtt`, trained on MagnaTagATune
    hop_s : seconds from one patch to the next
    """

    models: Annotated[list[Model], Field(min_length=1, max_length=len(_TAGS)), AfterValidator(check_unique)]
    hop_s: Span

    def __post_init__(self) -> None:
        self._networks  # noqa: B018 # opens them

    @cached_property
    def _networks(self) -> dict[Model, Onnx]:
        return {model: self._make_network(model) for model in self.models}

    def _make_network(self, model: Model) -> Onnx:
        tags = [f"tag_{tag.lower().replace(' ', '_').replace('-', '_')}" for tag in _TAGS[model]]
        return make_network(model, self.hop_s, {"penultimate": "unit", "tags": tags})

    @property
    def pretrained_on(self) -> str:
        """What each network was trained on."""
        return "; ".join(f"{model}: {_PRETRAINED_ON[model]}" for model in self.models)

    @property
    def names(self) -> tuple[str, ...]:
        """Of each model `msd_unit_000`, ... of the penultimate layer, then `msd_tag_jazz`, ... of the tags."""
        return tuple(f"{model}_{name}" for model, network in self._networks.items() for name in network.names)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the values, float32, shape (250 n_models, n_frames)."""
        return np.concatenate([network(frames) for network in self._networks.values()])


def make_tagger(model: Model) -> Onnx:
    """Return a model that computes the tags alone, by their authors' names, for patches that do not overlap."""
    return make_network(model, _PATCH_S, {"tags": list(_TAGS[model])})


def make_network(model: Model, hop_s: float, outputs: dict[str, Names | str]) -> Onnx:
    """Return a model with some of its outputs: `penultimate`, 200 values, and `tags`, 50 probabilities.

    Raises
    ------
    UserError
        Its weights are not there, or others.
    """
    file = paths.locate_network(f"data/pretrained/musicnn_{model}.onnx")
    if not file.is_file():
        raise UserError(f"weights expected at {file}, none found; run `regenre pretrained musicnn`")
    if compute_sha256(file) != _SHA256[model]:
        raise UserError(f"the weights of MusiCNN expected in {file}, others found; run `regenre pretrained musicnn`")
    return Onnx(
        path=str(file),
        sha256=_SHA256[model],
        pretrained_on=_PRETRAINED_ON[model],
        sr=_SR,
        mel=_LOG_MEL,
        axes=["batch", "time", "mel"],
        window_s=_PATCH_S,
        hop_s=hop_s,
        outputs=outputs,
    )
