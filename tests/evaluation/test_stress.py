from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from helpers import ROOT, SR, build_family, build_leaf, make_settings, noise, sine
from joblib import parallel_config

from regenre.common import config, files, tables
from regenre.common.config import FeaturesLeaf
from regenre.common.errors import UserError
from regenre.common.paths import CellName
from regenre.common.settings import Loudness, SearchSettings
from regenre.deformation.filters import Tilt
from regenre.deformation.level import Gain
from regenre.evaluation import grid, metrics, stress
from regenre.features import feature_files
from regenre.features.extraction import Analysis
from regenre.learning.plan import PlannedCell, Planner
from regenre.learning.tasks import Task

N_CLIPS = 16
GROUPED = {"_target_": "regenre.learning.splits.GroupedKFolds", "n_folds": 2, "seed": 1}


def make_horse(number: int, is_b: bool) -> np.ndarray:
    """Noise; class b differs by a shelf of 2 dB from 1 to 2 kHz on."""
    y = noise(2.0, seed=number)
    spectrum = np.fft.rfft(y)
    shelf_db = 2 * is_b * np.clip(np.log2(np.maximum(np.fft.rfftfreq(len(y), 1 / SR), 1) / 1000), 0, 1)
    return np.fft.irfft(spectrum * 10 ** (shelf_db / 20), len(y)).astype(np.float32)


def make_musician(number: int, is_b: bool) -> np.ndarray:
    """Chords of C major, or faster ones of F sharp major; timbre, level and noise are anybody's."""
    beat_s, root_hz = (0.25, 369.99) if is_b else (0.5, 261.63)
    rng = np.random.default_rng(number)
    timbre, level, noise_db = rng.uniform(0.3, 0.8), rng.uniform(0.3, 1), rng.uniform(-60, -20)
    notes = [root_hz * 2 ** (step / 12) for step in (0, 4, 7)]
    chord = sum(timbre**k * sine((k + 1) * hz, 3.0, peak=0.1) for hz in notes for k in range(5))
    decay = np.exp(-8 * (np.arange(3 * SR) / SR % beat_s))
    return (level * chord * decay + 10 ** (noise_db / 20) * noise(3.0, seed=number)).astype(np.float32)


def read_leaf(group: str, name: str) -> dict[str, Any]:
    leaf: dict[str, Any] = config.fill_words(config.read_yaml(ROOT / f"conf/{group}/{name}.yaml"), {"seed": 1})
    return leaf


def plan_cells(
    folder: Path, make: Any, cells: Sequence[tuple[str, str]], loudness: Loudness = "none"
) -> list[PlannedCell]:
    """Write a corpus of two classes, extract its features, and plan cells: feature set (a family) and classifier."""
    names = [f"{'ab'[number % 2]}{number:02d}" for number in range(N_CLIPS)]
    for number, name in enumerate(names):
        soundfile.write(folder / f"{name}.wav", make(number, number % 2 == 1), SR, "FLOAT")
    facts = {"duration_s": 2.0, "sr": SR, "channels": 1, "status": "ok", "fault": "", "reason": ""}
    clips = pd.DataFrame(
        {
            "clip_id": names, "path": [f"{name}.wav" for name in names], "genre": [name[0] for name in names],
            "group": [f"group {number // 2}" for number in range(N_CLIPS)], **facts,
            "md5": [files.compute_md5(folder / f"{name}.wav") for name in names],
        }
    )[tables.CLIPS]  # fmt: skip
    tables.write_clips(folder / "index.parquet", clips)
    families = {family: build_family(family) for family, _ in cells}
    leaves = {family: read_leaf("family", family) for family in families}
    settings = make_settings(family=leaves, pooling=read_leaf("pooling", "mean_std"))
    settings = replace(settings, audio=replace(settings.audio, loudness=loudness))
    pooling = build_leaf("pooling", "mean_std")
    analysis = Analysis(families, pooling, SR, 2048, 512, n_averaged=8, loudness=loudness)
    sets = {family: FeaturesLeaf([family]) for family in families}
    features, search = folder / "features", SearchSettings("accuracy", 2)
    with parallel_config(n_jobs=1):
        feature_files.write_features(features, clips, folder, families, analysis, 0, sets, settings)
    planner = Planner("d", folder / "index.parquet", features, 1, search, config.build)
    classifiers = {name: read_leaf("classifier", name) for _, name in cells}
    return [
        planner.plan_cell(CellName("grouped_kfold", family, name), GROUPED, classifiers[name]) for family, name in cells
    ]


