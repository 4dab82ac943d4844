import pytest
from projects import Project

pytestmark = pytest.mark.slow


def test_the_gallery_is_drawn_with_the_settings_of_the_leaves(project: Project) -> None:
    figure = project.folder / "reports/figures/gallery.png"
    before = figure.read_bytes()
    assert len(before) > 50_000
    project.edit("conf/family/mfcc.yaml", n_mfcc=10)
    project.run_stage("gallery")
    assert figure.read_bytes() != before


def test_a_clip_that_is_not_there_is_refused(project: Project) -> None:
    output = project.run_stage("gallery", "gallery.clip_id=x", ok=False)
    assert "gallery.clip_id: a usable clip of synthetic expected, e.g. arpeggio_bells.00000; 'x' found" in output
