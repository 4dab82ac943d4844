import re

import pytest
from projects import Project

pytestmark = pytest.mark.slow


def test_the_page_needs_no_network(project: Project) -> None:
    page = (project.folder / "reports/index.html").read_text()
    assert "Is more data needed?" in page
    assert "http" not in re.sub(r"http://www.w3.org/\S+|https://doi\S+", "", page)


def test_a_missing_report_is_one_line(project: Project) -> None:
    (project.folder / "reports/leak.csv").unlink()
    output = project.run_stage("report", ok=False)
    assert "leak.csv is missing; run `dvc repro` first" in output
    assert len(output.strip().splitlines()) == 1
