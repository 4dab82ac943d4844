"""One file as the features see it: a figure, or an HTML page with the audio, the figure and the values.

FilePage    an excerpt of a file; `render_png` makes the figure, `render_page` the page
encode_mp3  samples -> what a page plays
"""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from markupsafe import Markup
from matplotlib.figure import Figure

from regenre import audio
from regenre.decoding import open_audio
from regenre.features.extraction import Analysis
from regenre.features.family import Family
from regenre.features.frames import Frames
from regenre.reporting import plots
from regenre.reporting.escaping import read_template
from regenre.reporting.gallery import draw_gallery

_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)  # in Hz


@dataclass(frozen=True)
class FilePage:
    """An excerpt of a file, and how to analyse it.

    Attributes
    ----------
    path : of the file
    y : samples of the excerpt, mono, at `analysis.sr`, shape (n_samples,)
    start_s : start of the excerpt in seconds
    whole_s : length of the file in seconds
    analysis : families to show
    panels : name -> family, of `gallery.FAMILIES`
    """

    path: Path
    y: np.ndarray
    start_s: float
    whole_s: float
    analysis: Analysis
    panels: Mapping[str, Family]

    @classmethod
    def read(
        cls, path: Path, analysis: Analysis, panels: Mapping[str, Family], start_s: float, length_s: float
    ) -> "FilePage":
        """Read an excerpt of a file.

        Parameters
        ----------
        path : audio file
        analysis : families to show
        panels : name -> family, of `gallery.FAMILIES`
        start_s : start of the excerpt in seconds
        length_s : length of the excerpt in seconds; it is shorter if the file ends before

        Raises
        ------
        UserError
            The file cannot be used, or ends before `start_s`.
        """
        with audio.name_errors(path):
            y, whole_s = audio.read_excerpt(path, analysis.sr, start_s, length_s)
        return cls(path, y, start_s, whole_s, analysis, panels)

    @property
    def title(self) -> str:
        """Name of the file, followed by the times of the excerpt if it is not the whole file."""
        end_s = self.start_s + len(self.y) / self.analysis.sr
        is_whole = self.start_s == 0 and end_s > self.whole_s - 0.01
        excerpt = f"{self.path.name}, {self.start_s:g} to {end_s:g} s of {self.whole_s:.1f} s"
        return self.path.name if is_whole else excerpt

    def render_png(self) -> bytes:
        """Return the figure as PNG."""
        return plots.render_png(self._draw())

    def _draw(self) -> Figure:
        frames = Frames(self.y, self.analysis.sr, self.analysis.n_fft, self.analysis.hop_length)
        families = {**self.panels, **self.analysis.families}
        return draw_gallery(frames, self.title, families, list(self.analysis.families))

    def render_page(self, explanation: Markup = Markup()) -> str:  # noqa: B008 # immutable
        """Return an HTML page that needs no other file and no network; `explanation` is its section "Why"."""
        rows, _ = self.analysis(self.y)
        values = {
            name: dict(zip(self.analysis.name_columns(name), map(float, row), strict=True))
            for name, row in rows.items()
        }
        return read_template("file_page.html").render(
            name=self.title,
            facts=self._collect_facts(),
            sr=self.analysis.sr,
            mp3=encode_mp3(self.y, self.analysis.sr),
            figure=plots.render_svg("panels", self._draw),
            values=values,
            explanation=explanation,
        )  # fmt: skip

    def _collect_facts(self) -> dict[str, str]:
        with open_audio(self.path) as file:
            encoding = f"{file.encoding}, {file.channels} channel(s), {file.sr} Hz"
        peak, rms = float(np.abs(self.y).max()), float(np.sqrt(np.square(self.y, dtype=np.float64).mean()))
        return {
            "file": str(self.path),
            "stored as": encoding,
            "length": f"{self.whole_s:.2f} s",
            "shown as": f"mono, {self.analysis.sr} Hz",
            "peak": f"{20 * np.log10(peak):.1f} dB of full scale",
            "RMS": f"{20 * np.log10(rms):.1f} dB of full scale",
        }


def encode_mp3(y: np.ndarray, sr: int) -> str:
    """Return samples of shape (n_samples,) as MP3, at the rate nearest to `sr` that MP3 has, in Base64."""
    stream, mp3_sr = io.BytesIO(), min(_MP3_RATES, key=lambda rate: abs(rate - sr))
    resampled = audio.prepare(y[:, None], sr, mp3_sr)
    soundfile.write(stream, np.clip(resampled, -1, 1), mp3_sr, format="MP3")
    return base64.b64encode(stream.getvalue()).decode()
