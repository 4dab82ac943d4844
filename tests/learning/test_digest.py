"""What decides a cell: exactly what its tasks hold and what these import."""

import hashlib
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest
from helpers import blobs, skip_without_keras
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from regenre.learning import digest, splits
from regenre.learning.classifiers.cnn import Cnn
from regenre.learning.classifiers.hmm import Hmm
from regenre.learning.estimator import Learner
from regenre.learning.tasks import Task, Values
from regenre.learning.words import Words

KNN = Learner(KNeighborsClassifier(), True, {"n_neighbors": [5, 1]})
WORDS = Words(0, 1, 2, (), (64.0,))


def make_task(learner: Learner = KNN, words: Words | None = None, seed: int = 1) -> Task:
    X, clips = blobs()
    genre, group = (clips[column].to_numpy(dtype=object) for column in ("genre", "group"))
    fold = splits.GroupedKFolds(2, seed).deal(clips)[0]
    values = Values(X.astype(object) if words else X, words=words)
    return Task("cell", learner, values, genre, group, fold, splits.deal_inner(clips, fold, 2, 1), "accuracy")


def list_code(task: Task) -> set[str]:
    modules = {kind.__module__ for kind in digest._list_types(task)}
    return set(digest.find_code({name for name in modules if name.startswith("regenre.")}))


def test_the_code_of_a_cell_is_what_fits_it() -> None:
    code = list_code(make_task())
    assert {"regenre.learning.tasks", "regenre.learning.estimator", "regenre.learning.models"} <= code
    rooms = {name.split(".")[1] for name in code}
    assert not rooms & {"datasets", "quality", "features", "tabular", "evaluation", "reporting", "config", "stages"}
    assert "regenre.learning.words" not in code
    assert "regenre.learning.classifiers.hmm" not in code


def test_the_vectoriser_decides_cells_with_texts_alone() -> None:
    assert list_code(make_task(words=WORDS)) - list_code(make_task()) == {"regenre.learning.words"}


def test_a_classifier_decides_its_own_cells_alone() -> None:
    more = list_code(make_task(Learner(Hmm()))) - list_code(make_task())
    assert more == {"regenre.learning.classifiers." + name for name in ("hmm", "densities", "frame_classifier")}
    vote = Learner(members={"one": KNN, "other": Learner(Hmm())})
    assert more <= list_code(make_task(vote))


def test_the_libraries_of_a_cell_are_those_that_its_code_imports() -> None:
    without = digest.find_libraries(list_code(make_task()))
    assert {"numpy", "pandas", "scikit-learn", "skops", "threadpoolctl"} <= set(without)
    assert not {"mlflow", "hydra-core", "dvc", "hmmlearn", "librosa"} & set(without)
    assert "hmmlearn" in digest.find_libraries(list_code(make_task(Learner(Hmm()))))
    assert "scipy" in digest.find_libraries({"scipy.optimize"})
    assert {"scipy", "joblib"} <= set(digest.find_libraries({"sklearn.svm"}))  # which scikit-learn needs


def test_packages_belong_to_the_libraries_that_importlib_names() -> None:
    expected = packages_distributions()
    for package in ("PIL", "hmmlearn", "numpy", "six", "sklearn", "yaml"):
        assert digest._find_library(package) == min(expected[package])
    assert digest._find_library("lost") is None


def test_libraries_that_are_imported_late_count() -> None:
    skip_without_keras()
    libraries = digest.list_requirements(Learner(Cnn()))
    assert {"keras", "jax", "jaxlib"} <= set(libraries)
    assert not {"keras", "jax", "jaxlib"} & set(digest.list_requirements(Learner(Hmm())))


@pytest.mark.parametrize(
    "change",
    [
        lambda task: replace(task, values=Values(task.values.array + 1e-9)),
        lambda task: replace(task, genre=np.roll(task.genre, 1)),
        lambda task: replace(task, group=np.roll(task.group, 1)),
        lambda task: replace(task, fold=replace(task.fold, train=task.fold.train[1:])),
        lambda task: replace(task, inner=task.inner[1:]),
        lambda task: replace(task, values=Values(task.values.array, np.full(60, 1))),
    ],
)
def test_every_array_of_a_task_decides(change) -> None:
    task = make_task()
    assert digest._digest_arrays(make_task()) == digest._digest_arrays(task)
    assert digest._digest_arrays(change(task)) != digest._digest_arrays(task)


def test_requirements_are_what_fitted_a_classifier() -> None:
    needed = digest.list_requirements(Learner(SVC()))
    assert {"regenre", "numpy", "skops", "scikit-learn"} <= set(needed)
    assert not {"hmmlearn", "distributed", "mlflow"} & set(needed)
    assert "hmmlearn" in digest.list_requirements(Learner(Hmm()))


def test_a_package_of_the_users_own_counts_with_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_models").mkdir()
    (tmp_path / "own_models/__init__.py").write_text("")
    (tmp_path / "own_models/forest.py").write_text("hello")
    (tmp_path / "own_models/oak").mkdir()
    (tmp_path / "own_models/oak/forest.py").write_text("hello, too")
    (tmp_path / "own_model.py").write_text("hello")
    monkeypatch.syspath_prepend(tmp_path)
    sources = digest.find_own_sources({"own_models.forest", "own_model", "sklearn.svm", "regenre.audio", "json"})
    assert sources == {
        "own_model:own_model.py": "5d41402abc4b2a76b9719d911017c592",
        "own_models:__init__.py": "d41d8cd98f00b204e9800998ecf8427e",
        "own_models:forest.py": "5d41402abc4b2a76b9719d911017c592",
        "own_models:oak/forest.py": hashlib.md5(b"hello, too").hexdigest(),
    }
