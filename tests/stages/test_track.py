import pytest
from projects import Project

pytestmark = pytest.mark.slow


def test_tracking_again_makes_no_duplicate_and_a_lost_store_is_rebuilt(project: Project) -> None:
    (project.folder / "mlflow.db").unlink()  # that of the project that was copied
    assert "4 runs logged, 0 already there" in project.run_stage("track")
    assert "0 runs logged, 4 already there" in project.run_stage("track")


def test_a_setting_that_track_does_not_read_is_refused(project: Project) -> None:
    output = project.run_stage("track", "classifier=knn", ok=False)
    assert "track: classifier=knn changes nothing here, for this stage reads dataset, seed, compute;" in output
