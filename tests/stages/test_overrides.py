"""What stands on a stage's command line gives a result or one line: no traceback, and nothing without effect."""

import importlib
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from regenre.common import config
from regenre.common.config import Settings
from regenre.learning.estimator import Learner
from regenre.learning.splits import Split

pytestmark = pytest.mark.slow

Start = Callable[..., list[Any]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Return a function that starts a stage in this process, in a project without data.

    `train` lists the cells that it would fit, another stage its settings; or `main` of the stage itself runs.
    """
    (tmp_path / ".regenre").touch()
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.setenv("REGENRE_ROOT", str(tmp_path))
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "end_process", lambda: None)  # signals of this process stay as they are
    results: list[Any] = []

    def plan(settings: Settings) -> None:
        classifier = config.add_members(settings.classifier, settings.seed)
        config.build(classifier, "conf/classifier", Learner)
        config.build(settings.split, "conf/split", Split)
        results.append(str(config.name_cell()) if config.is_by_hand() else "grid")

    def run(stage: str, *words: str, whole: bool = False) -> list[Any]:
        module = importlib.import_module(f"regenre.stages.{stage}")
        monkeypatch.setattr(sys, "argv", [f"regenre-{stage}", *words])
        main = module.main if whole else plan if stage == "train" else results.append
        config.run_stage(main, module.READS, sweeps=getattr(module, "SWEEPS", ()))
        return results

    handlers, level = logging.root.handlers[:], logging.root.level
    yield run
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    HydraConfig.instance().cfg = None


def refuse(start: Start, *words: str, whole: bool = False) -> str:
    """Start a stage that refuses its words; return the line that says why."""
    with pytest.raises(SystemExit) as caught:
        start(*words, whole=whole)
    line = str(caught.value)
    assert line.startswith("regenre: ")
    assert "\n" not in line
    return line


CELL = "grouped_kfold-mfcc-svm_rbf"
BY_NAME = [f"grouped_kfold-mfcc-{name}" for name in ("knn", "dummy")]


@pytest.mark.parametrize(
    ("words", "cells"),
    [
        ("", ["grid"]),
        ("seed=1e3", ["grid"]),
        ("classifier.search.C=[1,2]", [f"{CELL},classifier.search.C=[1,2]"]),
        ("classifier.search.C.0=3", [f"{CELL},classifier.search.C.0=3"]),
        ("classifier.search={C:[1]}", [f"{CELL},classifier.search={{C:[1]}}"]),
        ("classifier.search=null", [f"{CELL},classifier.search=null"]),
        ("~classifier.search", [f"{CELL},~classifier.search"]),
        ("~classifier.search.C", [f"{CELL},~classifier.search.C"]),
        ("~classifier.search.C=[10.0,1.0,100.0]", [f"{CELL},~classifier.search.C=[10.0,1.0,100.0]"]),
        ("+classifier.estimator.class_weight=balanced", [f"{CELL},+classifier.estimator.class_weight=balanced"]),
        (
            "+classifier.search.class_weight=[balanced,null]",
            [f"{CELL},+classifier.search.class_weight=[balanced,null]"],
        ),
        ("++split.n_folds=3", [f"{CELL},++split.n_folds=3"]),
        ("search={metric:accuracy}", [f"{CELL},search={{metric:accuracy}}"]),
        ("search.n_folds='3'", [f"{CELL},search.n_folds='3'"]),
        ("classifier='knn'", BY_NAME[:1]),
        ("classifier=lda classifier=knn", BY_NAME[:1]),
        (
            "classifier=vote classifier.members=[knn,lda]",
            ["grouped_kfold-mfcc-vote,classifier.members=[knn,lda]"],
        ),
        ("--multirun classifier=knn,dummy", BY_NAME),
        ("-m classifier=choice(knn,dummy)", BY_NAME),
        ("classifier=knn,dummy --multirun features=mfcc", BY_NAME),
        ("classifier=knn,dummy hydra.mode=MULTIRUN", BY_NAME),
        ("--multirun classifier=sort(knn,dummy)", BY_NAME[::-1]),
        (
            "--multirun classifier=knn,dummy features=glob(mfcc*,exclude=mfcc_*)",
            BY_NAME,
        ),
        (
            "--multirun classifier=dummy features=glob(gf*)",
            ["grouped_kfold-gfcc-dummy", "grouped_kfold-gfcc_spectral-dummy"],
        ),
        (
            "--multirun classifier=dummy split.n_folds=range(2,4)",
            [f"{BY_NAME[1]},split.n_folds={n}" for n in (2, 3)],
        ),
        (
            "--multirun classifier=knn classifier.search.n_neighbors=[1],[3]",
            [f"{BY_NAME[0]},classifier.search.n_neighbors=[{n}]" for n in (1, 3)],
        ),
    ],
)
def test_words_of_train_choose_cells(start: Start, words: str, cells: list[str]) -> None:
    assert start("train", *words.split()) == cells


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("classifier.search.C=1", "search.C: a valid list expected, 1 found"),
        ("classifier.search.C=[]", "search.C: at least 1 expected, 0 found"),
        ("classifier.search.C=", "search.C: a valid list expected, '' found"),
        ("classifier.search.C={a:1}", "Error merging override"),
        ("classifier.search.C[0]=1", "SETTING=VALUE expected, 'classifier.search.C[0]=1' found"),
        ("classifier.search=[1]", "Error merging override"),
        ("+classifier.class_weight=balanced", "class_weight is unknown"),
        (
            "classifier.class_weight=balanced",
            "put + before it; a parameter of the classifier is +classifier.estimator.NAME=VALUE",
        ),
        ("~classifier.search.C=[1]", "and not [1]"),
        ("~classifier.search.nope", "'classifier.search.nope' does not exist"),
        ("~classifier.estimator", "estimator, or members of a vote, expected; neither found"),
        ("~classifier", "~classifier removes a setting that this stage needs"),
        ("~search.n_folds", "search.n_folds is missing"),
        ("features=[mfcc,gfcc]", "features: the name of one leaf expected"),
        ("features=mfcc,gfcc", "has several values, a run each; add --multirun"),
        ("features=null", "features: the name of one leaf expected"),
        ("features=", "features: '' is not in conf/features/"),
        ("+features=gfcc", "Multiple values for features"),
        ("++features=gfcc", "force-add of config groups is not supported"),
        ("features@x=gfcc", "Could not override 'features@x'"),
        ("+classifier@x=knn", "x is unknown"),
        ("classifier=../classifier/knn", "is not in conf/classifier/"),
        ("classifier=true", "'True' is not in conf/classifier/"),
        ("classifier=interval(1,3) --multirun", "type is ValueType.INTERVAL_SWEEP"),
        ("classifier=knn, --multirun", "SETTING=VALUE expected, 'classifier=knn,' found"),
        ("search.n_folds=[3]", "search.n_folds: a valid integer expected, [3] found"),
        ("search.n_folds=2.5", "search.n_folds: a valid integer expected, 2.5 found"),
        ("search=null", "expected, None found"),
        ("split.n_folds=0", "n_folds: greater than or equal to 2 expected, 0 found"),
        ("++split.n_foldz=3", "n_foldz is unknown"),
        ("seed=null", "seed: a valid integer expected, None found"),
        ("nope/x=1", "nope/x=1 changes nothing here"),
        ("=1", "=1 changes nothing here"),
        ("classifier", "SETTING=VALUE expected, 'classifier' found"),
        ("hydra/launcher=nope", "Could not find 'hydra/launcher/nope'"),
        ("hydra.nope=1", "Key 'nope' not in 'HydraConf'"),
        ("hydra=null", "settings that Hydra takes expected, but Config group override must be a string or a list"),
        ("hydra.job_logging.version=9", "settings that Hydra takes expected, but Unsupported version: 9; correct"),
        ("--multirun hydra.sweeper=null", "settings that Hydra takes expected, but "),
        ("--bogus", "unrecognized arguments: --bogus; see `python -m regenre.stages.train --help`"),
        ("--cfg nope", "argument --cfg/-c: invalid choice: 'nope'"),
        ("seed=true", "seed: a number expected, True found"),
        ("--multirun classifier=glob(zz*)", "classifier: 'zz*' is not in conf/classifier/; choose from cnn, dummy"),
        (
            "--multirun classifier.search.C=glob(*)",
            "values expected (classifier.search.C=VALUE,VALUE), for glob() chooses among names",
        ),
        ("--multirun seed=1,2", "seed=1,2: one value expected: each run would replace the files of the one before"),
        ("--multirun compute.n_jobs=range(1,3)", "one value expected: each run would replace the files"),
        ("-cn published", "--config-name is not supported: all settings come from"),
        ("-cp /nowhere", "--config-path is not supported"),
        ("--config-dir=conf/classifier", "--config-dir is not supported"),
        ("--experimental-rerun a.pickle", "--experimental-rerun is not supported"),
        (
            "family.mfcc.n_mfcc=13",
            "computed by `extract`; run `dvc exp run -S conf/family/mfcc.yaml:n_mfcc=13`, or let `regenre sweep`",
        ),
        (
            "--multirun family.mfcc.n_mfcc=13,20",
            "run `dvc exp run --queue -S conf/family/mfcc.yaml:n_mfcc=13,20 && dvc queue start`, or let",
        ),
        ("family.mfc.n_mfcc=13", "family: 'mfc' is not in conf/family/; choose from"),
        ("--resolve", "--resolve and --package change nothing without --cfg; add --cfg job"),
        ("-p classifier", "--resolve and --package change nothing without --cfg; add --cfg job"),
        ("--cfg job --multirun", "one option expected, --multirun and --cfg found; leave out all but one"),
    ],
)
def test_wrong_words_of_train_are_one_line(start: Start, words: str, message: str) -> None:
    line = refuse(start, "train", *words.split())
    assert message in line


@pytest.mark.parametrize(
    ("settings", "results"),
    [
        ({"mode": "MULTIRUN", "sweeper": {"params": {"classifier": "knn,dummy"}}}, BY_NAME),
        ({"verbose": True}, ["grid"]),
    ],
)
def test_settings_of_hydra_in_conf_are_obeyed(
    start: Start, tmp_path: Path, settings: dict[str, Any], results: list[str]
) -> None:
    (tmp_path / "conf").unlink()
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    path = tmp_path / "conf/config.yaml"
    OmegaConf.save(OmegaConf.merge(OmegaConf.load(path), {"hydra": settings}), path)
    assert start("train") == results


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--cfg job", "\nclassifier:\n"),
        ("classifier=knn --cfg job -p classifier --resolve", "# @package classifier"),
        ("--info", "Config search path"),
        ("classifier=knn --info defaults-tree", "    classifier: knn\n"),
        ("--hydra-help", "Hydra (1."),
        ("--help", "Fit and test the cells of the grid"),
    ],
)
def test_options_of_hydra_answer(start: Start, words: str, expected: str, capfd: pytest.CaptureFixture[str]) -> None:
    with suppress(SystemExit):
        start("train", *words.split(), whole=True)
    assert expected in capfd.readouterr().out


@pytest.mark.parametrize(
    ("stage", "word", "place", "value"),
    [
        ("extract", "++audio.sr=16000", ("audio", "sr"), 16_000),
        ("extract", "frames={n_fft:1024,hop_length:256}", ("frames", "n_fft"), 1024),
        ("extract", "family.mfcc.n_mfcc=13", ("family", "mfcc", "n_mfcc"), 13),
        ("extract", "family.mfcc={n_mfcc:3}", ("family", "mfcc", "n_mfcc"), 3),
        ("index", "audio.min_duration_s=2", ("audio", "min_duration_s"), 2.0),
        ("study", "study.shares=[0.5,0.9]", ("study", "shares"), [0.5, 0.9]),
        ("study", "study.shares.0=0.5", ("study", "shares"), [0.5, 0.6, 0.8]),
        ("study", "study.cell=null", ("study", "cell"), None),
        ("gallery", "gallery.clip_id='a b'", ("gallery", "clip_id"), "a b"),
        ("download", "source='/a b/c=d,e'", ("source",), "/a b/c=d,e"),
        ("download", "dataset=folder", ("dataset", "_target_"), "regenre.datasets.folder.Folder"),
    ],
)
def test_a_word_of_another_stage_is_taken(
    start: Start, stage: str, word: str, place: tuple[str, ...], value: object
) -> None:
    (result,) = start(stage, word)
    for name in place:
        result = result[name] if isinstance(result, dict) else getattr(result, name)
    assert result == value


@pytest.mark.parametrize(
    ("stage", "words", "message"),
    [
        ("extract", "+audio.sr=16000", "An item is already at 'audio.sr'"),
        ("extract", "audio.sr=[16000]", "audio.sr: a valid integer expected, [16000] found"),
        ("extract", "audio=null", "audio=null changes nothing here"),
        ("extract", "family.mfcc.n_mfcc=13,20", "one value expected: each run would replace the files"),
        ("extract", "--multirun family.mfcc.n_mfcc=13,20", "one value expected: each run would replace the files"),
        ("extract", "family@family.mfcc=lfcc", "a setting of a family expected"),
        (
            "compose",
            "family.mfcc.n_mfcc=13",
            "computed by `extract`; run `dvc exp run -S conf/family/mfcc.yaml:n_mfcc=13`",
        ),
        ("extract", "features=[mfcc,gfcc]", "features=[mfcc,gfcc] changes nothing here"),
        ("extract", "seed=3", "seed=3 changes nothing here"),
        ("index", "audio.min_duration_s=", "audio.min_duration_s: a valid number expected, '' found"),
        (
            "index",
            "seed=3",
            "seed=3 changes nothing here, for this stage reads dataset, audio.min_duration_s, compute;",
        ),
        ("study", "study.shares=[0.5,1.0]", "study.shares.1: less than 1 expected, 1.0 found"),
        ("study", "study.shares=0.5", "study.shares: a valid list expected, 0.5 found"),
        ("study", "~study.shares", "study.shares is missing"),
        ("study", "study.cell=[a]", "study.cell: a valid string expected, ['a'] found"),
        ("study", "--multirun study.n_repeats=1,2", "one value expected: each run would replace the files"),
        ("gallery", "gallery.clip_id=5", "gallery.clip_id: a valid string expected, 5 found"),
        ("gallery", "--multirun dataset=synthetic,folder", "one value expected: each run would replace the files"),
        ("gallery", "compute.n_jobs=2", "compute.n_jobs=2 changes nothing here"),
        ("download", "source=null", "source: a valid string expected, None found"),
        ("download", "dataset=synthetic,folder", "add --multirun"),
        (
            "evaluate",
            "compute=dask",
            "compute=dask changes nothing here, for this stage reads dataset, seed, study.cell, ",
        ),
        ("report", "classifier=knn", "classifier=knn changes nothing here"),
        ("track", "compute.n_jobs=2", "compute.n_jobs=2 changes nothing here"),
    ],
)
def test_wrong_words_of_another_stage_are_one_line(start: Start, stage: str, words: str, message: str) -> None:
    assert message in refuse(start, stage, *words.split())


@pytest.mark.parametrize(
    ("stage", "word", "reason"),
    [
        ("extract", "family.gfcc.n_gfcc=10", "nothing in params.yaml reads it"),
        ("extract", "~family.gfcc.n_gfcc", "nothing in params.yaml reads it"),
        ("extract", "sequences.n_averaged=4", "nothing in params.yaml reads it"),
        ("gallery", "family.lpcc.order=3", "the figure lacks it"),
        ("download", "source=/nowhere", "dataset synthetic does not read it"),
    ],
)
def test_a_setting_that_other_settings_leave_unread_is_refused(
    start: Start, stage: str, word: str, reason: str
) -> None:
    line = refuse(start, stage, word, whole=True)
    assert line == f"regenre: {stage}: {word} changes nothing here: {reason}; leave it out"
