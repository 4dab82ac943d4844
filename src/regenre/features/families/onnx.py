"""Embeddings of a network in an ONNX file."""

import os
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from regenre.common import paths
from regenre.common.errors import UserError, find_cause
from regenre.common.files import compute_sha256
from regenre.common.kinds import Hop, Names, Positive, PositiveOrZero, Rate, Size, Span, Width, strict_dataclass
from regenre.features import filterbanks
from regenre.features.frames import Frames

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_MOST_OVERLAPPING = 64  # windows at any sample
_PROVIDERS = {"CUDAExecutionProvider": {"use_tf32": "0"}, "CPUExecutionProvider": {}}  # the first that is there
Axis = Literal["batch", "time", "mel", 1]


@strict_dataclass
class LogMel:
    """Input of a network: factor * log10(offset + gain * P), P the power in mel bands of `filterbanks.make_whole_mel`.

    Silence yields factor * log10(offset). 10 log10 P in dB is factor 10, offset 1e-10, gain 1.

    Parameters
    ----------
    n_fft, hop_length : periodic Hann window and hop of the transform in samples, at the network's rate; see `frames`
    n_mels : number of bands
    fmin_hz, fmax_hz : lowest and highest edge of the bank in Hz; fmax_hz None: sr / 2
    gain, offset, factor : as above
    """

    n_fft: Size
    hop_length: Hop
    n_mels: Width
    fmin_hz: PositiveOrZero
    fmax_hz: Positive | None
    gain: Positive
    offset: Positive
    factor: Positive

    def __call__(self, frames: Frames, sr: int) -> np.ndarray:
        """Compute the levels, float32, shape (n_mels, n_frames)."""
        own = frames.reframe(sr, self.n_fft, self.hop_length)
        bank = filterbanks.make_whole_mel(sr, self.n_fft, self.n_mels, self.fmin_hz, self.fmax_hz)
        level = own.sum_bands(bank) * np.float32(self.gain)
        level += np.float32(self.offset)
        np.log10(level, out=level)
        level *= np.float32(self.factor)
        return level


