import pandas as pd
import pytest
from projects import Project

pytestmark = pytest.mark.slow


def test_the_reports_are_there(project: Project) -> None:
    reports = project.folder / "reports"
    summary = pd.read_csv(reports / "summary.csv")
    assert len(summary) == 4
    assert list(summary.columns[:5]) == ["dataset", "split", "features", "classifier", "n_clips"]
    assert (summary["n_clips"] == 42).all()
    excluded = pd.read_csv(reports / "excluded.csv")
    assert sorted(excluded["fault"]) == ["silent", "truncated", "unreadable"]
    for name in ("accuracy.png", "per_genre_f1.png", "confusion/grouped_kfold-mfcc-knn.svg"):
        assert (reports / "figures" / name).stat().st_size > 5000


def test_every_cell_has_a_card(project: Project) -> None:
    for cell in (project.folder / "data/cells/synthetic").iterdir():
        card = (project.folder / f"reports/cards/{cell.name}.md").read_text()
        assert card.startswith(f"# {cell.name}, of synthetic\n")
        assert "95 % intervals" in card


def test_a_missing_cell_is_one_line(project: Project) -> None:
    (project.folder / "data/cells/synthetic/grouped_kfold-mfcc-knn/cell.json").unlink()
    output = project.run_stage("evaluate", ok=False)
    assert "grouped_kfold-mfcc-knn/cell.json is missing; run `dvc repro` first" in output
    assert len(output.strip().splitlines()) == 1
