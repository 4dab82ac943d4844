"""The documentation as a site: built strictly, the notebook executed, an entry for all of conf/."""

import html
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import nbformat
import numpy as np
import pytest
from helpers import BINS_HZ, ROOT, SR, frames_of, noise, silence, sine
from omegaconf import OmegaConf

from regenre.cli.main import main
from regenre.common import config
from regenre.learning.estimator import Learner

DOCS = ROOT / "docs"
DOCUMENTS = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("data/**/README.md")]
FAMILIES = sorted(path.stem for path in (ROOT / "conf/family").glob("*.yaml"))
UNHEARD = {"text", "external", "onnx"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does; a warning, such as a link that leads nowhere, is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = (sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder))
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_MKDOCS_2_WARNING": "1"}
    process = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr
    return folder


def read_text(page: str) -> str:
    """Return a page without its tags."""
    return re.sub(r"<[^>]+>", "", page)


def read_page(site: Path, name: str) -> str:
    return html.unescape((site / f"{name}.html").read_text())


@pytest.mark.slow
def test_make_docs_builds_as_the_test_does() -> None:
    assert "mkdocs build --strict" in (ROOT / "Makefile").read_text()
    assert "run: make docs" in (ROOT / ".github/workflows/test.yml").read_text()


@pytest.mark.slow
def test_every_family_has_a_page_with_its_formula_its_settings_and_a_picture(site: Path) -> None:
    for name in FAMILIES:
        page = read_page(site, f"reference/families/{name}")
        target = OmegaConf.load(ROOT / f"conf/family/{name}.yaml")["_target_"]
        module, _, kind = target.rpartition(".")
        docstring = getattr(import_module(module), kind).__doc__.splitlines()[0]
        text = read_text(page)
        assert docstring.replace("`", "").rstrip(".") in text, name
        assert f"_target_: {target}" in text, name
        assert (
            (f'src="{name}.png"' in page)
            == (site / f"reference/families/{name}.png").is_file()
            == (name not in UNHEARD)
        ), name
        assert f'href="families/{name}.html"' in read_page(site, "reference/features")


@pytest.mark.slow
def test_every_setting_has_an_entry(site: Path) -> None:
    for path in (ROOT / "conf").glob("*/*.yaml"):
        page = read_page(site, f"reference/settings/{path.parent.name}")
        assert f'id="{path.stem}"' in page, path
        assert path.read_text().splitlines()[0].removeprefix("# ") in read_text(page), path


@pytest.mark.slow
def test_every_command_has_its_help(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = read_page(site, "reference/commands")
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = re.findall(r"^    (\w+) +\S", capsys.readouterr().out, flags=re.MULTILINE)
    assert {"learn", "classify", "show"} <= set(commands)
    for name in commands:
        assert f"usage: regenre {name}" in page
    for stage in OmegaConf.load(ROOT / "dvc.yaml")["stages"]:
        assert f'id="regenre-{stage}"' in page


@pytest.mark.slow
def test_the_notebook_is_shown_with_its_results(site: Path) -> None:
    page = read_page(site, "notebook")
    cells = nbformat.read(DOCS / "notebook.ipynb", 4).cells
    for alt in (cell.metadata["alt"] for cell in cells if "alt" in cell.metadata):
        assert f'alt="{alt}"' in page
    assert page.count("<audio") == 3
    results = re.sub(r"<[^>]+>", " ", page)
    by_test = {
        test: float(re.search(rf"{test}\s+svm\s+([\d.]+)", results)[1])
        for test in ("pieces of 2 s at random", "clips at random", "artists kept apart")
    }
    assert by_test["artists kept apart"] + 0.15 < by_test["clips at random"] < by_test["pieces of 2 s at random"]


@pytest.mark.slow
def test_nothing_is_fetched_from_another_site(site: Path) -> None:
    for path in site.rglob("*.html"):
        tags = re.findall(r"<(?:script|link|img|audio|source|iframe)\b[^>]*>", path.read_text())
        assert not [tag for tag in tags if re.search(r"(?:src|href)=\"?(?:https?:)?//", tag)], path


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_of_the_repository(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\((?!https?:)([^)\s#]+)", text):
        place = (path.parent / target).resolve()
        assert place.exists() or not place.is_relative_to(ROOT), target  # ../../security/... is a page of GitHub


def test_the_notebook_is_committed_without_results() -> None:
    cells = [cell for cell in nbformat.read(DOCS / "notebook.ipynb", 4).cells if cell.cell_type == "code"]
    assert cells
    for cell in cells:
        assert (cell.outputs, cell.execution_count) == ([], None)


def read_block(name: str, language: str) -> str:
    """Return the first block of a document in a language."""
    return re.search(rf"```{language}\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)[1]


def test_the_family_of_the_guide_tells_bright_from_dark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brightness.py").write_text(read_block("howto/own_family.md", "python"))
    monkeypatch.syspath_prepend(tmp_path)
    settings = OmegaConf.create(read_block("howto/own_family.md", "yaml"))
    family = import_module("brightness").Brightness(above_hz=settings.above_hz)
    shares = {
        what: family(frames_of(y)).mean()
        for what, y in {"low": sine(440), "high": sine(5000), "white": noise(), "silent": silence()}.items()
    }
    assert shares["low"] < 0.01
    assert shares["high"] > 0.99
    assert shares["white"] == pytest.approx((BINS_HZ > 1500).mean(), abs=0.02)
    assert shares["silent"] == 0
    assert family(frames_of(noise())).shape == (1, 1 + SR // 512)


def test_the_classifier_of_the_guide_tells_classes_apart() -> None:
    leaf = OmegaConf.create(read_block("howto/own_classifier.md", "yaml").replace("<seed>", "0"))
    learner = config.build(leaf, "conf/classifier/ada_boost.yaml", Learner)
    X, y = np.repeat(np.eye(3), 20, axis=0), np.repeat(["a", "b", "c"], 20)
    assert (learner.estimator.fit(X, y).predict(X) == y).all()
    assert set(learner.search) <= set(learner.estimator.get_params())
