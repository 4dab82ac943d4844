"""One clip as the features see it: waveform, spectrograms, cepstrum, chroma, tempogram, families.

Axes are in seconds, Hz, bpm or ms. Levels are in dB below the panel's maximum. Every colour scale has its bar.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from regenre.features import filterbanks
from regenre.features.cepstra import convert_to_db
from regenre.features.families.cepstrum import Cepstrum
from regenre.features.families.rhythm import RANGE_BPM, WINDOW_S, compute_tempogram, estimate_tempo
from regenre.features.family import Family, is_per_clip
from regenre.features.frames import Frames
from regenre.reporting.escaping import escape_figure

FAMILIES = ("chroma", "rhythm", "mfcc", "gfcc")  # that the panels of every gallery need; the last two are shown too
_RANGE_DB = 70.0
_N_BANDS = 64
_LOWEST_HZ = 40.0
_NAMED = 20  # largest number of rows whose names fit beside the panel
_TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000)


def draw_gallery(frames: Frames, title: str, families: Mapping[str, Family], names: Sequence[str]) -> Figure:
    """Draw waveform, spectrograms, cepstrum, chroma, tempogram, then some families; two panels per row.

    Parameters
    ----------
    families : name -> family, with the settings of conf/: at least `chroma`, `rhythm` and those of `names`
    names : of the families that get a panel of their own
    """
    draw: list[Callable[[Axes, Frames], None]] = [
        _draw_waveform, _draw_spectrogram, _draw_mel, _draw_gammatone, _draw_bark, _draw_cepstrum,
        partial(_draw_chroma, chroma=families["chroma"]), partial(_draw_tempogram, rhythm=families["rhythm"]),
        *(partial(_draw_family, name=name, family=families[name]) for name in names),
    ]  # fmt: skip
    n_rows = (len(draw) + 1) // 2
    figure = Figure(figsize=(13, 3 * n_rows), layout="constrained")
    figure.suptitle(escape_figure(title))
    panels = figure.subplots(n_rows, 2).ravel()
    for axes, panel in zip(panels, draw, strict=False):
        panel(axes, frames)
    over_time = [axes for axes in panels[: len(draw)] if axes.get_xlabel() == ""]
    for axes in over_time:
        axes.set_xlim(0, len(frames.y) / frames.sr)
        axes.tick_params(labelbottom=False)
    for axes in over_time[-2:]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("time in s")
    for axes in panels[len(draw) :]:
        axes.set_axis_off()
    return figure


def _draw_waveform(axes: Axes, frames: Frames) -> None:
    axes.plot(np.arange(len(frames.y)) / frames.sr, frames.y, linewidth=0.3, rasterized=True)
    axes.set(title="Waveform", ylabel="amplitude (full scale 1)", ylim=(-1, 1))


def _draw_spectrogram(axes: Axes, frames: Frames) -> None:
    _draw_bands(axes, frames, "Spectrogram", frames.frequencies_hz[1:], frames.power[1:])


def _draw_mel(axes: Axes, frames: Frames) -> None:
    bank = filterbanks.make_mel(frames.sr, frames.n_fft, _N_BANDS, 0.0, None)
    _draw_bands(
        axes, frames, f"Mel spectrogram, {_N_BANDS} bands", _find_centres_hz(frames, bank), frames.sum_bands(bank)
    )


def _draw_gammatone(axes: Axes, frames: Frames) -> None:
    bank = filterbanks.make_gammatone(frames.sr, frames.n_fft, _N_BANDS, _LOWEST_HZ, None)
    centres = filterbanks.space_erb_centres_hz(_N_BANDS, _LOWEST_HZ, filterbanks.find_top_hz(frames.sr))
    _draw_bands(axes, frames, f"Gammatone spectrogram, {_N_BANDS} bands", centres, frames.sum_bands(bank))


def _draw_bark(axes: Axes, frames: Frames) -> None:
    bank = filterbanks.make_bark(frames.sr, frames.n_fft, _N_BANDS, 0.0, None)
    _draw_bands(
        axes, frames, f"Bark spectrogram, {_N_BANDS} bands", _find_centres_hz(frames, bank), frames.sum_bands(bank)
    )


def _draw_cepstrum(axes: Axes, frames: Frames) -> None:
    step_ms = 500 / frames.frequencies_hz[-1]
    n = min(len(frames.power), int(10 / step_ms))
    values = Cepstrum(n_cepstrum=n)(frames)[1:]  # without the 0th, the level, which is much larger
    quefrency_ms = step_ms * np.arange(1, n)
    limit = np.quantile(np.abs(values), 0.99)
    _draw_image(axes, frames.times_s, values, quefrency_ms, "RdBu_r", (-limit, limit), "")
    axes.set(title="Cepstrum", ylabel="quefrency in ms")


def _draw_chroma(axes: Axes, frames: Frames, chroma: Family) -> None:
    _draw_image(axes, frames.times_s, chroma(frames), np.arange(12), "magma", (0, 1), "share of the strongest")
    axes.set_yticks(range(12), [name.replace("s", "♯") for name in chroma.names])
    axes.set(title=f"Chroma, tuned by {100 * frames.tuning:+.0f} cents", ylabel="pitch class")


def _draw_tempogram(axes: Axes, frames: Frames, rhythm: Any) -> None:
    onsets = rhythm.compute_onset_strength(frames)
    strength, bpm = compute_tempogram(onsets, frames.hop_s)
    bpm_of_clip = estimate_tempo(strength.mean(axis=1), bpm)
    step_s = 4 * frames.hop_s
    strength, bpm = compute_tempogram(onsets, frames.hop_s, step_s)
    inside = (bpm >= RANGE_BPM[0]) & (bpm <= RANGE_BPM[1])
    times_s = (frames.n_fft / frames.sr + WINDOW_S) / 2 + step_s * np.arange(strength.shape[1])
    limits = (0.0, max(1e-3, float(strength[inside].max(initial=0.0))))
    _draw_image(axes, times_s, strength[inside], bpm[inside], "magma", limits, "autocorrelation")
    axes.set(title=f"Tempogram: {bpm_of_clip:.1f} bpm (dashed)", ylabel="tempo in bpm", ylim=RANGE_BPM)
    axes.axhline(bpm_of_clip, color="white", linestyle="--", linewidth=1)
    axes.set_yscale("log")
    axes.set_yticks([40, 60, 90, 120, 180, 240], ["40", "60", "90", "120", "180", "240"], minor=False)
    axes.minorticks_off()


def _draw_family(axes: Axes, frames: Frames, name: str, family: Family) -> None:
    values, title = family(frames), name.upper() if name.endswith("cc") else name.replace("_", " ").capitalize()
    if is_per_clip(family):
        _draw_bars(axes, title, family.names, values)
    elif name.endswith(("cc", "cepstrum")):
        _draw_coefficients(axes, frames, title, values, first=int(family.names[0]))
    else:
        _draw_rows(axes, frames, title, family.names, values)


def _draw_coefficients(axes: Axes, frames: Frames, title: str, values: np.ndarray, first: int) -> None:
    """Draw the coefficients from the 1st; the 0th, the level, is much larger than the others."""
    rows = values if first else values[1:]
    limit = np.quantile(np.abs(rows), 0.99)
    _draw_image(axes, frames.times_s, rows, np.arange(1, len(rows) + 1), "RdBu_r", (-limit, limit), "")
    axes.set(title=title if first else f"{title}, without the 0th", ylabel="coefficient")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_rows(axes: Axes, frames: Frames, title: str, names: tuple[str, ...], values: np.ndarray) -> None:
    """Draw rows of different units, each relative to its own mean and standard deviation."""
    spread = values.std(axis=1, keepdims=True)
    relative = (values - values.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
    _draw_image(axes, frames.times_s, relative, np.arange(len(names)), "RdBu_r", (-3, 3), "deviations from the mean")
    if len(names) <= _NAMED:
        axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize="small")
    axes.set(title=title, ylabel="" if len(names) <= _NAMED else "row")


def _draw_bars(axes: Axes, title: str, names: tuple[str, ...], values: np.ndarray) -> None:
    """Draw one value per name, of the clip as a whole; a line without names if there are many."""
    if len(names) > _NAMED:
        axes.plot(values, linewidth=0.8)
        axes.set(title=f"{title}: {len(names)} values of the clip", xlabel="value", ylabel="size")
        return
    axes.barh(range(len(names)), values)
    axes.set_xscale("symlog", linthresh=1e-2)
    axes.set_yticks(range(len(names)), [name.replace("__", " ").replace("_", " ") for name in names], fontsize="small")
    axes.invert_yaxis()
    axes.set(title=title, xlabel="value, of the clip as a whole (linear below 0.01, logarithmic above)")


def _draw_bands(axes: Axes, frames: Frames, title: str, centres_hz: np.ndarray, power: np.ndarray) -> None:
    level = convert_to_db(power, _RANGE_DB)
    _draw_image(axes, frames.times_s, level - level.max(), centres_hz, "magma", (-_RANGE_DB, 0), "dB below maximum")
    axes.set_yscale("log")
    ticks = [hz for hz in _TICKS_HZ if hz <= frames.frequencies_hz[-1]]
    axes.set_yticks(ticks, [f"{hz:,}" for hz in ticks])
    axes.minorticks_off()
    axes.set(title=title, ylabel="frequency in Hz", ylim=(_LOWEST_HZ, frames.frequencies_hz[-1]))


def _draw_image(
    axes: Axes,
    times_s: np.ndarray,
    values: np.ndarray,
    y: np.ndarray,
    colours: str,
    limits: tuple[float, float],
    unit: str,
) -> None:
    if not values.size:  # a clip of less than half a second has no tempo
        return
    mesh = axes.pcolormesh(
        times_s, y, values, cmap=colours, vmin=limits[0], vmax=limits[1], shading="nearest", rasterized=True
    )
    axes.figure.colorbar(mesh, ax=axes, label=unit)


def _find_centres_hz(frames: Frames, bank: np.ndarray) -> np.ndarray:
    centres_hz: np.ndarray = bank @ frames.frequencies_hz / bank.sum(axis=1)
    return centres_hz
