"""One file as the features see it: a figure, or a page of its own with the sound, the figure and the values."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
import soundfile

from regenre import audio, plots
from regenre.extraction import Analysis
from regenre.frames import Frames
from regenre.gallery import gallery

_MP3_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


@dataclass(frozen=True)
class Portrait:
    """A part of a file, and how it is looked at.

    Attributes
    ----------
    path : of the file
    y : samples of the part, mono, at `analysis.sr`
    start_s, whole_s : where the part begins, and how long the file is
    analysis : the families to show
    """

    path: Path
    y: np.ndarray
    start_s: float
    whole_s: float
    analysis: Analysis

    @classmethod
    def of(cls, path: Path, analysis: Analysis, start_s: float, length_s: float) -> "Portrait":
        """Read the part.

        Raises
        ------
        UserError
            The file cannot be used, or ends before the part.
        """
        with audio.said_of(path):
            y, whole_s = audio.excerpt(path, analysis.sr, start_s, length_s)
        return cls(path, y, start_s, whole_s, analysis)

    @property
    def title(self) -> str:
        """The file's name, and which part of it is shown where it is not all."""
        end_s = self.start_s + len(self.y) / self.analysis.sr
        whole = self.start_s == 0 and end_s > self.whole_s - 0.01
        return self.path.name if whole else f"{self.path.name}, {self.start_s:g} to {end_s:g} s of {self.whole_s:.1f} s"

    def png(self) -> bytes:
        """The figure."""
        frames = Frames(self.y, self.analysis.sr, self.analysis.n_fft, self.analysis.hop_length)
        return plots.png(gallery(frames, self.title, self.analysis.families))

    def page(self) -> str:
        """HTML that needs no other file and no network."""
        rows, _ = self.analysis(self.y)
        values = {
            name: dict(zip(self.analysis.columns(name), map(float, row), strict=True)) for name, row in rows.items()
        }
        template = (Path(__file__).parent / "portrait.html").read_text(encoding="utf-8")
        return jinja2.Environment(autoescape=True, trim_blocks=True).from_string(template).render(
            name=self.title,
            facts=self._facts(),
            sr=self.analysis.sr,
            mp3=base64.b64encode(self._mp3()).decode(),
            png=base64.b64encode(self.png()).decode(),
            values=values,
        )  # fmt: skip

    def _facts(self) -> dict[str, str]:
        with audio.opened(self.path) as file:
            stored = f"{file.format_info}, {file.subtype_info}, {file.channels} channel(s), {file.samplerate} Hz"
        peak, rms = float(np.abs(self.y).max()), float(np.sqrt(np.square(self.y, dtype=np.float64).mean()))
        return {
            "file": str(self.path),
            "stored as": stored,
            "length": f"{self.whole_s:.2f} s",
            "shown as": f"mono, {self.analysis.sr} Hz",
            "peak": f"{20 * np.log10(peak):.1f} dB of full scale",
            "RMS": f"{20 * np.log10(rms):.1f} dB of full scale",
        }

    def _mp3(self) -> bytes:
        stream, sr = io.BytesIO(), self.analysis.sr
        nearest = min(_MP3_HZ, key=lambda rate: abs(rate - sr))
        y = audio.prepared(self.y[:, None], sr, nearest)
        soundfile.write(stream, np.clip(y, -1, 1), nearest, format="MP3")
        return stream.getvalue()
