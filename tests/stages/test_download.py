import pytest
from projects import Project

pytestmark = pytest.mark.slow


def test_the_clips_of_the_dataset_are_there(project: Project) -> None:
    raw = project.folder / "data/raw/synthetic"
    assert len(list(raw.glob("*/*.wav"))) == 45
    assert (raw / "clips.csv").is_file()


def test_a_wrong_name_in_params_stops_before_any_work(project: Project) -> None:
    project.edit("params.yaml", classifiers=["svm"])
    output = project.run_stage("download", ok=False)
    assert output.strip().startswith("regenre: params.yaml: classifiers: 'svm' is not in conf/classifier/; choose from")
    assert len(output.strip().splitlines()) == 1


def test_a_setting_of_the_dataset_is_read(project: Project) -> None:
    project.edit("params.yaml", classifiers=["knn"])
    output = project.run_stage("download", "dataset.n_clips=1", "dataset.n_artists=1")
    assert "download synthetic: 25 clips synthesised" in output
