"""Draw one clip as the features see it.

Reads: data/raw/<dataset>/, data/index/<dataset>.parquet. Writes: reports/figures/gallery.png.
"""

from regenre import audio
from regenre.common import config, files, paths, tables
from regenre.common.config import Settings
from regenre.common.errors import UserError, escape_terminal
from regenre.features.family import Family
from regenre.features.frames import Frames
from regenre.reporting import plots
from regenre.reporting.gallery import FAMILIES, draw_gallery

READS = ("audio.sr", "frames.*", "gallery.*", "family.*")


def main(settings: Settings) -> None:
    """Write the figure."""
    config.refuse_unread([f"family.{name}" for name in settings.family if name not in FAMILIES], "the figure lacks it")
    name = config.get_choice("dataset")
    target = paths.locate_reports() / "figures" / "gallery.png"
    clips = tables.select_usable(tables.read_clips(paths.locate_index(name))).set_index("clip_id")
    if not clips["path"].any():
        plots.save_figure(target, plots.draw_words(f"{name}: a table, no audio to show"))
        return
    clip_id = settings.gallery.clip_id
    if clip_id is None:
        clip_id = clips.index[len(clips) // 2]
    if clip_id not in clips.index:
        raise UserError(
            f"gallery.clip_id: a usable clip of {name} expected, e.g. {clips.index[0]}; {clip_id!r} found;"
            " change it in conf/config.yaml"
        )
    path = paths.locate_raw(name) / str(clips.loc[clip_id, "path"])
    files.check_clip(path, str(clips.loc[clip_id, "md5"]))
    y = audio.load(path, settings.audio.sr)
    leaves, frames = settings.family, settings.frames
    families = {family: config.build(leaves[family], f"conf/family/{family}.yaml", Family) for family in FAMILIES}
    clip_frames = Frames(y, settings.audio.sr, frames.n_fft, frames.hop_length)
    figure = draw_gallery(clip_frames, f"{clip_id} of {name}", families, FAMILIES[-2:])
    plots.save_figure(target, figure)
    print(escape_terminal(f"gallery {name}: {clip_id}"))


if __name__ == "__main__":
    config.run_stage(main, READS)
