"""The commands of `regenre` where they are used: in a project on which `dvc repro` has run."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests
import soundfile
from helpers import find_port, noise, sine, wait_until
from projects import Project
from threadpoolctl import threadpool_limits

from regenre import audio
from regenre.common import tables
from regenre.common.errors import UserError
from regenre.inference.model import Model

pytestmark = pytest.mark.slow


def is_listening(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/ping", timeout=5).ok
    except requests.RequestException:
        return False


def test_a_folder_becomes_a_classifier(project: Project, classes: Path, tmp_path: Path) -> None:
    copy = project.copy_to(tmp_path / "project")
    soundfile.write(classes / "low" / "nan.wav", noise(1.5) * float("nan"), 22_050, subtype="FLOAT")
    (classes / "high" / "text.mp3").write_text("not audio")
    for number in range(5):
        (classes / f"low/{number}.txt").write_text("deep and low")
        (classes / f"high/deep/{number}.txt").write_text("high above the roofs")
    (copy.folder / "conf/recipe/small.yaml").write_text(
        "splits: [grouped_kfold]\nfeatures: [spectral_shape, text, mfcc_text]\nclassifiers: [knn]\n"
    )
    output = copy.run("regenre", "learn", str(classes), "--recipe", "small")
    assert "best model: grouped_kfold-spectral_shape-knn. Its card: reports/cards/grouped_kfold-" in output
    assert "With so few clips, a single one changes the accuracy by 0.083" in output
    assert "Texts: 10 of 12 clips have one. 10 of these texts name their clip's genre" in output
    summary = pd.read_csv(copy.folder / "reports/summary.csv").set_index("features")
    excluded = pd.read_csv(copy.folder / "reports/excluded.csv").set_index("clip_id")["fault"]
    assert summary.loc["spectral_shape", ["accuracy", "accuracy_high"]].to_list() == [1.0, 1.0]
    assert 0.7 < summary.loc["spectral_shape", "accuracy_low"] < 0.8  # twelve tosses
    assert (summary["n_clips"] == 12).all()
    assert summary.loc["text", "accuracy"] == pytest.approx(10 / 12, abs=1e-5)  # all but those without one
    assert excluded.to_dict() == {"low/nan.wav": "not_finite", "high/text.mp3": "unreadable"}
    output = copy.run("regenre", "classify", str(classes / "low"), "--model", "grouped_kfold-mfcc_text-knn", ok=False)
    assert f"{classes}/low/0.wav: low 1.000, high 0.000" in output
    assert "the model reads a text beside each file (FILE.txt); 1 have none" in output
    assert "nan.wav: 33075 of 33075 samples are NaN" in output
    assert copy.repro("index") == set()
    soundfile.write(classes / "low" / "new.wav", sine(300, 1.5), 22_050)
    assert copy.repro("index") == {"download", "index"}
    shutil.rmtree(classes / "low")
    output = copy.run("regenre", "learn", str(classes), "--recipe", "small", ok=False)
    assert "regenre: folder" in output
    assert "at least two class sub-folders expected, 1 found (high)" in output
    assert "Traceback" not in output


def test_a_training_clip_yields_the_stored_features_bit_for_bit(project: Project) -> None:
    model = Model.read(project.folder / "data/cells/synthetic/grouped_kfold-mfcc-knn")
    stored = pd.read_parquet(project.folder / "data/features/synthetic/mfcc.parquet").set_index("clip_id")
    clips = tables.select_usable(pd.read_parquet(project.folder / "data/index/synthetic.parquet")).set_index("clip_id")
    for clip_id, path in clips["path"].iloc[::6].items():
        file = project.folder / "data/raw/synthetic" / path
        np.testing.assert_array_equal(model.compute_features(audio.load(file, model.sr))[0], stored.loc[clip_id])
        with threadpool_limits(1):
            expected = model.estimator.predict_proba(stored.loc[[clip_id]].to_numpy())
        np.testing.assert_array_equal(model.classify_file(file).timeline, expected)


def test_a_model_of_other_features_is_refused(project: Project, tmp_path: Path) -> None:
    cell = tmp_path / "cell"
    shutil.copytree(project.folder / "data/cells/synthetic/grouped_kfold-mfcc-knn", cell)
    content = json.loads((cell / "cell.json").read_text())
    content["plan"]["features"]["families"]["mfcc"]["settings"]["n_mels"] = 60
    (cell / "cell.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"model cell: this version's mfcc differs from what the model was trained on"):
        Model.read(cell)
    with pytest.raises(UserError, match="no cell there"):
        Model.read(tmp_path)


def test_classify_names_the_genres_of_files_and_goes_on_past_bad_ones(project: Project, tmp_path: Path) -> None:
    sounds = tmp_path / "sounds" / "deep"
    sounds.mkdir(parents=True)
    for number in range(3):
        soundfile.write(sounds / f"{number}.wav", noise(2.0, seed=number), 22_050)
    soundfile.write(sounds / "long.flac", np.stack([noise(9.0, 44_100)] * 6, axis=1), 44_100)
    (sounds / "text.mp3").write_text("not audio")
    (sounds / "nothing.wav").touch()
    classify = ("regenre", "classify", str(tmp_path / "sounds"))
    output = project.run(*classify, "missing.wav", "--json", ok=False)
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    answers = {Path(line["file"]).name: line for line in lines}
    assert set(answers) == {"0.wav", "1.wav", "2.wav", "long.flac"}
    assert all(sum(answer["proba"].values()) == pytest.approx(1, abs=1e-4) for answer in answers.values())
    assert [window["start_s"] for window in answers["long.flac"]["timeline"]] == [0, 2, 4, 6, 8]
    assert "text.mp3: FFmpeg cannot read it" in output
    assert "missing.wav: a file expected, nothing found there" in output
    assert "regenre: 3 of 7 files could not be used" in output
    assert "Traceback" not in output
    table = project.run(*classify[:2], str(sounds / "long.flac"), "--csv", "--plot", str(tmp_path / "plot.png"))
    assert table.count("long.flac,") == 5
    assert (tmp_path / "plot.png").stat().st_size > 5000
    answer = json.loads(project.run(*classify[:2], str(sounds / "0.wav"), "--json", "--stress").splitlines()[-1])
    assert 0 <= len(answer["stress"]["others"]) <= answer["stress"]["changes"]
    assert answer["stress"]["changes"] > 20
    output = project.run("regenre", "classify", str(sounds / "0.wav"), "--model", "x", ok=False)
    assert output.startswith("regenre: model 'x': no such cell; there are grouped_kfold-")


def test_a_registered_model_answers_as_the_command_line_does(project: Project, tmp_path: Path) -> None:
    sound, port = tmp_path / "a.wav", find_port()
    soundfile.write(sound, noise(2.0), 22_050)
    model = "grouped_kfold-mfcc-knn"
    expected = json.loads(project.run("regenre", "classify", str(sound), "--json", "--model", model).splitlines()[-1])
    for _ in range(2):  # the second time it is there already
        assert f"regenre-synthetic version 1: {model}" in project.run("regenre", "register", "--model", model)
    uri = f"sqlite:///{project.folder}/mlflow.db"
    served = subprocess.Popen(
        ["mlflow", "models", "serve", "-m", "models:/regenre-synthetic/1", "--env-manager=local", f"--port={port}"],
        env={**project.env, "MLFLOW_TRACKING_URI": uri}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(lambda: is_listening(port) or served.poll() is not None)
        samples = soundfile.read(sound)[0].tolist()
        answers = [
            requests.post(f"http://127.0.0.1:{port}/invocations", json={"dataframe_records": rows}, timeout=60).json()
            for rows in ([{"path": str(sound)}, {"path": "lost.wav"}], [{"samples": samples, "sr": 22_050}])
        ]
    finally:
        os.killpg(served.pid, signal.SIGTERM)
        served.wait(30)
    of_path, of_lost, of_samples = (row for answer in answers for row in answer["predictions"])
    for row in (of_path, of_samples):
        shares = {name.removeprefix("proba__"): share for name, share in row.items() if name.startswith("proba__")}
        assert shares == pytest.approx(expected["proba"], abs=1e-6)
        assert row["predicted"] == next(iter(expected["proba"]))
    assert of_lost["error"] == "lost.wav: a file expected, nothing found there"
    assert of_lost["proba__waltz_strings"] is None
    loading = f"""import mlflow, pandas as pd
model = mlflow.pyfunc.load_model('models:/regenre-synthetic/1')
print(model.predict(pd.DataFrame([{{'path': {str(sound)!r}}}])).drop(columns=['predicted', 'error']).to_json())"""
    loaded = subprocess.run(
        ["python", "-c", loading], env={**project.env, "MLFLOW_TRACKING_URI": uri}, capture_output=True, text=True
    )
    shares = {name.removeprefix("proba__"): share["0"] for name, share in json.loads(loaded.stdout).items()}
    assert shares == pytest.approx(expected["proba"], abs=1e-6)
