"""Put a dataset's clips on disk.

Reads: the dataset's source (a generator, the network, an archive, a folder). Writes: data/raw/<dataset>/ and its
manifest, data/raw/<dataset>.json.
"""

import os
import sys
from pathlib import Path

from regenre.common import config, files, paths
from regenre.common.config import Settings
from regenre.common.errors import escape_terminal
from regenre.datasets.dataset import Dataset
from regenre.datasets.manifest import Manifest
from regenre.datasets.sources import check_sources, list_unwatched

READS = ("dataset.*", "source", "seed", "compute.*")
SWEEPS = ("dataset",)


def main(settings: Settings) -> None:
    """Fill data/raw/<dataset>/, all or nothing."""
    name = config.get_choice("dataset")
    dataset = config.build(settings.dataset, f"conf/dataset/{name}.yaml", Dataset)
    manifest = paths.locate_manifest(name)
    target = manifest.with_suffix("")
    if settings.source not in settings.dataset.values():
        config.refuse_unread(["source"], f"dataset {name} does not read it")
    check_sources(dataset, target)
    for line in list_unwatched(dataset, Path(settings.source)) if "DVC_STAGE" in os.environ else ():
        print(escape_terminal(f"regenre: {line}"), file=sys.stderr)
    with config.make_compute(settings).use():
        with files.fill_folder(target) as raw:
            message = dataset.download(raw)
        Manifest.make(target).write(manifest)
    print(escape_terminal(f"download {name}: {message}"))


if __name__ == "__main__":
    config.run_stage(main, READS, sweeps=SWEEPS)