def run(cells: Sequence[PlannedCell], names: Sequence[str], folder: Path) -> pd.DataFrame:
    deformations = {name: build_leaf("deformation", name) for name in names}
    with parallel_config(n_jobs=1):
        table, left_out = stress.stress_cells(cells, deformations, folder, config.build, 1)
    assert not left_out
    return table.set_index(["features", "deformation"])


def test_a_horse_that_hears_a_shelf_is_exposed(tmp_path: Path) -> None:
    table = run(plan_cells(tmp_path, make_horse, [("mfcc", "lda")]), ["one_channel", "tilt_6"], tmp_path).loc["mfcc"]
    assert (table.loc[["none", "one_channel"], "accuracy"] == 1).all()
    tilted = table.loc[["tilt_6", "worst_case"]]
    assert tilted["accuracy"].between(0.4, 0.6).all()  # nearly every clip is bright
    assert (tilted["changed"] == 1 - tilted["accuracy"]).all()
    assert table["worst_genre"].tolist() == ["", "", "a", "a"]
    assert (tilted["worst_difference"] < -0.8).all()


def test_a_musician_who_hears_pitch_is_not(tmp_path: Path) -> None:
    names = ["tilt_6", "equalizer_6", "gain_minus_20", "mp3_64", "white_20", "room", "speed_1", "shifted", "faded"]
    table = run(plan_cells(tmp_path, make_musician, [("chroma", "lda")]), names, tmp_path)
    assert (table["accuracy"] == 1.0).all()
    assert (table["changed"] == 0).all()


@pytest.mark.parametrize("loudness", ["none", "rms", "bs1770"])
def test_changed_clips_are_levelled_as_the_training_clips_were(tmp_path: Path, loudness: Loudness) -> None:
    names = ["gain_minus_6", "gain_minus_20"]
    table = run(plan_cells(tmp_path, make_horse, [("mfcc", "knn")], loudness), names, tmp_path).loc["mfcc"]
    assert (table["changed"] > 0).tolist() == [False] + [loudness == "none"] * 3


def test_a_classifier_of_frames_and_one_of_rows_are_stressed_together(tmp_path: Path) -> None:
    cells = plan_cells(tmp_path, make_musician, [("chroma", "gmm"), ("mfcc", "knn")])
    table = run(cells, ["gain_plus_6"], tmp_path)
    assert table.loc[("chroma", "none"), "accuracy"] == table.loc[("chroma", "gain_plus_6"), "accuracy"] == 1.0
    assert table.loc[("mfcc", "none"), "accuracy"] == 1.0
    assert table.columns.tolist() == [name for name in stress.COLUMNS if name not in table.index.names]


def test_a_deformation_that_changes_nothing_changes_no_answer_and_no_fit_sees_a_changed_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = plan_cells(tmp_path, make_horse, [("mfcc", "knn")])
    fitted = []
    fit = stress.fit_fold

    def watch(task: Task) -> Any:
        fitted.append(task)
        return fit(task)

    monkeypatch.setattr(stress, "fit_fold", watch)
    table = run(cells, ["one_channel", "tilt_12"], tmp_path)
    assert table.loc[("mfcc", "one_channel"), ["difference", "changed"]].tolist() == [0, 0]
    assert all(task.values is cells[0].values for task in fitted)
    assert [task.fold for task in fitted] == cells[0].deal.folds


