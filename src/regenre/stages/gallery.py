"""Draw one clip as the features see it.

Reads: data/raw/<dataset>/, data/index/<dataset>.parquet. Writes: reports/figures/gallery.png.
"""

import hydra
from omegaconf import DictConfig

from regenre import audio, config, plots, tables
from regenre.errors import UserError, reported
from regenre.frames import Frames
from regenre.gallery import gallery


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Write the figure."""
    with reported():
        name = config.chosen("dataset")
        target = config.REPORTS / "figures" / "gallery.png"
        clips = tables.usable(tables.read_clips(config.index(name))).set_index("clip_id")
        if not clips["path"].any():
            plots.save(target, plots.words(f"{name}: a table, no audio to show"))
            return
        clip_id = cfg.gallery.clip_id or clips.index[len(clips) // 2]
        if clip_id not in clips.index:
            raise UserError(
                f"gallery.clip_id: {clip_id!r} is not a usable clip of {name}; there are {clips.index[0]} ..."
            )
        y = audio.load(config.raw(name) / clips.loc[clip_id, "path"], cfg.audio.sr)
        figure = gallery(Frames(y, cfg.audio.sr, **cfg.frames), f"{clip_id} of {name}")
        plots.save(target, figure)
        print(f"gallery {name}: {clip_id}")


if __name__ == "__main__":
    config.run(main)