@strict_dataclass
class Onnx:
    """Outputs of a network for windows of the clip.

    Window i has steps i * hop to i * hop + window - 1, where a step is a sample or a frame of the log-mel input; steps
    after the last whole window are dropped, and a shorter clip is repeated until it fills one. A frame of the shared
    transform gets the outputs of the window whose centre is nearest. What silence yields is the network's matter.

    The rate is that of the network, so set `audio.sr` in conf/config.yaml to it or above: from a lower one the network
    gets no sound above `audio.sr` / 2.

    Parameters
    ----------
    path : the file; a relative path is below the project's root
    sha256 : of the file's bytes, in hexadecimal; it stands in the settings of the results, so another file is refused,
        and so is one whose weights lie in other files
    pretrained_on : the data that the network was trained on, with its tasks, for readers of the results
    sr : sampling rate of the input in Hz
    mel : the log-mel input; None for samples, of full scale 1
    axes : axes of the input in order: `batch`, `time`, with log-mel `mel`, and 1 for an axis of length 1
    window_s, hop_s : length of a window and distance between windows in seconds, rounded to steps
    outputs : name of an output -> names of its values, or one name that is numbered: `e` -> `e_000`, `e_001`, ...
        An output has shape (batch, n_values), or (batch, time, n_values), of which the mean over time is taken.

    Raises
    ------
    UserError
        When it is made: onnxruntime is not installed; there is no such file; the network has another input, output or
        shape. When it is called: an output is not finite.
    """

    path: str
    sha256: str
    pretrained_on: str
    sr: Rate
    mel: LogMel | None
    axes: Annotated[list[Axis], Field(max_length=8)]
    window_s: Span
    hop_s: Span
    outputs: Annotated[dict[str, Names | str], Field(min_length=1)]

    def __post_init__(self) -> None:
        expected = {"batch", "time"} | ({"mel"} if self.mel else set())
        if sorted(axis for axis in self.axes if axis != 1) != sorted(expected):
            raise UserError(f"axes: each of {', '.join(sorted(expected))} once, and 1, expected, {self.axes} found")
        if self.hop_s < self.window_s / _MOST_OVERLAPPING:
            least = self.window_s / _MOST_OVERLAPPING
            raise UserError(
                f"hop_s: at least {least:g} s for windows of {self.window_s:g} s expected, {self.hop_s:g} found"
            )
        top = self.sr / 2
        if self.mel and not self.mel.fmin_hz < (self.mel.fmax_hz or top) <= top:
            edges = f"fmin_hz {self.mel.fmin_hz:g}, fmax_hz {self.mel.fmax_hz}"
            raise UserError(f"mel: fmin_hz < fmax_hz <= {top:g} expected for sr {self.sr}, {edges} found")
        self.names  # noqa: B018 # opens the network and sees that the settings fit

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the values of all outputs, which a window of silence shows."""
        inputs, outputs = self._session.get_inputs(), {each.name: each.shape for each in self._session.get_outputs()}
        unknown = [output for output in self.outputs if output not in outputs]
        if unknown:
            raise UserError(f"outputs: {unknown[0]!r} expected in {self.path}, which has {outputs}")
        silence = np.zeros((1, *((self.mel.n_mels,) if self.mel else ()), self._n_steps), np.float32)
        try:
            values = self._run(silence)
        except Exception as error:  # onnxruntime's own, of many types
            shape, expected = self._order_axes(silence).shape, [(each.name, each.type, each.shape) for each in inputs]
            raise UserError(
                f"axes, window_s, mel: the input {expected} of {self.path} expected, float32 of shape {shape} found"
                f" ({find_cause(error)})"
            ) from error
        names: list[str] = []
        for (output, own), value in zip(self.outputs.items(), values, strict=True):
            shape = value.shape if isinstance(value, np.ndarray) and value.dtype.kind == "f" else ()
            n = shape[-1] if len(shape) in (2, 3) and shape[0] == 1 else 0
            listed = [f"{own}_{number:03d}" for number in range(n)] if isinstance(own, str) else own
            if not n or len(listed) != n:
                raise UserError(
                    f"outputs: {output}: floats of shape (batch, n_values) or (batch, time, n_values), and as many"
                    f" names, expected; {shape or type(value).__name__} of a window, and {len(listed)} names, found in"
                    f" {self.path}"
                )
            names += listed
        wrong = [name for place, name in enumerate(names) if not name or "__" in name or name in names[:place]]
        if wrong:
            raise UserError(f"outputs: names without `__`, each once, expected, {wrong[0]!r} found")
        return tuple(names)

    def __call__(self, frames: Frames) -> np.ndarray:
        """Compute the values, float32, shape (len(names), n_frames)."""
        series = self.mel(frames, self.sr).T if self.mel else frames.resample(self.sr)
        window, hop = self._n_steps, max(1, round(self.hop_s / self._step_s))
        if len(series) < window:
            series = series[np.arange(window) % len(series)]
        windows = np.lib.stride_tricks.sliding_window_view(series, window, axis=0)[::hop]
        # one by one: several together take more memory and no less time, and their sums depend on their number
        values = np.concatenate([_join(self._run(each[None])) for each in windows])
        if not np.isfinite(values).all():
            raise UserError(f"{self.path}: finite outputs expected, others found; the network cannot take such a clip")
        centres = (frames.times_s / self._step_s - (window - 1) / 2) / hop
        return values.T[:, np.rint(centres).clip(0, len(windows) - 1).astype(int)]

    @property
    def _step_s(self) -> float:
        return (self.mel.hop_length if self.mel else 1) / self.sr

    @property
    def _n_steps(self) -> int:
        """Steps of a window."""
        return max(1, round(self.window_s / self._step_s))

    @property
    def _session(self) -> "InferenceSession":
        return _open(self._file, self.sha256)

    @cached_property
    def _file(self) -> Path:
        """The path, as the process knows it that makes the family: workers have other working directories."""
        return paths.locate_network(self.path)

    def _run(self, windows: np.ndarray) -> list[np.ndarray]:
        """Return each output for windows of shape (n_windows, n_steps) or, log-mel, (n_windows, n_mels, n_steps)."""
        name = self._session.get_inputs()[0].name
        outputs: list[np.ndarray] = self._session.run(list(self.outputs), {name: self._order_axes(windows)})
        return outputs

    def _order_axes(self, windows: np.ndarray) -> np.ndarray:
        order = ["batch", "mel", "time"] if self.mel else ["batch", "time"]
        ordered = windows.transpose([order.index(str(axis)) for axis in self.axes if axis != 1])
        return np.ascontiguousarray(np.expand_dims(ordered, [n for n, axis in enumerate(self.axes) if axis == 1]))


def _join(outputs: list[np.ndarray]) -> np.ndarray:
    """Return all outputs of some windows, float32, shape (n_windows, n_values); a time axis is averaged."""
    values = [output.mean(axis=1, dtype=np.float64) if output.ndim == 3 else output for output in outputs]
    return np.concatenate(values, axis=1).astype(np.float32)


@lru_cache(maxsize=8)
def _open(path: Path, sha256: str) -> "InferenceSession":
    """Return the network, ready to run in one thread; each process opens it once."""
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError("onnxruntime expected, none found; run pip install 'regenre[pretrained]'") from error
    if not path.is_file():
        raise UserError(f"path: an ONNX file expected at {path}, none found; docs/networks.md says how to get one")
    actual = compute_sha256(path)
    if actual != sha256:
        expected = sha256 or "that of the file"
        raise UserError(f"sha256: {expected} expected, {actual} found at {path}; correct it, or get the file again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # workers run side by side
    options.log_severity_level = 3  # errors
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    providers = [item for item in _PROVIDERS.items() if item[0] in onnxruntime.get_available_providers()]
    try:
        return onnxruntime.InferenceSession(path, options, providers)
    except Exception as error:  # onnxruntime's own, of many types
        if "External data" in str(error):
            raise UserError(
                f"path: an ONNX file that holds its weights expected, {path} has them in other files; export it with"
                " external_data=False"
            ) from error
        raise UserError(f"path: an ONNX file expected, but {path} cannot be opened ({find_cause(error)})") from error
