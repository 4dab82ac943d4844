import shutil

import pytest
from projects import Project

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("split=fault_filtered",), "fault_filtered needs all of GTZAN"),
        (("seed=abc",), "seed: a valid integer expected, 'abc' found"),
        (
            ("classifier=knn", "classifier.search.neighbours=[3]"),
            "classifier.search.neighbours is not set in the chosen leaf of conf/classifier/; to add it, put + before",
        ),
        (("classifier=knn", "+classifier.foo=1"), "conf/classifier/knn.yaml, or the command line: "),
        (("classifier=knn", "+classifier.search.neighbours=[3]"), "Invalid parameter 'neighbours'"),
        (("--multirun", "classifier=knn,svm"), "train: classifier: 'svm' is not in conf/classifier/"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_on_the_command_line_is_one_line(project: Project, overrides: tuple[str, ...], message: str) -> None:
    output = project.run_stage("train", *overrides, ok=False)
    assert message in output
    assert len(output.strip().splitlines()) == 1
    assert output.startswith("regenre: ")


def test_choices_on_the_command_line_make_a_cell_beside_the_grid(project: Project) -> None:
    before = project.digest_files()
    output = project.run_stage("train", "classifier=knn", "classifier.search.n_neighbors=[1]")
    cell = "grouped_kfold-mfcc-knn,classifier.search.n_neighbors=[1]"
    assert output.startswith(f"{cell}: accuracy")
    assert (project.folder / "data/sweeps/synthetic" / cell / "predictions.csv").is_file()
    output = project.run_stage("track")
    assert "1 runs logged, 4 already there" in output
    assert "# grouped_kfold-mfcc-knn" in (project.folder / "data/sweeps/synthetic" / cell / "card.md").read_text()
    shutil.rmtree(project.folder / "data/sweeps")
    assert project.digest_files() == before


def test_parameters_can_be_added_and_removed(project: Project) -> None:
    overrides = ("classifier=lda", "~classifier.search.shrinkage", "+classifier.search.tol=[1e-4,1e-3]")
    output = project.run_stage("train", *overrides)
    assert "1 cells fitted" in output
    shutil.rmtree(project.folder / "data/sweeps")


def test_several_choices_are_several_runs(project: Project) -> None:
    output = project.run_stage("train", "--multirun", "classifier=knn", "classifier.search.n_neighbors=[1],[3]")
    assert output.count("1 cells fitted") == 2
    shutil.rmtree(project.folder / "data/sweeps")
    shutil.rmtree(project.folder / "data/multirun")
