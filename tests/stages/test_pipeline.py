"""`dvc repro` from end to end, on a tiny corpus, in a folder of its own and without git."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from distributed import Client
from helpers import ROOT, wait_until
from projects import Project

pytestmark = pytest.mark.slow

KNN = {"grouped_kfold-mfcc-knn", "grouped_kfold-spectral_shape-knn"}
CELLS = {*KNN, "grouped_kfold-spectral_shape-dummy", "grouped_kfold-mfcc-dummy"}
AFTER_TRAIN = {"evaluate", "study", "stress", "report", "track"}
ALL = {"compose", "download", "index", "gallery", "extract", "train", *CELLS, *AFTER_TRAIN}


def test_the_first_run_runs_every_stage_and_the_second_none(project: Project) -> None:
    output = (project.folder / "output").read_text()
    assert set(re.findall(r"Running stage '([^']+)'", output)) == ALL - CELLS
    assert set(re.findall(r"^(\S+): accuracy ", output, re.MULTILINE)) == CELLS
    assert project.repro() == set()
    for name in ("hydra", "outputs", "multirun", ".hydra"):
        assert not (project.folder / name).exists()


def test_dvc_shows_scores_and_plots(project: Project) -> None:
    metrics = json.loads(project.run("dvc", "metrics", "show", "--json"))[""]["data"]
    best, cells = (metrics[f"reports/{name}.json"]["data"] for name in ("best", "metrics"))
    assert set(cells) == CELLS
    assert best["accuracy"] == cells[best["cell"]] == max(cells.values())
    assert best["accuracy_low"] < best["accuracy"] < best["accuracy_high"]
    project.run("dvc", "plots", "show", "--out", "plots_page")
    page = (project.folder / "plots_page/index.html").read_text()
    titles = ("Accuracy under the most honest split", "Accuracy by number of training clips", "confusion")
    places = [page.index(title) for title in titles]
    assert places == sorted(places)
    shutil.rmtree(project.folder / "plots_page")


def test_a_forced_run_with_other_workers_and_threads_is_byte_identical(project: Project, tmp_path: Path) -> None:
    copy = project.copy_to(tmp_path / "project")
    copy.variables = {"REGENRE_JOBS": "2", "OMP_NUM_THREADS": "2"}  # the workers' libraries read it; 1 in the other run
    shutil.rmtree(copy.folder / "data/cells/synthetic")
    assert copy.repro("--force") == ALL
    assert copy.digest_files() == project.digest_files()


EDITS = [
    (
        [("conf/dataset/gtzan.yaml", {"numbers": 99}), ("conf/split/stratified_kfold.yaml", {"n_folds": 3})],
        {"compose"},
    ),
    ([("conf/classifier/knn.yaml", {"search": {"n_neighbors": [3]}})], {"compose", "train", *KNN}),
    (
        [("params.yaml", {"classifiers": ["knn"]}), ("conf/family/spectral_shape.yaml", {"rolloffs": [0.9]})],
        {"compose", "extract", "train", "grouped_kfold-spectral_shape-knn"},
    ),
]


def test_an_edit_of_settings_reruns_exactly_what_it_touches(project: Project, tmp_path: Path) -> None:
    """One edit after another, on a copy; `test_edits` follows changed cells to the end."""
    copy = project.copy_to(tmp_path / "project")
    for edits, expected in EDITS:
        for file, changes in edits:
            copy.edit(file, **changes)
        target = ["train"] if expected & CELLS else []
        assert copy.repro(*target) == expected, edits


def test_a_cluster_that_loses_a_worker_writes_the_same_bytes(project: Project, cluster: str) -> None:
    before = project.digest_files()
    shutil.rmtree(project.folder / "data/cells/synthetic")
    env = {**project.env, "REGENRE_COMPUTE": "dask", "DASK_SCHEDULER_ADDRESS": cluster}
    with Client(cluster, set_as_default=False) as client:
        workers = client.run(os.getpid)
        process = subprocess.Popen(["dvc", "repro", "--force", "train"], cwd=project.folder, env=env)
        wait_until(lambda: any(client.processing().values()) or process.poll() is not None)
        os.kill(next(iter(workers.values())), signal.SIGKILL)
        assert process.wait() == 0
        assert set(client.run(os.getpid).values()) != set(workers.values())
    assert project.repro() == set()
    assert project.digest_files() == before


def test_sequence_classifiers_read_frames_and_tables_join_them(project: Project, tmp_path: Path) -> None:
    copy = project.copy_to(tmp_path / "project")
    clips = pd.read_parquet(copy.folder / "data/index/synthetic.parquet")
    table = pd.DataFrame({"clip_id": clips["clip_id"], "number": clips["genre"].factorize()[0]})
    table.to_csv(copy.folder / "data/external/numbers.csv", index=False)
    copy.edit("params.yaml", features=["mfcc", "external"], classifiers=["gmm", "knn"])
    fitted = {f"grouped_kfold-{features}-{name}" for features in ("mfcc", "external") for name in ("gmm", "knn")}
    assert fitted - copy.repro("evaluate") == {"grouped_kfold-mfcc-knn"}  # was there already
    summary = pd.read_csv(copy.folder / "reports/summary.csv").set_index(["features", "classifier"])["accuracy"]
    assert summary["mfcc", "gmm"] > 0.15  # ten genres
    assert summary["external", "gmm"] == summary["external", "knn"] == 1.0  # the table is the genre
    cell = json.loads((copy.folder / "data/cells/synthetic/grouped_kfold-mfcc-gmm/cell.json").read_text())
    assert cell["plan"]["features"]["sequences"] == {"n_averaged": 8}
    assert len(cell["searches"]) == 3
    table["number"] = table["number"][::-1].to_numpy()
    table.to_csv(copy.folder / "data/external/numbers.csv", index=False)
    assert copy.repro("train") == {"extract", "train", "grouped_kfold-external-gmm", "grouped_kfold-external-knn"}


def test_real_music_is_told_apart_by_artist(project: Project, shared: Path, tmp_path: Path) -> None:
    copy = project.copy_to(tmp_path / "project")
    artist = pd.read_csv(shared / "gtzan/artists.csv", index_col="clip_id")["artist"]
    clips = sorted((shared / "audio/gtzan_short").resolve().glob("*/*.flac"))[::3]
    only = artist[next(path.stem for path in clips if path.stem.startswith("jazz"))]
    clips = [path for path in clips if path.parent.name != "jazz" or artist[path.stem] == only]
    for path in clips:
        (tmp_path / "clips" / path.parent.name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "clips" / path.parent.name / path.name).symlink_to(path)
    artists = artist.loc[[path.stem for path in clips]]
    by_genre = artists.groupby(artists.index.str.split(".").str[0])
    n_tested = by_genre.size()[by_genre.nunique() > 1].sum()  # the other genres have one artist each
    artists.rename("artist").to_csv(tmp_path / "clips/artists.csv")
    copy.edit("params.yaml", dataset="gtzan_mini", features=["mfcc"], source=str(tmp_path / "clips"))
    copy.edit(
        "conf/dataset/gtzan_mini.yaml",
        folder=str(tmp_path / "clips"),
        artists=str(tmp_path / "clips/artists.csv"),
    )
    copy.repro("evaluate")
    summary = pd.read_csv(copy.folder / "reports/summary.csv").set_index(["features", "classifier"])
    assert 90 <= n_tested < len(clips)
    assert (summary["n_clips"] == n_tested).all()
    assert summary.loc[("mfcc", "knn"), "accuracy"] > summary.loc[("mfcc", "dummy"), "accuracy"] + 0.1
    excluded = pd.read_csv(copy.folder / "reports/excluded.csv")
    assert len(excluded) == len(clips) - n_tested
    assert excluded["reason"].str.contains("are of one group").all()


def test_the_documented_python_runs(project: Project) -> None:
    for code in re.findall(r"```python\n(.*?)```", (ROOT / "docs/howto/classify.md").read_text(), flags=re.DOTALL):
        project.run("python", "-c", code)
