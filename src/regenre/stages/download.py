"""Put a dataset's clips on disk.

Reads: the dataset's source (a generator, the network, an archive, a folder). Writes: data/raw/<dataset>/.
"""

from omegaconf import DictConfig

from regenre import config, files, paths
from regenre.datasets.download import check_sources

READS = ("dataset.*",)


def main(cfg: DictConfig) -> None:
    """Fill data/raw/<dataset>/, all or nothing."""
    name = config.get_choice("dataset")
    dataset, target = config.build(cfg.dataset), paths.locate_raw(name)
    check_sources(dataset, target)
    with files.fill_folder(target) as raw, config.make_compute(cfg).use():
        message = dataset.download(raw)
    print(f"download {name}: {message}")


if __name__ == "__main__":
    config.run_stage(main, READS)
