"""`dvc repro` from end to end, on a tiny corpus, in a folder of its own and without git."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from copy import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests
import soundfile
from conftest import ROOT, noise
from distributed import Client
from omegaconf import OmegaConf
from threadpoolctl import threadpool_limits

from regenre import audio, classification, tables
from regenre.errors import UserError

KNN = {"grouped_kfold-mfcc-knn", "grouped_kfold-spectral_shape-knn"}
SPECTRAL = {"grouped_kfold-spectral_shape-knn", "grouped_kfold-spectral_shape-dummy"}
CELLS = {*KNN, *SPECTRAL, "grouped_kfold-mfcc-dummy"}
AFTER = {"evaluate", "study", "report", "track"}
ALL = {"download", "index", "gallery", "extract", "train", *CELLS, *AFTER}


class Project:
    """A copy of the project that a test may edit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.more: dict[str, str] = {}
        for name in (
            "conf",
            "src",
            ".dvc/config",
            "data/external/README.md",
            "data/texts/README.md",
            "dvc.yaml",
            "params.yaml",
        ):
            source, target = ROOT / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        (folder / ".dvc/config.local").write_text("[core]\n    no_scm = true\n")
        self.edit(
            "params.yaml", splits=["grouped_kfold"], features=["mfcc", "spectral_shape"], classifiers=["knn", "dummy"]
        )
        self.edit("conf/dataset/synthetic.yaml", n_artists=3, n_clips=2, duration_s=2.0)
        self.edit("conf/split/grouped_kfold.yaml", n_folds=2)

    @property
    def env(self) -> dict[str, str]:
        env = {**os.environ, "PYTHONPATH": str(self.folder / "src")}
        env.pop("MLFLOW_TRACKING_URI", None)
        return env | self.more

    def copied(self, folder: Path) -> "Project":
        """The same project elsewhere, done as far as this one; cheaper than to put everything back."""
        shutil.copytree(self.folder, folder, symlinks=True)
        other = copy(self)
        other.folder, other.more = folder, {"REGENRE_JOBS": "1"}  # workers cost more to start than they save here
        return other

    def edit(self, name: str, **changes: object) -> None:
        path = self.folder / name
        OmegaConf.save(OmegaConf.merge(OmegaConf.load(path), changes), path)

    def run(self, *command: str, ok: bool = True) -> str:
        done = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=300)
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done.stdout + done.stderr

    def repro(self, *arguments: str) -> set[str]:
        """The stages that ran and the cells that were fitted."""
        said = self.run("dvc", "repro", *arguments)
        return {*re.findall(r"Running stage '([^']+)'", said), *re.findall(r"^(\S+): accuracy ", said, re.MULTILINE)}

    def digests(self) -> dict[str, str]:
        files = [
            path
            for top in ("data", "reports", "dvc.lock")
            for path in sorted([self.folder / top, *(self.folder / top).rglob("*")])
            if path.is_file()
        ]
        return {str(path.relative_to(self.folder)): hashlib.md5(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("project"))
    assert project.repro() == ALL
    return project


def test_a_second_run_runs_nothing_and_reports_are_there(done: Project) -> None:
    assert done.repro() == set()
    summary = pd.read_csv(done.folder / "reports/summary.csv")
    assert len(summary) == 4
    assert list(summary.columns[:5]) == ["dataset", "split", "features", "classifier", "n_clips"]
    assert (summary["n_clips"] == 72).all()
    excluded = pd.read_csv(done.folder / "reports/excluded.csv")
    assert sorted(excluded["fault"]) == ["silent", "truncated", "unreadable"]
    assert excluded["reason"].str.len().min() > 10
    for name in ("accuracy.png", "per_genre_f1.png", "confusion/grouped_kfold-mfcc-knn.png"):
        assert (done.folder / "reports/figures" / name).stat().st_size > 5000
    page = (done.folder / "reports/index.html").read_text()
    assert "Is more data needed?" in page
    assert "http" not in re.sub(r"http://www.w3.org/\S+|https://doi\S+", "", page)  # no network
    for name in ("hydra", "outputs", "multirun", ".hydra"):
        assert not (done.folder / name).exists()


def test_dvc_shows_scores_and_plots(done: Project) -> None:
    shown = done.run("dvc", "metrics", "show")
    assert "reports/metrics/grouped_kfold-mfcc-knn.json" in shown
    assert "accuracy_low" in shown
    done.run("dvc", "plots", "show", "--out", "plots_page")
    page = (done.folder / "plots_page/index.html").read_text()
    assert "grouped_kfold-mfcc-knn" in page
    assert "learning_curve" in page
    shutil.rmtree(done.folder / "plots_page")


def test_a_forced_run_with_another_number_of_workers_is_byte_identical(done: Project) -> None:
    before = done.digests()
    assert done.repro("--force") == ALL - CELLS  # the cells' inputs are the same
    assert done.digests() == before
    shutil.rmtree(done.folder / "data/cells/synthetic")
    for stage in ("download", "index", "extract", "train"):
        done.run("python", "-m", f"regenre.stages.{stage}", "compute.n_jobs=1")
    assert done.digests() == before
    assert done.repro() == set()


def test_tracking_again_makes_no_duplicate_and_a_lost_store_is_rebuilt(done: Project) -> None:
    track = ("python", "-m", "regenre.stages.track")
    assert "0 runs logged, 4 already there" in done.run(*track)
    (done.folder / "mlflow.db").unlink()
    assert "4 runs logged, 0 already there" in done.run(*track)


FEWER = [
    ("params.yaml", {"classifiers": ["knn"]}),
    ("conf/family/spectral_shape.yaml", {"rolloffs": [0.9]}),
]
EDITS = [
    ([("conf/dataset/gtzan.yaml", {"numbers": 99})], set()),
    ([("conf/split/stratified_kfold.yaml", {"n_folds": 3})], {"train", "study"}),
    ([("conf/classifier/knn.yaml", {"search": {"n_neighbors": [3]}})], {"train", *KNN, *AFTER}),
    (FEWER, {"extract", "train", "grouped_kfold-spectral_shape-knn", *AFTER}),
]


def test_an_edit_reruns_exactly_what_it_touches(done: Project, tmp_path: Path) -> None:
    """One edit after another: every repro costs half a minute."""
    project = done.copied(tmp_path / "project")
    for edits, rerun in EDITS:
        for file, change in edits:
            project.edit(file, **change)
        assert project.repro() == rerun, edits


INTERRUPTED = ("download", "extract", "train", "track")  # the others write as evaluate does
INTERRUPTIONS = [*((stage, signal.SIGKILL) for stage in INTERRUPTED), ("train", signal.SIGINT)]


@pytest.mark.parametrize(("stage", "kill"), INTERRUPTIONS, ids=lambda value: getattr(value, "name", value))
def test_an_interrupted_stage_leaves_nothing_that_changes_the_result(
    done: Project, stage: str, kill: signal.Signals
) -> None:
    before = done.digests()
    if stage == "download":
        shutil.rmtree(done.folder / "data/raw/synthetic")
    running = subprocess.Popen(
        ["dvc", "repro", "--force", "--single-item", stage],
        cwd=done.folder,
        env=done.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    for line in running.stdout:
        if line.startswith("> "):
            break
    time.sleep(1.2)  # into the stage's work, past its imports
    os.killpg(running.pid, kill)
    running.communicate(timeout=60)
    done.repro()
    assert done.digests() == before


def test_a_folder_is_learnt_and_put_to_use(done: Project, classes: Path, tmp_path: Path) -> None:
    project = done.copied(tmp_path / "project")
    soundfile.write(classes / "low" / "nan.wav", noise(1.5) * float("nan"), 22_050, subtype="FLOAT")
    (classes / "high" / "text.mp3").write_text("not audio")
    for number in range(5):
        (classes / f"low/{number}.txt").write_text("deep and low")
        (classes / f"high/deep/{number}.txt").write_text("high above the roofs")
    (project.folder / "conf/recipe/small.yaml").write_text(
        "splits: [grouped_kfold]\nfeatures: [spectral_shape, text, mfcc_text]\nclassifiers: [knn]\n"
    )
    said = project.run("regenre", "learn", str(classes), "--recipe", "small")
    assert "learnt: grouped_kfold-spectral_shape-knn. Its card: data/cells/folder/grouped_kfold-spectral_shape" in said
    assert "With so few clips a single one moves the accuracy by 0.083" in said
    assert "Texts: 10 of 12 clips have one. 10 of these name their clip's genre" in said
    summary = pd.read_csv(project.folder / "reports/summary.csv").set_index("features")
    excluded = pd.read_csv(project.folder / "reports/excluded.csv").set_index("clip_id")["fault"]
    assert summary.loc["spectral_shape", ["accuracy", "accuracy_high"]].to_list() == [1.0, 1.0]
    assert 0.7 < summary.loc["spectral_shape", "accuracy_low"] < 0.8  # twelve tosses
    assert (summary["n_clips"] == 12).all()
    assert summary.loc["text", "accuracy"] == pytest.approx(10 / 12, abs=1e-5)  # all but those without one
    assert excluded.to_dict() == {"low/nan.wav": "not_finite", "high/text.mp3": "unreadable"}
    told = project.run("regenre", "classify", str(classes / "low"), "--model", "grouped_kfold-mfcc_text-knn", ok=False)
    assert f"{classes}/low/0.wav: low 1.000, high 0.000" in told
    assert "1 files have no text beside them" in told
    assert "nan.wav: 33075 of 33075 samples are NaN" in told
    shutil.rmtree(classes / "low")
    said = project.run("regenre", "learn", str(classes), "--recipe", "small", ok=False)
    assert "regenre: folder" in said
    assert "at least two class sub-folders expected, 1 found (high)" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("classifier=svm",), "command line: 'svm' is not in conf/classifier/; choose from dummy, extra_trees"),
        (("split=fault_filtered",), "fault_filtered is made for all of GTZAN"),
        (("split.n_folds=40",), "40 folds need at least 40"),
        (("features=mfcc_spectral",), "add mfcc_spectral to params.yaml"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_mistake_on_the_command_line_is_one_line(done: Project, arguments: tuple[str, ...], said: str) -> None:
    found = done.run("python", "-m", "regenre.stages.train", *arguments, ok=False)
    assert said in found
    assert len(found.strip().splitlines()) == 1


def test_a_cell_of_ones_own_lies_beside_the_grid(done: Project) -> None:
    before = done.digests()
    said = done.run("python", "-m", "regenre.stages.train", "classifier=knn", "classifier.search.n_neighbors=[1]")
    cell = "grouped_kfold-mfcc-knn,classifier.search.n_neighbors=[1]"
    assert said.startswith(f"{cell}: accuracy")
    assert (done.folder / "data/sweeps/synthetic" / cell / "predictions.csv").is_file()
    shutil.rmtree(done.folder / "data/sweeps")
    assert done.digests() == before


def test_a_training_clip_yields_the_stored_features_bit_for_bit(done: Project) -> None:
    model = classification.Model.read(done.folder / "data/cells/synthetic/grouped_kfold-mfcc-knn")
    stored = pd.read_parquet(done.folder / "data/features/synthetic/mfcc.parquet").set_index("clip_id")
    clips = tables.usable(pd.read_parquet(done.folder / "data/index/synthetic.parquet")).set_index("clip_id")
    for clip_id, path in clips["path"].iloc[::6].items():
        file = done.folder / "data/raw/synthetic" / path
        np.testing.assert_array_equal(model.features(audio.load(file, model.sr))[0], stored.loc[clip_id])
        with threadpool_limits(1):
            expected = model.estimator.predict_proba(stored.loc[[clip_id]].to_numpy())
        np.testing.assert_array_equal(model.of_file(file).timeline, expected)


def test_a_model_of_other_features_is_refused(done: Project, tmp_path: Path) -> None:
    cell = tmp_path / "cell"
    shutil.copytree(done.folder / "data/cells/synthetic/grouped_kfold-mfcc-knn", cell)
    content = json.loads((cell / "cell.json").read_text())
    content["config"]["families"]["mfcc"]["n_mels"] = 60
    (cell / "cell.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"model cell: this version's mfcc differs from what the model was trained on"):
        classification.Model.read(cell)
    with pytest.raises(UserError, match="no cell there"):
        classification.Model.read(tmp_path)


def test_classify_names_the_genres_of_files_and_goes_on_past_bad_ones(done: Project, tmp_path: Path) -> None:
    sounds = tmp_path / "sounds" / "deep"
    sounds.mkdir(parents=True)
    for number in range(3):
        soundfile.write(sounds / f"{number}.wav", noise(2.0, seed=number), 22_050)
    soundfile.write(sounds / "long.flac", np.stack([noise(9.0, 44_100)] * 6, axis=1), 44_100)
    (sounds / "text.mp3").write_text("not audio")
    (sounds / "nothing.wav").touch()
    classify = ("regenre", "classify", str(tmp_path / "sounds"))
    found = done.run(*classify, "missing.wav", "--json", ok=False)
    answers = {
        Path(made["file"]).name: made
        for line in found.splitlines()
        if line.startswith("{")
        for made in [json.loads(line)]
    }
    assert set(answers) == {"0.wav", "1.wav", "2.wav", "long.flac"}
    assert all(sum(made["proba"].values()) == pytest.approx(1, abs=1e-4) for made in answers.values())
    assert [window["start_s"] for window in answers["long.flac"]["timeline"]] == [0, 2, 4, 6, 8]
    assert "text.mp3: libsndfile cannot read it" in found
    assert "missing.wav: no file at missing.wav" in found
    assert "regenre: 3 of 7 files could not be used" in found
    assert "Traceback" not in found
    table = done.run(*classify[:2], str(sounds / "long.flac"), "--csv", "--plot", str(tmp_path / "plot.png"))
    assert table.count("long.flac,") == 5
    assert (tmp_path / "plot.png").stat().st_size > 5000
    said = done.run("regenre", "classify", str(sounds / "0.wav"), "--model", "x", ok=False)
    assert said.startswith("regenre: model 'x': no such cell; there are grouped_kfold-")


def test_a_registered_model_answers_as_the_command_line_does(done: Project, tmp_path: Path) -> None:
    sound, port = tmp_path / "a.wav", 20_000 + os.getpid() % 20_000
    soundfile.write(sound, noise(2.0), 22_050)
    model = "grouped_kfold-mfcc-knn"
    expected = json.loads(done.run("regenre", "classify", str(sound), "--json", "--model", model).splitlines()[-1])
    for _ in range(2):  # the second time it is there already
        assert f"regenre-synthetic version 1: {model}" in done.run("regenre", "register", "--model", model)
    uri = f"sqlite:///{done.folder}/mlflow.db"
    served = subprocess.Popen(
        ["mlflow", "models", "serve", "-m", "models:/regenre-synthetic/1", "--env-manager=local", f"--port={port}"],
        env={**done.env, "MLFLOW_TRACKING_URI": uri}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        for _ in range(120):
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"http://127.0.0.1:{port}/ping", timeout=5).ok:
                    break
            time.sleep(0.5)
        samples = soundfile.read(sound)[0].tolist()
        answers = [
            requests.post(f"http://127.0.0.1:{port}/invocations", json={"dataframe_records": rows}, timeout=60).json()
            for rows in ([{"path": str(sound)}, {"path": "lost.wav"}], [{"samples": samples, "sr": 22_050}])
        ]
    finally:
        os.killpg(served.pid, signal.SIGTERM)
        served.wait(30)
    of_path, of_lost, of_samples = (row for answer in answers for row in answer["predictions"])
    for found in (of_path, of_samples):
        shares = {name.removeprefix("proba__"): share for name, share in found.items() if name.startswith("proba__")}
        assert shares == pytest.approx(expected["proba"], abs=1e-6)
        assert found["predicted"] == next(iter(expected["proba"]))
    assert of_lost["error"] == "lost.wav: no file at lost.wav"
    assert of_lost["proba__waltz_strings"] is None
    loading = f"""import mlflow, pandas as pd
model = mlflow.pyfunc.load_model('models:/regenre-synthetic/1')
print(model.predict(pd.DataFrame([{{'path': {str(sound)!r}}}])).drop(columns=['predicted', 'error']).to_json())"""
    loaded = subprocess.run(
        ["python", "-c", loading], env={**done.env, "MLFLOW_TRACKING_URI": uri}, capture_output=True, text=True
    )
    shares = {name.removeprefix("proba__"): share["0"] for name, share in json.loads(loaded.stdout).items()}
    assert shares == pytest.approx(expected["proba"], abs=1e-6)


def test_the_readmes_python_runs(done: Project) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    done.run("python", "-c", code)


def test_a_cluster_that_loses_a_worker_writes_the_same_bytes(done: Project, cluster: str) -> None:
    before = done.digests()
    shutil.rmtree(done.folder / "data/cells/synthetic")
    on_cluster = {**done.env, "REGENRE_COMPUTE": "dask", "DASK_SCHEDULER_ADDRESS": cluster}
    with Client(cluster, set_as_default=False) as client:
        workers = client.run(os.getpid)
        running = subprocess.Popen(["dvc", "repro", "--force", "train"], cwd=done.folder, env=on_cluster)
        while not any(client.processing().values()):
            time.sleep(0.05)
        os.kill(next(iter(workers.values())), signal.SIGKILL)
        assert running.wait(300) == 0
        assert set(client.run(os.getpid).values()) != set(workers.values())
    assert done.repro() == set()
    assert done.digests() == before


def test_sequence_classifiers_read_frames_and_tables_join_them(done: Project, tmp_path: Path) -> None:
    project = done.copied(tmp_path / "project")
    clips = pd.read_parquet(project.folder / "data/index/synthetic.parquet")
    table = pd.DataFrame({"clip_id": clips["clip_id"], "told": clips["genre"].factorize()[0]})
    table.to_csv(project.folder / "data/external/told.csv", index=False)
    project.edit("params.yaml", features=["mfcc", "external"], classifiers=["gmm", "knn"])
    assert {f"grouped_kfold-{f}-{c}" for f in ("mfcc", "external") for c in ("gmm", "knn")} - project.repro() == {
        "grouped_kfold-mfcc-knn"
    }
    summary = pd.read_csv(project.folder / "reports/summary.csv").set_index(["features", "classifier"])["accuracy"]
    assert summary["mfcc", "gmm"] > 0.15  # of ten genres
    assert summary["external", "gmm"] == summary["external", "knn"] == 1.0  # the table tells
    read = json.loads((project.folder / "data/cells/synthetic/grouped_kfold-mfcc-gmm/cell.json").read_text())
    assert read["config"]["sequences"] == {"n_averaged": 8}
    assert len(read["search"]) == 3
    table["told"] = table["told"][::-1].to_numpy()
    table.to_csv(project.folder / "data/external/told.csv", index=False)
    assert project.repro("train") == {"extract", "train", "grouped_kfold-external-gmm", "grouped_kfold-external-knn"}


def test_real_music_is_told_apart_by_artist(done: Project, shared: Path) -> None:
    """The last test of this project, which it changes."""
    done.edit("params.yaml", dataset="gtzan_mini")
    done.edit(
        "conf/dataset/gtzan_mini.yaml",
        folder=str((shared / "audio/gtzan_mini").resolve()),
        artists=str((shared / "gtzan/artists.csv").resolve()),
    )
    done.repro("evaluate")
    summary = pd.read_csv(done.folder / "reports/summary.csv").set_index(["features", "classifier"])
    assert (summary["n_clips"] == 60).all()  # of 100: the other 40 are four genres of one artist each
    assert summary.loc[("mfcc", "knn"), "accuracy_low"] > 0.2
    excluded = pd.read_csv(done.folder / "reports/excluded.csv")
    assert len(excluded) == 40
    assert excluded["reason"].str.contains("are of one group").all()
