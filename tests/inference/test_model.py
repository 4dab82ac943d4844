"""Models of a small corpus, put to use."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from helpers import SR, build_leaf, noise, sine

from regenre import audio
from regenre.audio import AudioError
from regenre.common import records, tables
from regenre.common.errors import UserError
from regenre.deformation.filters import Band
from regenre.deformation.level import Gain
from regenre.features.families.spectral_shape import SpectralShape
from regenre.inference.answers import Stability
from regenre.inference.model import Model, convert_samples, find_best, find_cell, read_model
from regenre.learning.cells import Cell
from regenre.tabular.text import ClipText


@pytest.mark.parametrize("name", ["spectral_shape-logistic", "spectral_shape_text-logistic"])
def test_a_training_clip_has_the_features_of_the_tables_bit_for_bit(corpus, name: str) -> None:
    model = corpus.read(name)
    families = [corpus.features / f"{family}.parquet" for family in model.cell.plan.features.families]
    clip_ids = pd.Series(["low/0.wav", "high/3.wav"])
    stored = tables.read_pooled(families, clip_ids)
    for clip_id in clip_ids:
        path = corpus.raw / clip_id
        text = ClipText.read(path) if model.texts else None
        features = model.compute_features(audio.load(path, model.sr), text)
        np.testing.assert_array_equal(features[0], stored.loc[clip_id].to_numpy())
        expected = model.estimator.predict_proba(stored.loc[[clip_id]].to_numpy())
        np.testing.assert_array_equal(model.classify_file(path).timeline, expected)


def test_a_training_clip_has_the_frames_of_the_tables_bit_for_bit(corpus) -> None:
    model = corpus.read("mfcc-gmm")
    values, lengths = tables.read_sequences([corpus.features / "mfcc.npz"], pd.Series(["high/3.wav"]))
    features = model.compute_features(audio.load(corpus.raw / "high/3.wav", model.sr))
    np.testing.assert_array_equal(features[0], values)
    assert lengths == [len(features[0])]


@pytest.mark.parametrize(
    "name", ["spectral_shape-logistic", "spectral_shape_text-logistic", "text-logistic", "mfcc-gmm"]
)
def test_every_kind_of_model_recognises_the_training_clips(corpus, name: str) -> None:
    model = corpus.read(name)
    assert model.genres == ("high", "low")
    for genre, number in (("low", 0), ("high", 1)):
        answer = model.classify_file(corpus.raw / genre / f"{number}.wav")
        assert next(iter(answer.proba)) == genre
        assert sum(answer.proba.values()) == pytest.approx(1)
        assert answer.starts_s.tolist() == [0]
        assert answer.has_text


def test_an_answer_is_stable_under_some_changes_and_not_under_others(corpus) -> None:
    model, file = corpus.read("spectral_shape-logistic"), corpus.raw / "high/1.wav"
    names = ("gain_plus_6", "speed_1", "white_30", "low_pass_4k")
    changes = {name: build_leaf("deformation", name) for name in names}
    plain, stressed = model.classify_file(file), model.classify_file(file, None, changes)
    assert plain.stability is None
    np.testing.assert_array_equal(plain.timeline, stressed.timeline)
    assert stressed.stability == Stability(4, {})
    dull = {**changes, "dull": Band("make it dull", True, 0.0, 300.0, 8)}
    assert model.classify_file(file, None, dull).stability == Stability(5, {"dull": ("make it dull", "low")})


def test_the_windows_of_a_long_recording_are_stressed_together(corpus, recording: Path) -> None:
    answer = corpus.read("spectral_shape-logistic").classify_file(recording, None, {"same": Gain("keep it", True, 0.0)})
    assert len(answer.starts_s) > 1
    assert answer.stability == Stability(1, {})


def test_a_long_recording_is_classified_window_by_window(corpus, recording: Path) -> None:
    model = corpus.read("spectral_shape-logistic")
    assert model.window_s == 1.5
    answer = model.classify_file(recording)
    assert answer.starts_s.tolist() == [0.0, 1.5, 3.0, 4.5]
    assert answer.timeline[2].tolist() == [0.5, 0.5]  # the silent window
    assert [answer.genres[place] for place in answer.timeline.argmax(axis=1)[[0, 1, 3]]] == ["low", "high", "low"]
    assert model.classify_file(recording, 3.0).starts_s.tolist() == [0, 3]


def test_samples_are_classified_as_their_file_is(corpus, tmp_path: Path) -> None:
    model = corpus.read("spectral_shape-logistic")
    y = np.stack([sine(3100, 2.0, 44_100), noise(2.0, 44_100)], axis=1)
    soundfile.write(tmp_path / "a.wav", y, 44_100)
    expected = model.classify_file(tmp_path / "a.wav").timeline
    for dtype in ("float64", "int16"):
        samples, sr = soundfile.read(tmp_path / "a.wav", dtype=dtype)
        np.testing.assert_array_equal(model.classify_samples(samples, sr).timeline, expected)


def test_a_model_with_texts_reports_a_missing_text(corpus, tmp_path: Path) -> None:
    model = corpus.read("spectral_shape_text-logistic")
    shutil.copy(corpus.raw / "low/0.wav", tmp_path / "a.wav")
    without = model.classify_file(tmp_path / "a.wav")
    assert not without.has_text
    (tmp_path / "a.txt").write_text("a bright whistle")
    with_text = model.classify_file(tmp_path / "a.wav")
    assert with_text.has_text
    assert with_text.proba["high"] > without.proba["high"]
    samples = model.classify_samples(*soundfile.read(tmp_path / "a.wav"), "a bright whistle")
    np.testing.assert_array_equal(samples.timeline, with_text.timeline)


def test_a_model_of_texts_alone_classifies_a_text_file(corpus, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a deep rumble")
    assert next(iter(corpus.read("text-logistic").classify_file(tmp_path / "a.txt").proba)) == "low"
    with pytest.raises(AudioError, match="libsndfile cannot read it"):
        corpus.read("spectral_shape_text-logistic").classify_file(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (sine(440, 0.5), r"0.50 s, at least 1.00 s expected"),
        (np.zeros(2 * SR), "peak 0.0e"),
        (np.full(2 * SR, np.nan), "44100 of 44100 samples are NaN"),
    ],
    ids=["short", "silent", "not finite"],
)
def test_audio_that_cannot_be_used_raises(corpus, tmp_path: Path, y: np.ndarray, message: str) -> None:
    model = corpus.read("spectral_shape-logistic")
    soundfile.write(tmp_path / "a.wav", y, SR, "FLOAT")
    with pytest.raises(AudioError, match=message):
        model.classify_file(tmp_path / "a.wav")
    with pytest.raises(AudioError, match=message):
        model.classify_samples(y, SR)


def edit_family(corpus, folder: Path, **changes: object) -> Path:
    """Write a copy of a cell whose record of `spectral_shape` is changed."""
    shutil.copytree(corpus.locate("spectral_shape-logistic"), folder)
    cell = Cell.read(folder)
    features = cell.plan.features
    families = {"spectral_shape": replace(features.families["spectral_shape"], **changes)}
    plan = replace(cell.plan, features=replace(features, families=families))
    records.write_record(folder / "cell.json", replace(cell, plan=plan))
    return folder


@pytest.mark.parametrize("level", [{"loudness": "rms"}, {"loudness": "bs1770"}, {"floor_db": 30.0}])
def test_a_model_levels_clips_as_its_record_says(corpus, tmp_path: Path, level: dict[str, Any]) -> None:
    folder = shutil.copytree(corpus.locate("mfcc-gmm"), tmp_path / "cell")
    cell = Cell.read(folder)
    features = replace(cell.plan.features, audio=replace(cell.plan.features.audio, **level))
    records.write_record(folder / "cell.json", replace(cell, plan=replace(cell.plan, features=features)))
    with pytest.raises(UserError, match="this version's mfcc differs from what the model was trained on"):
        Model.read(folder)


def test_a_model_that_was_trained_on_other_features_is_refused(corpus, tmp_path: Path) -> None:
    record = Cell.read(corpus.locate("spectral_shape-logistic")).plan.features.families["spectral_shape"]
    settings = {**record.settings, "rolloffs": [0.5]}
    for number, changes in enumerate([{"settings": settings}, {"probe": [value * 1.01 for value in record.probe]}]):
        folder = edit_family(corpus, tmp_path / str(number), **changes)
        with pytest.raises(
            UserError, match=f"model {number}: this version's spectral_shape differs from what the model"
        ):
            Model.read(folder)
    Model.read(edit_family(corpus, tmp_path / "same", probe=[value * 1.0001 for value in record.probe]))


ELSEWHERE = "_target_: {}: something in regenre.features.families, regenre.tabular"
NO_CLASS = "cell.json: _target_: a class of regenre.* expected, {} found"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("pathlib.Path.unlink", ELSEWHERE),
        ("regenre.common.files.write_text", ELSEWHERE),
        ("sklearn.svm.SVC", ELSEWHERE),
        ("regenre.tabular.text.Path.unlink", NO_CLASS),
        ("regenre.tabular.text.Path", NO_CLASS),
        ("regenre.tabular.text.read_text_beside", NO_CLASS),
    ],
)
def test_a_cell_names_only_classes_of_families_and_poolings(corpus, tmp_path: Path, target: str, message: str) -> None:
    victim = tmp_path / "victim"
    victim.touch()
    folder = edit_family(corpus, tmp_path / "evil", settings={"_target_": target, "_args_": [str(victim)]})
    with pytest.raises(UserError, match=message.format(target)):
        Model.read(folder)
    assert victim.exists()


def test_a_model_whose_features_need_more_than_there_is_is_refused(corpus, tmp_path: Path, monkeypatch) -> None:
    def exhaust(*_: object) -> None:
        raise MemoryError("Unable to allocate 3.7 TiB")

    monkeypatch.setattr(SpectralShape, "__call__", exhaust)
    with pytest.raises(UserError, match=r"the features of cell.json cannot be computed \(MemoryError: Unable to alloc"):
        corpus.read("spectral_shape-logistic")


def test_a_model_that_reads_a_table_is_refused(corpus, tmp_path: Path) -> None:
    folder = edit_family(corpus, tmp_path / "table", probe=None)
    with pytest.raises(UserError, match="model table: a model that reads audio expected, one that reads a table found"):
        Model.read(folder)


def test_a_folder_without_a_cell_raises(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no cell there; run `dvc repro`, or pass --model with the name of a cell"):
        Model.read(tmp_path)


def test_a_model_is_read_once_until_its_cell_changes(corpus, tmp_path: Path) -> None:
    folder = tmp_path / "cell"
    shutil.copytree(corpus.locate("spectral_shape-logistic"), folder)
    model = read_model(folder)
    assert read_model(folder) is model
    os.utime(folder / "cell.json", ns=(1, 1))
    assert read_model(folder) is not model


def test_a_cell_is_found_by_its_name_or_its_folder(in_corpus) -> None:
    folder = in_corpus.locate("mfcc-gmm")
    assert find_cell("grouped_kfold-mfcc-gmm") == folder
    assert find_cell(str(folder)) == folder
    with pytest.raises(UserError, match=r"model 'x': no such cell; there are grouped_kfold-mfcc-gmm, grouped_kfold-sp"):
        find_cell("x")


@pytest.mark.parametrize(
    ("n", "end"), [(20, "cell-19; run `dvc repro`"), (23, "cell-19, and 3 others in {}; run `dvc repro`")]
)
def test_an_unknown_cell_is_answered_with_all_names_or_how_many_are_left_out(
    tmp_path: Path, monkeypatch, n: int, end: str
) -> None:
    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    (tmp_path / ".regenre").touch()
    for number in range(n):
        (tmp_path / f"data/cells/d/cell-{number:02d}").mkdir(parents=True)
        (tmp_path / f"data/cells/d/cell-{number:02d}/cell.json").touch()
    expected = f"model 'x': no such cell; there are cell-00, cell-01, .*{end.format(tmp_path / 'data/cells')}"
    with pytest.raises(UserError, match=expected):
        find_cell("x")


def test_the_best_cell_is_the_most_accurate_under_the_most_honest_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".regenre").touch()
    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    with pytest.raises(UserError, match=r"summary.csv is missing; run `dvc repro` first"):
        find_best()
    rows = [("stratified_kfold", "mfcc", 0.9), ("grouped_kfold", "mfcc", 0.5), ("grouped_kfold", "text", 0.6)]
    summary = pd.DataFrame(rows, columns=["split", "features", "accuracy"]).assign(dataset="corpus", classifier="knn")
    tables.write_csv(tmp_path / "reports/summary.csv", summary)
    assert find_best() == tmp_path / "data/cells/corpus/grouped_kfold-text-knn"


def test_samples_become_mono_float32_at_the_rate_of_the_features() -> None:
    stereo = np.stack([sine(440, 1.0, 44_100), np.zeros(44_100)], axis=1)
    y = convert_samples(stereo, 44_100, SR)
    assert (y.dtype, y.shape) == (np.float32, (SR,))
    assert np.abs(y).max() == pytest.approx(0.25, abs=0.01)
    integers = (np.array([[-(2**15)], [2**14]]) * np.ones((1, 1))).astype(np.int16)
    assert convert_samples(integers, SR, SR).tolist() == [-1.0, 0.5]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.array([]), "at least one sample expected, none found"),
        (np.array(["x"]), r"samples: floating-point numbers .* expected; <U1 of shape \(1,\) found"),
        (np.ones(9, np.uint8), r"expected; uint8 of shape \(9,\) found"),
        (np.ones((2, 2, 2)), r"expected; float64 of shape \(2, 2, 2\) found"),
    ],
    ids=["no samples", "text", "unsigned", "three dimensions"],
)
def test_an_array_that_is_no_audio_raises(samples: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        convert_samples(samples, SR, SR)
