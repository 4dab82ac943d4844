"""Put a dataset's clips on disk.

Reads: the dataset's source (made, fetched, an archive, a folder). Writes: data/raw/<dataset>/.
"""

import hydra
from omegaconf import DictConfig

from regenre import config, fetch
from regenre.errors import reported


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Fill data/raw/<dataset>/, all or nothing."""
    with reported():
        config.grid()  # a wrong name anywhere in params.yaml is said before any work
        name = config.chosen("dataset")
        with fetch.filled(config.raw(name)) as raw, config.compute(cfg).parallel():
            said = config.build(cfg.dataset).download(raw)
        print(f"download {name}: {said}")


if __name__ == "__main__":
    config.run(main)
