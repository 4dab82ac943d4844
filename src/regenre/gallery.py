"""One clip as the features see it: waveform, spectrograms, cepstrum, chroma, tempogram, families.

Axes are in seconds, Hz, bpm or ms; levels in dB below the panel's maximum, and every colour has its bar.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from regenre import filterbanks
from regenre.cepstra import decibels
from regenre.families import Family, per_clip
from regenre.families.cepstrum import Cepstrum
from regenre.families.chroma import Chroma
from regenre.families.gfcc import Gfcc
from regenre.families.mfcc import Mfcc
from regenre.families.rhythm import Rhythm, tempo, tempogram
from regenre.frames import Frames

_RANGE_DB = 70.0
_N_BANDS = 64
_LOWEST_HZ = 40.0
_NAMED = 20  # rows that are few enough to have their names beside them
_TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000)


def gallery(frames: Frames, title: str, families: Mapping[str, Family] | None = None) -> Figure:
    """Waveform, spectrograms, cepstrum, chroma, tempogram, then each of the families; two panels a row.

    Parameters
    ----------
    families : name -> family; None: MFCC and GFCC
    """
    shown = families or {"mfcc": Mfcc(), "gfcc": Gfcc()}
    draw: list[Callable[[Axes, Frames], None]] = [
        _waveform, _spectrogram, _mel, _gammatone, _bark, _cepstrum, _chroma, _tempogram,
        *(partial(_family, name=name, family=family) for name, family in shown.items()),
    ]  # fmt: skip
    n_rows = (len(draw) + 1) // 2
    figure = Figure(figsize=(13, 3 * n_rows), layout="constrained")
    figure.suptitle(title)
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


def _waveform(axes: Axes, frames: Frames) -> None:
    axes.plot(np.arange(len(frames.y)) / frames.sr, frames.y, linewidth=0.3)
    axes.set(title="Waveform", ylabel="amplitude (full scale 1)", ylim=(-1, 1))


def _spectrogram(axes: Axes, frames: Frames) -> None:
    _bands(axes, frames, "Spectrogram", frames.frequencies_hz[1:], frames.power[1:])


def _mel(axes: Axes, frames: Frames) -> None:
    bank = filterbanks.mel(frames.sr, frames.n_fft, _N_BANDS, 0.0, None)
    _bands(axes, frames, f"Mel spectrogram, {_N_BANDS} bands", _centres_hz(frames, bank), frames.bands(bank))


def _gammatone(axes: Axes, frames: Frames) -> None:
    bank = filterbanks.gammatone(frames.sr, frames.n_fft, _N_BANDS, _LOWEST_HZ, None)
    centres = filterbanks.erb_centres_hz(_N_BANDS, _LOWEST_HZ, frames.sr / 2)
    _bands(axes, frames, f"Gammatone spectrogram, {_N_BANDS} bands", centres, frames.bands(bank))


def _bark(axes: Axes, frames: Frames) -> None:
    bank = filterbanks.bark(frames.sr, frames.n_fft, _N_BANDS, 0.0, None)
    _bands(axes, frames, f"Bark spectrogram, {_N_BANDS} bands", _centres_hz(frames, bank), frames.bands(bank))


def _cepstrum(axes: Axes, frames: Frames) -> None:
    n = min(frames.n_fft // 2, int(0.01 * frames.sr))
    values = Cepstrum(n_cepstrum=n)(frames)[1:]  # the 0th is the level and would drown the others
    quefrency_ms = 1000 * np.arange(1, n) / frames.sr
    limit = np.quantile(np.abs(values), 0.99)
    _image(axes, frames.times_s, values, quefrency_ms, "RdBu_r", (-limit, limit), "")
    axes.set(title="Cepstrum", ylabel="quefrency in ms")


def _chroma(axes: Axes, frames: Frames) -> None:
    _image(axes, frames.times_s, Chroma()(frames), np.arange(12), "magma", (0, 1), "share of the strongest")
    axes.set_yticks(range(12), [name.replace("s", "♯") for name in Chroma().names])
    axes.set(title=f"Chroma, tuned by {100 * frames.tuning:+.0f} cents", ylabel="pitch class")


def _tempogram(axes: Axes, frames: Frames) -> None:
    onsets = Rhythm().onset_strength(frames)
    strength, bpm = tempogram(onsets, frames.hop_s)
    found = tempo(strength.mean(axis=1), bpm)
    window_s = min(8.0, len(frames.y) / frames.sr / 2)  # a short clip has its course too
    strength, bpm = tempogram(onsets, frames.hop_s, window_s, step_s=0.1)
    shown = (bpm >= 30) & (bpm <= 300)
    times_s = window_s / 2 + 0.1 * np.arange(strength.shape[1])
    limits = (0.0, max(1e-3, float(strength[shown].max(initial=0.0))))
    _image(axes, times_s, strength[shown], bpm[shown], "magma", limits, "autocorrelation")
    axes.axhline(found, color="white", linestyle="--", linewidth=1)
    axes.set_yscale("log")
    axes.set_yticks([30, 60, 90, 120, 180, 240, 300], ["30", "60", "90", "120", "180", "240", "300"], minor=False)
    axes.minorticks_off()
    axes.set(title=f"Tempogram: {found:.1f} bpm (dashed)", ylabel="tempo in bpm", ylim=(30, 300))


def _family(axes: Axes, frames: Frames, name: str, family: Family) -> None:
    values, title = family(frames), name.upper() if name.endswith("cc") else name.replace("_", " ").capitalize()
    if per_clip(family):
        _bars(axes, title, family.names, values)
    elif name.endswith(("cc", "cepstrum")):
        _coefficients(axes, frames, title, values, first=int(family.names[0]))
    else:
        _rows(axes, frames, title, family.names, values)


def _coefficients(axes: Axes, frames: Frames, title: str, values: np.ndarray, first: int) -> None:
    """Coefficients from 1; the 0th, the level, would drown the others."""
    shown = values if first else values[1:]
    limit = np.quantile(np.abs(shown), 0.99)
    _image(axes, frames.times_s, shown, np.arange(1, len(shown) + 1), "RdBu_r", (-limit, limit), "")
    axes.set(title=title if first else f"{title}, without the 0th", ylabel="coefficient")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _rows(axes: Axes, frames: Frames, title: str, names: tuple[str, ...], values: np.ndarray) -> None:
    """Rows of different units, each against its own mean and deviation."""
    spread = values.std(axis=1, keepdims=True)
    relative = (values - values.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
    _image(axes, frames.times_s, relative, np.arange(len(names)), "RdBu_r", (-3, 3), "deviations from the mean")
    if len(names) <= _NAMED:
        axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize="small")
    axes.set(title=title, ylabel="" if len(names) <= _NAMED else "row")


def _bars(axes: Axes, title: str, names: tuple[str, ...], values: np.ndarray) -> None:
    """One value a name, of the clip as a whole; of many, the course alone."""
    if len(names) > _NAMED:
        axes.plot(values, linewidth=0.8)
        axes.set(title=f"{title}: {len(names)} values of the clip", xlabel="value", ylabel="size")
        return
    axes.barh(range(len(names)), values)
    axes.set_xscale("symlog", linthresh=1e-2)
    axes.set_yticks(range(len(names)), [name.replace("__", " ").replace("_", " ") for name in names], fontsize="small")
    axes.invert_yaxis()
    axes.set(title=title, xlabel="value, of the clip as a whole (linear below 0.01, logarithmic above)")


def _bands(axes: Axes, frames: Frames, title: str, centres_hz: np.ndarray, power: np.ndarray) -> None:
    level = decibels(power, _RANGE_DB)
    _image(axes, frames.times_s, level - level.max(), centres_hz, "magma", (-_RANGE_DB, 0), "dB below maximum")
    axes.set_yscale("log")
    ticks = [hz for hz in _TICKS_HZ if hz <= frames.sr / 2]
    axes.set_yticks(ticks, [f"{hz:,}" for hz in ticks])
    axes.minorticks_off()
    axes.set(title=title, ylabel="frequency in Hz", ylim=(_LOWEST_HZ, frames.sr / 2))


def _image(
    axes: Axes,
    times_s: np.ndarray,
    values: np.ndarray,
    y: np.ndarray,
    colours: str,
    limits: tuple[float, float],
    unit: str,
) -> None:
    mesh = axes.pcolormesh(
        times_s, y, values, cmap=colours, vmin=limits[0], vmax=limits[1], shading="nearest", rasterized=True
    )
    axes.figure.colorbar(mesh, ax=axes, label=unit)


def _centres_hz(frames: Frames, bank: np.ndarray) -> np.ndarray:
    return bank @ frames.frequencies_hz / bank.sum(axis=1)
