"""Time and memory of every stage beyond audio, for tables of more and more clips, and how both grow.

python benchmarks/scale.py [--sizes 1000 10000 100000] [--cluster 4] [--json FILE]

A table has 60 columns, 16 genres and eight clips an artist; the grid has six cells: two splits and three classifiers
that are quick to fit. Each stage is a process of its own with one worker.

    <stage>/<n>_seconds     processor time with n clips
    <stage>/<n>_mb          largest memory
    <stage>/exponent        b of seconds = a n ** b, through the two largest numbers of clips; 0 if it does not grow
    train/<n>_fits_seconds  of the fits alone, which are a part of train
    page/<n>_mb             size of the page

With --cluster, train runs once more on a Dask cluster of so many worker processes. After the first cell one of them is
killed, and one joins.

    cluster/<n>_seconds      time of train there, on the clock
    cluster/<n>_differences  files of cells that differ from those of one process

Smallest dose, a few seconds: --sizes 256 --cluster 2
"""

import argparse
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from workload import SEED, write_figures

from regenre.common.config import read_yaml, render_yaml
from regenre.common.errors import report_errors
from regenre.common.files import compute_md5
from regenre.common.paths import locate_template

STAGES = ("compose", "download", "index", "extract", "train", "evaluate", "study", "stress", "report", "track")
GRID = {
    "dataset": "table", "splits": ["stratified_kfold", "grouped_kfold"], "features": ["external"],
    "classifiers": ["lda", "gaussian_nb", "dummy"], "source": "data/source/table.parquet",
}  # fmt: skip
N_COLUMNS, N_GENRES, N_CLIPS_OF_ARTIST = 60, 16, 8


def write_table(path: Path, n_clips: int) -> None:
    """Write clips whose columns depend on genre and artist."""
    rng = np.random.default_rng([SEED, n_clips])
    artist = np.arange(n_clips) // N_CLIPS_OF_ARTIST
    genre = artist % N_GENRES
    centres, artists = rng.normal(size=(N_GENRES, N_COLUMNS)), rng.normal(size=(artist.max() + 1, N_COLUMNS))
    values = 0.3 * centres[genre] + 0.5 * artists[artist] + rng.normal(size=(n_clips, N_COLUMNS))
    table = pd.DataFrame(values, columns=[f"column_{column}" for column in range(N_COLUMNS)])
    table.insert(0, "clip_id", [f"clip_{number:07d}" for number in range(n_clips)])
    table["label"], table["artist"] = (
        [f"genre_{number:02d}" for number in genre],
        [f"artist_{number}" for number in artist],
    )
    path.parent.mkdir(parents=True)
    table.to_parquet(path, index=False)


def make_project(folder: Path, n_clips: int) -> None:
    """Make a project of the grid and a table."""
    template = locate_template()
    shutil.copytree(template / "conf", folder / "conf")
    (folder / ".regenre").touch()
    grid = read_yaml(template / "params.yaml") | GRID
    (folder / "params.yaml").write_text(render_yaml(grid))
    write_table(folder / grid["source"], n_clips)
    (folder / "data/external").mkdir()
    (folder / "data/external/table.parquet").symlink_to(folder / grid["source"])


def start_stage(stage: str, folder: Path, env: dict[str, str], *overrides: str) -> "subprocess.Popen[str]":
    """Start a stage of a project."""
    command = [sys.executable, "-m", f"regenre.stages.{stage}", *overrides]
    env = {**os.environ, **env, "REGENRE_ROOT": str(folder), "MLFLOW_TRACKING_URI": ""}
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True)


