import pytest
from omegaconf import OmegaConf
from projects import Project

pytestmark = pytest.mark.slow


def test_the_settings_of_the_grid_are_written_composed_and_nothing_else(project: Project) -> None:
    settings = OmegaConf.load(project.folder / "reports/settings.yaml")
    assert set(settings.classifier) == {"knn", "dummy"}
    assert set(settings.split) == {"grouped_kfold"}
    assert set(settings.family) == {"mfcc", "spectral_shape"}
    assert settings.features.mfcc == {"families": ["mfcc"], "columns": ["*"]}
    assert settings.split.grouped_kfold.seed == 20020  # of params.yaml
    assert settings.dataset.n_clips == 1
    assert settings.extract == {"reads": ["rows"], "splits": ["regenre.learning.splits.GroupedKFolds"]}
    assert not {"seed", "source", "compute", "trusted"} & set(settings)


def test_a_classifier_that_reads_frames_is_seen_by_extract(project: Project) -> None:
    project.edit("params.yaml", classifiers=["knn", "vote", "gmm"])
    assert "compose synthetic: 6 cells, 2 families" in project.run_stage("compose")
    settings = OmegaConf.load(project.folder / "reports/settings.yaml")
    assert settings.extract.reads == ["frames", "rows"]
    assert set(settings.classifier.vote.members) == {"svm_rbf", "extra_trees", "logistic_regression"}


def test_the_deformations_of_copies_are_seen_by_extract_and_those_of_stress_are_not(project: Project) -> None:
    project.edit("params.yaml", features=["mfcc", "mfcc_spectral_augmented"])
    project.run_stage("compose")
    settings = OmegaConf.load(project.folder / "reports/settings.yaml")
    assert settings.features.mfcc == {"families": ["mfcc"], "columns": ["*"]}
    augment = settings.features.mfcc_spectral_augmented.augment
    assert augment.copies == 3
    assert augment.deformations.tilt_6.gain_db == 6
    assert settings.deformation == {}
