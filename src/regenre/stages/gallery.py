"""Draw one clip as the features see it.

Reads: data/raw/<dataset>/, data/index/<dataset>.parquet. Writes: reports/figures/gallery.png.
"""

from omegaconf import DictConfig

from regenre import audio, config, paths, tables
from regenre.errors import UserError
from regenre.features.frames import Frames
from regenre.reporting import plots
from regenre.reporting.gallery import FAMILIES, draw_gallery

READS = ("audio.sr", "frames.*", "gallery.*", "family.*")


def main(cfg: DictConfig) -> None:
    """Write the figure."""
    name = config.get_choice("dataset")
    target = paths.locate_reports() / "figures" / "gallery.png"
    clips = tables.select_usable(tables.read_clips(paths.locate_index(name))).set_index("clip_id")
    if not clips["path"].any():
        plots.save_figure(target, plots.draw_words(f"{name}: a table, no audio to show"))
        return
    clip_id = cfg.gallery.clip_id or clips.index[len(clips) // 2]
    if clip_id not in clips.index:
        raise UserError(
            f"gallery.clip_id: a usable clip of {name} expected, e.g. {clips.index[0]}; {clip_id!r} found;"
            " change it in conf/config.yaml"
        )
    y = audio.load(paths.locate_raw(name) / clips.loc[clip_id, "path"], cfg.audio.sr)
    families = {family: config.build(cfg.family[family]) for family in FAMILIES}
    figure = draw_gallery(Frames(y, cfg.audio.sr, **cfg.frames), f"{clip_id} of {name}", families, FAMILIES[-2:])
    plots.save_figure(target, figure)
    print(f"gallery {name}: {clip_id}")


if __name__ == "__main__":
    config.run_stage(main, READS)