def run_stage(stage: str, folder: Path) -> tuple[float, float, str]:
    """Return the processor time of a stage in s, its largest memory in MB, and what it printed."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "REGENRE_JOBS"), "1")
    process = start_stage(stage, folder, one_thread)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args, output)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output


def measure_cluster(folder: Path, n_clips: int, n_workers: int) -> dict[str, float]:
    """Fit the cells of a project again, on a cluster that loses and gains a worker, and return the figures."""
    from distributed import LocalCluster

    cells = folder / "data/cells"
    expected = digest_files(cells)
    shutil.rmtree(cells)
    with LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=None) as cluster:
        start = time.perf_counter()
        process = start_stage("train", folder, {}, "compute=dask", f"compute.scheduler={cluster.scheduler_address}")
        while process.poll() is None and not any(cells.rglob("cell.json")):
            time.sleep(0.05)
        psutil.Process(cluster.workers[0].process.pid).kill()
        cluster.scale(n_workers + 1)
        output, _ = process.communicate()
        seconds = time.perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args, output)
    n_differences = len(dict(expected.items() ^ digest_files(cells).items()))
    print(f"{n_clips} clips, train on a cluster: {seconds:.1f} s, {n_differences} files differ", file=sys.stderr)
    return {f"cluster/{n_clips}_seconds": seconds, f"cluster/{n_clips}_differences": n_differences}


def digest_files(folder: Path) -> dict[Path, str]:
    """Return the digest of each file of a folder."""
    return {path.relative_to(folder): compute_md5(path) for path in folder.rglob("*") if path.is_file()}


def measure(n_clips: int, n_workers: int) -> dict[str, float]:
    """Return the figures of all stages for one table; `n_workers` of a cluster, 0 for none."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        make_project(folder, n_clips)
        for stage in STAGES:
            seconds, mb, output = run_stage(stage, folder)
            figures |= {f"{stage}/{n_clips}_seconds": seconds, f"{stage}/{n_clips}_mb": mb}
            print(f"{n_clips} clips, {stage}: {seconds:.1f} s, {mb:.0f} MB", file=sys.stderr, flush=True)
            if fits := re.search(r"([\d.]+) s of fits", output):
                figures[f"{stage}/{n_clips}_fits_seconds"] = float(fits[1])
        figures[f"page/{n_clips}_mb"] = (folder / "reports/index.html").stat().st_size / 1e6
        figures |= measure_cluster(folder, n_clips, n_workers) if n_workers else {}
    return figures


def render_table(figures: dict[str, float], sizes: list[int]) -> str:
    """Return the table of seconds and memory, a stage a row."""
    lines = [
        "| stage | " + " | ".join(f"{n:,} clips" for n in sizes) + " | grows as |",
        "|---" * (len(sizes) + 2) + "|",
    ]
    for stage in STAGES:
        cells = [f"{figures[f'{stage}/{n}_seconds']:.1f} s, {figures[f'{stage}/{n}_mb']:.0f} MB" for n in sizes]
        growth = f"n^{figures[f'{stage}/exponent']:.2f}" if len(sizes) > 1 else ""
        lines.append(f"| {stage} | " + " | ".join(cells) + f" | {growth} |")
    lines.append(
        "| of train, fits | " + " | ".join(f"{figures[f'train/{n}_fits_seconds']:.1f} s" for n in sizes) + " | |"
    )
    lines.append("| the page | " + " | ".join(f"{figures[f'page/{n}_mb']:.2f} MB" for n in sizes) + " | |")
    return "\n".join(lines)


def main() -> None:
    """Print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000], help="numbers of clips")
    parser.add_argument("--cluster", type=int, default=0, metavar="N", help="worker processes of a Dask cluster")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file to write the figures to")
    options = parser.parse_args()
    figures = {name: value for n in options.sizes for name, value in measure(n, options.cluster).items()}
    for (low, high), stage in itertools.product(itertools.pairwise(sorted(options.sizes)[-2:]), STAGES):
        growth = figures[f"{stage}/{high}_seconds"] / figures[f"{stage}/{low}_seconds"]
        figures[f"{stage}/exponent"] = max(0.0, float(np.log(growth) / np.log(high / low)))
    print(render_table(figures, options.sizes))
    write_figures(options.json, figures)


if __name__ == "__main__":
    with report_errors():
        main()
