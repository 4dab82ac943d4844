"""An edit of the code re-runs what it can change, and nothing else."""

from pathlib import Path

import pandas as pd
import pytest
from projects import Project

pytestmark = pytest.mark.slow

TEXT = "grouped_kfold-mfcc_text-knn"


@pytest.fixture(scope="module")
def edited(project: Project) -> Project:
    """A project with a cell that reads texts; edits of these tests are comments unless they say otherwise."""
    clips = pd.read_parquet(project.folder / "data/index/synthetic.parquet")
    texts = [
        f"{'long ' * (number % 3)}words of {genre[:3]} {number % 5}" for number, genre in enumerate(clips["genre"])
    ]
    pd.DataFrame({"clip_id": clips["clip_id"], "text": texts}).to_csv(project.folder / "data/texts/a.csv", index=False)
    project.edit("params.yaml", features=["mfcc", "mfcc_text"], classifiers=["knn"])
    assert TEXT in project.repro()
    return project


def comment(project: Project, name: str) -> None:
    path = project.folder / "src/regenre" / name
    path.write_text(path.read_text() + "\n# edited\n")


def test_an_edit_of_the_page_reruns_report_alone(edited: Project) -> None:
    comment(edited, "reporting/page.py")
    assert edited.repro() == {"report"}


def test_another_page_is_tracked_too(edited: Project) -> None:
    edited.edit_source("reporting/templates/page.html", "<title>regenre", "<title>Another regenre")
    assert edited.repro() == {"report", "track"}


def test_an_edit_of_the_downloader_extracts_nothing(edited: Project) -> None:
    comment(edited, "datasets/download.py")
    assert edited.repro() == {"download", "index"}


def test_another_wording_of_the_model_card_fits_nothing(edited: Project) -> None:
    edited.edit_source("reporting/model_card.py", "## Limits", "## What it cannot do")
    assert edited.repro() == {"report", "track"}
    assert "## What it cannot do" in (edited.folder / f"reports/cards/{TEXT}.md").read_text()


def test_an_edit_of_the_vectoriser_fits_the_cells_with_texts_again(edited: Project) -> None:
    predictions = edited.folder / f"data/cells/synthetic/{TEXT}/predictions.csv"
    before = predictions.read_bytes()
    edited.edit_source("learning/words.py", "sublinear_tf=True", "sublinear_tf=False")
    assert edited.repro() == {"train", TEXT, "evaluate", "study", "stress", "report", "track"}
    assert predictions.read_bytes() != before


def test_an_edit_of_a_classifier_fits_no_cell_of_another(edited: Project) -> None:
    comment(edited, "learning/classifiers/hmm.py")
    assert edited.repro("train") == {"train"}


def test_an_edit_of_what_fits_every_cell_fits_every_cell(edited: Project) -> None:
    comment(edited, "learning/estimator.py")
    assert edited.repro("train") == {"train", TEXT, "grouped_kfold-mfcc-knn"}


def test_a_project_is_found_whatever_conf_lies_in_the_working_directory(edited: Project, tmp_path: Path) -> None:
    other = edited.folder / "notebooks"
    (other / "conf").mkdir(parents=True)
    (other / "conf/config.yaml").write_text("nothing: here\n")
    command = f"cd {other} && python -m regenre.stages.extract"
    assert "extract synthetic: 42 clips" in edited.run("sh", "-c", command)
