"""Open every clip once and say what it is.

Reads: data/raw/<dataset>/. Writes: data/index/<dataset>.parquet, reports/audit.csv.
"""

import hydra
from omegaconf import DictConfig

from regenre import config, indexing, tables
from regenre.errors import reported


@hydra.main(**config.HYDRA)
def main(cfg: DictConfig) -> None:
    """Write the clip table, faulty clips with their reasons included."""
    with reported():
        name = config.chosen("dataset")
        dataset = config.build(cfg.dataset)
        clips = dataset.clips(config.raw(name))
        with config.compute(cfg).parallel():
            table, found = indexing.index(clips, config.raw(name), cfg.audio.min_duration_s, dataset.audio)
        tables.write_clips(config.index(name), table)
        tables.write_csv(config.REPORTS / "audit.csv", found)
        usable = tables.usable(table)
        faults = table["fault"][table["status"] != "ok"].value_counts().sort_index()
        left_out = ", ".join(f"{count} {fault}" for fault, count in faults.items()) or "none"
        kept = f"{len(usable)} clips of {usable['genre'].nunique()} genres and {usable['group'].nunique()} groups"
        counts = found["finding"].value_counts().sort_index()
        findings = ", ".join(f"{count} {finding}" for finding, count in counts.items()) or "nothing"
        print(f"index {name}: {kept}; left out: {left_out}; the audit found: {findings}")


if __name__ == "__main__":
    config.run(main)
