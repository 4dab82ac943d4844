"""Open every clip once, and list its facts and faults.

Reads: data/raw/<dataset>/ and its manifest. Writes: data/index/<dataset>.parquet,
data/index/<dataset>.previews.parquet, reports/audit.csv.
"""

import shutil

import pandas as pd

from regenre import parts
from regenre.common import config, files, paths, tables
from regenre.common.config import Settings
from regenre.datasets.dataset import Dataset
from regenre.datasets.manifest import Manifest
from regenre.quality import clip_table
from regenre.quality.preview import write_previews
from regenre.reporting.escaping import escape_sheet

READS = ("audio.min_duration_s", "compute.*")


def main(settings: Settings) -> None:
    """Write the clip table, with faulty clips and their reasons, and the audit."""
    name = config.get_choice("dataset")
    dataset, raw = config.build(settings.dataset, f"conf/dataset/{name}.yaml", Dataset), paths.locate_raw(name)
    files.check_raw(raw)
    clips = dataset.list_clips(raw)
    index, least_s = paths.locate_index(name), settings.audio.min_duration_s
    with config.make_compute(settings).use():
        table, findings, previews = clip_table.index_clips(
            clips, raw, least_s, dataset.audio, parts.locate_parts(index)
        )
    Manifest.read(paths.locate_manifest(name)).check(table, raw)
    tables.write_clips(index, table)
    write_previews(paths.locate_previews(name), previews)
    tables.write_csv(paths.locate_reports() / "audit.csv", escape_sheet(findings))
    shutil.rmtree(parts.locate_parts(index), ignore_errors=True)
    usable = tables.select_usable(table)
    sizes = f"{len(usable)} clips of {usable['genre'].nunique()} genres and {usable['group'].nunique()} groups"
    faults = _count(table["fault"][table["status"] != "ok"], "none")
    print(f"index {name}: {sizes}; left out: {faults}; the audit found: {_count(findings['finding'], 'nothing')}")


def _count(values: pd.Series, nothing: str) -> str:
    counts = values.value_counts().sort_index()
    return ", ".join(f"{count} {value}" for value, count in counts.items()) or nothing


if __name__ == "__main__":
    config.run_stage(main, READS)