def test_cells_of_pieces_and_of_tables_are_left_out_with_the_reason(tmp_path: Path) -> None:
    (cell,) = plan_cells(tmp_path, make_horse, [("mfcc", "knn")])
    plan = cell.plan
    segments = {"_target_": "regenre.learning.splits.SegmentKFolds", "n_folds": 2, "seed": 1}
    pieces = replace(cell, plan=replace(plan, name=CellName("segment_kfold", "mfcc", "knn"), split=segments))
    mfcc = plan.features.families["mfcc"]
    features = replace(plan.features, families={"mfcc": mfcc, "text": replace(mfcc, probe=None)})
    texts = replace(cell, plan=replace(plan, name=CellName("grouped_kfold", "mfcc_text", "knn"), features=features))
    table, left_out = stress.stress_cells([pieces, texts], {}, tmp_path, config.build, 1)
    assert table.empty
    assert table.columns.tolist() == stress.COLUMNS
    assert left_out == {
        "segment_kfold-mfcc-knn": "segment_kfold deals pieces of clips",
        "grouped_kfold-mfcc_text-knn": "text is not computed from audio",
    }


def test_a_clip_that_is_not_on_this_machine_is_one_line(tmp_path: Path) -> None:
    cells = plan_cells(tmp_path, make_horse, [("mfcc", "knn")])
    (tmp_path / "a00.wav").unlink()
    with pytest.raises(UserError, match=r"a00\.wav: a clip expected, none found on this machine; run `dvc repro"):
        run(cells, ["shifted"], tmp_path)


def test_answers_are_scored_by_clip_and_by_group() -> None:
    """Ten groups of two clips; a strong deformation takes one clip of half of them, another all of one genre."""
    actual = np.array(["x", "y"] * 10, dtype=object)
    group = np.repeat([f"g{number}" for number in range(10)], 2).astype(object)
    answers = np.stack([actual] * 4)
    answers[1, ::4] = "y"  # five x
    answers[2, 1::2] = "x"  # all y
    answers[3, [0, 1]] = ["y", "x"]
    deformations = {
        "half": Tilt("turn", True, 1.0), "all": Gain("shout", False, 1.0), "first": Gain("speak", True, 1.0),
    }  # fmt: skip
    table = stress.score_answers(answers, actual, group, deformations, 0).set_index("deformation")
    assert table.index.tolist() == [grid.CLEAN, "half", "all", "first", grid.WORST]
    np.testing.assert_allclose(table["accuracy"], [1, 0.75, 0.5, 0.9, 0.7])
    np.testing.assert_allclose(table["difference"], [0, -0.25, -0.5, -0.1, -0.3])
    np.testing.assert_allclose(table["changed"], [0, 0.25, 0.5, 0.1, 0.3])
    assert table["worst_genre"].tolist() == ["", "x", "y", "x", "x"]
    np.testing.assert_allclose(table["worst_difference"], [0, -0.5, -1, -0.1, -0.5])
    assert table.loc["half", ["difference_low", "difference_high"]].tolist() == pytest.approx(
        [float(end) for end in metrics.average_over_groups((answers[1] == actual) - 1.0, group, 0)[1:]]
    )
    assert table.loc["none", "accuracy_low"] == pytest.approx(0.025 ** (1 / 10))  # Clopper and Pearson
    assert (table["n_groups"] == 10).all()


def test_changes_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    gain = build_leaf("deformation", "gain_minus_6")
    with pytest.raises(
        UserError, match=r"conf/deformation/none.yaml: another name expected, since stress.csv has this"
    ):
        stress.stress_cells([], {"none": gain}, tmp_path, config.build, 1)
    with pytest.raises(UserError, match=r"conf/deformation/b.yaml: an action of its own expected, that of a found"):
        stress.stress_cells([], {"a": gain, "b": gain}, tmp_path, config.build, 1)
