"""The benchmarks run at their smallest dose and print their figures; how fast anything is, is not tested."""

import json
import math
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import soundfile
from helpers import ROOT, SR, sine
from projects import Project

from regenre.common import config

BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def run_benchmark(programs: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(name: str, *arguments: object, status: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [str(programs / "python"), str(BENCHMARKS / f"{name}.py"), *map(str, arguments)]
        process = subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True)
        assert process.returncode == status, process.stdout + process.stderr
        return process

    return run


def read_dose(name: str) -> list[str]:
    """Return the options of the smallest dose that the benchmark's --help documents."""
    match = re.search(r"^Smallest dose, a few seconds: (--.+)$", (BENCHMARKS / f"{name}.py").read_text(), re.MULTILINE)
    assert match is not None
    return match[1].split()


def assert_positive(figures: dict[str, float]) -> None:
    wrong = {name: value for name, value in figures.items() if not (math.isfinite(value) and value > 0)}
    assert not wrong


@pytest.mark.slow
def test_extraction_has_a_figure_for_every_set_and_for_scaling(run_benchmark, tmp_path: Path) -> None:
    process = run_benchmark("extraction", *read_dose("extraction"), "--json", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert math.isfinite(figures.pop("memory/growth_mb"))  # 0 if more clips need no more memory
    assert_positive(figures)
    sets = {"all", "all_but_block_level", "block_level", "pyaudioprocessing_set", "librosa_script_set", "mfcc", "gfcc"}
    expected = {f"{name}/{figure}" for name in sets for figure in ("limit", "realtime")}
    assert expected | {"limit/realtime", "peer/librosa_script", "clips_per_s", "memory/worker_mb"} <= set(figures)
    assert any(name.startswith("scaling/") for name in figures)
    assert all(re.search(rf"^{re.escape(name)} +\S+$", process.stdout, re.MULTILINE) for name in figures)


def test_fingerprint_has_recall_and_growth(run_benchmark, tmp_path: Path) -> None:
    process = run_benchmark("fingerprint", *read_dose("fingerprint"), "--json", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert_positive({name: value for name, value in figures.items() if name.startswith("growth/")})
    assert {name for name in figures if name.endswith("_seconds")} == {f"growth/{n}_seconds" for n in (2, 4, 8, 16)}
    shares = {name: value for name, value in figures.items() if name.endswith(("/recall", "/lowest_agreement"))}
    assert len(shares) == 18
    assert_positive(shares)
    assert max(shares.values()) <= 1
    assert min(value for name, value in figures.items() if name.endswith(("/false_alarms", "/replicas"))) >= 0
    assert len(re.findall(r"recall \d", process.stdout)) == 9


def test_fingerprint_takes_clips_from_a_folder(run_benchmark, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"deep/{number}").mkdir(parents=True)
        soundfile.write(tmp_path / f"deep/{number}/clip.FLAC", sine(300 + 100 * number, 3), SR, format="FLAC")
    output = run_benchmark("fingerprint", "--audio", tmp_path, "--repeats", 1).stdout
    assert output.startswith("3 clips;")


def test_length_and_rate_has_every_column_and_a_rate_that_changes_nothing(run_benchmark, tmp_path: Path) -> None:
    process = run_benchmark("length_and_rate", *read_dose("length_and_rate"), "--csv", tmp_path / "moves.csv")
    moves = pd.read_csv(tmp_path / "moves.csv")
    families = config.read_feature_set("all").families
    for change, n in (("length", 3), ("rate", 5), ("analysis", 5)):
        rows = moves[moves["change"] == change]
        assert set(rows["family"]) == set(families)
        assert (rows.groupby("column")["to"].nunique() == n).all()
        assert len(re.findall(rf"^ *\w+ +{change} ", process.stdout, re.MULTILINE)) == len(families)
    assert (moves["deviation"] >= moves["bias"].abs()).all()
    assert not moves.loc[moves["to"] == SR, "deviation"].any()
    assert moves.loc[moves["to"] != SR, "deviation"].any()


def test_deformations_has_a_row_for_every_family_and_a_cost(run_benchmark, tmp_path: Path) -> None:
    process = run_benchmark("deformations", *read_dose("deformations"), "--csv", tmp_path / "moves.csv")
    moves = pd.read_csv(tmp_path / "moves.csv")
    families = config.read_feature_set("all").families
    assert set(moves["family"]) == set(families)
    assert set(moves["deformation"]) == {"gain_minus_6", "tilt_6"}
    assert (moves["move"] >= 0).all()
    assert moves.loc[moves["deformation"] == "tilt_6", "move"].max() > 0
    rows = re.findall(r"^\| \w+ +(\| \d+\.\d\d \(\d+\.\d\) +){2}\|$", process.stdout, re.MULTILINE)
    assert len(rows) == len(families)
    assert re.search(r"^time: 2 deformations cost \d+\.\d times one extraction", process.stdout, re.MULTILINE)


def test_networks_has_the_speed_and_memory_of_each(run_benchmark, tmp_path: Path) -> None:
    run_benchmark("networks", *read_dose("networks"), "--json", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert_positive(figures)
    assert set(figures) == {"mfcc/realtime", "mfcc/mb", "linear_probe/fit_s", "linear_probe/mb"}


@pytest.mark.parametrize("name", ["extraction", "fingerprint", "length_and_rate", "deformations", "networks"])
def test_a_folder_without_clips_is_one_line(run_benchmark, name: str, tmp_path: Path) -> None:
    error = run_benchmark(name, "--audio", tmp_path, status=1).stderr
    assert error.splitlines() == [
        f"regenre: --audio {tmp_path}: a folder with .wav, .flac or .au files expected, no such file found"
    ]


@pytest.mark.slow
def test_scale_has_every_stage(run_benchmark, tmp_path: Path) -> None:
    process = run_benchmark("scale", *read_dose("scale"), "--json", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures.pop("cluster/256_differences") == 0 < figures.pop("cluster/256_seconds")
    stages = {name.partition("/")[0] for name in figures if name.endswith("_seconds")}
    assert {"train", "evaluate", "study", "report", "track"} < stages
    assert {f"{stage}/256_{unit}" for stage in stages for unit in ("seconds", "mb")} < set(figures)
    assert min(figures.values()) >= 0
    assert figures["page/256_mb"] < 5
    assert len(re.findall(r"^\| \w+ \| [\d.]+ s, \d+ MB \|", process.stdout, re.MULTILINE)) == len(stages)


@pytest.mark.slow
def test_damaged_files_and_killed_stages_end_in_results_or_reasons(run_benchmark, tmp_path: Path) -> None:
    options = [*read_dose("reliability"), "--json", tmp_path / "figures.json"]
    process = run_benchmark("reliability", *options, REGENRE_JOBS="1")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures.pop("memory") > 0
    assert set(figures) == {"tracebacks", "crashes", "hangs", "unaccounted", "differences"}
    assert not any(figures.values()), process.stdout + process.stderr


def test_tracking_logs_each_cell_once(run_benchmark, tmp_path: Path) -> None:
    run_benchmark("tracking", *read_dose("tracking"), "--json", tmp_path / "figures.json", MLFLOW_TRACKING_URI="")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert set(figures) == {"cells", "log_seconds", "again_seconds"}
    assert figures["cells"] == 2
    assert_positive(figures)


def test_a_dose_of_no_clips_is_refused(run_benchmark) -> None:
    assert "--clips: a number above 0 expected, 0 found" in run_benchmark("fingerprint", "--clips", 0, status=2).stderr


def test_classification_without_a_model_says_what_to_run(run_benchmark, tmp_path: Path) -> None:
    (tmp_path / ".regenre").touch()
    process = run_benchmark("classification", *read_dose("classification"), status=3, REGENRE_ROOT=str(tmp_path))
    assert process.stderr == ("classification.py: no model found; run `make repro`, or pass --model with a cell\n")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["", "grouped_kfold-mfcc-knn"])
def test_classification_has_the_figures_of_a_model(project: Project, model: str, tmp_path: Path) -> None:
    options = [*read_dose("classification"), "--json", str(tmp_path / "figures.json")]
    options += ["--model", model] if model else []
    output = project.run("python", str(BENCHMARKS / "classification.py"), *options)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert_positive(figures)
    ours = {name for name in figures if name.startswith(f"regenre, {model}")}
    assert {name.rpartition("/")[2] for name in ours} == {"clips_per_s", "realtime", "times_ours"}
    assert re.search(rf"^regenre, {model}.*: \S+ clips a second, \d+ x real time, 1\.0 times our time$", output, re.M)


def test_bench_runs_every_benchmark() -> None:
    makefile = (ROOT / "Makefile").read_text()
    scripts = {path.name for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text()}
    assert scripts == set(re.findall(r"^\tpython benchmarks/(\S+)", makefile, re.MULTILINE))


def test_bench_measures_every_family_that_is_computed_from_audio() -> None:
    families, others = set(config.compose_settings().family), {"external", "text", "musicnn", "onnx"}
    assert {*config.read_feature_set("all").families} == families - others
