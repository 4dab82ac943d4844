"""Sides of a comparison, and what is printed; the numbers are tested in evaluation/test_pair.py."""

import io
import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from helpers import ROOT

from regenre.cli.main import _SIDES, main
from regenre.common import tables
from regenre.common.paths import CellName

A, B = (CellName("grouped_kfold", "mfcc", classifier) for classifier in ("knn", "lda"))


def write_project(root: Path, hits: dict[CellName, str]) -> None:
    """Write the files of a project whose cells are right in the clips with an x, which all have the genre x."""
    rows = []
    for name, predicted in hits.items():
        folder = root / f"data/cells/d/{name}"
        folder.mkdir(parents=True)
        (folder / "cell.json").write_text("{}")
        table = pd.DataFrame({"clip_id": [f"=c{n}" for n in range(len(predicted))], "fold": 0, "actual": "x"})
        table = table.assign(group=table["clip_id"], predicted=list(predicted), proba__x=0.5, proba__y=0.5)
        tables.write_predictions(folder / "predictions.csv", table[[*tables.PREDICTIONS, "proba__x", "proba__y"]])
        rows.append({"dataset": "d", **name.columns, "accuracy": predicted.count("x") / len(predicted)})
    tables.write_csv(root / "reports/summary.csv", pd.DataFrame(rows))
    (root / "conf").symlink_to(ROOT / "conf")
    (root / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (root / ".regenre").touch()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project of two cells, as the working directory, beside another project with one clip more."""
    root = tmp_path / "here"
    write_project(root, {A: "xxyyyy", B: "xxxxyy"})
    (root / "old.html").touch()
    write_project(tmp_path / "there", {A: "yyyyyyx", B: "xyyyyyx"})
    (root / "data.html").mkdir()
    for name in ("no:rows", "none", "twice"):
        write_project(tmp_path / name, {A: "xy"})
    (summary,) = tmp_path.glob("no:rows/reports/summary.csv")
    (none,), (twice,) = (tmp_path.glob(f"{name}/data/cells/d/*/predictions.csv") for name in ("none", "twice"))
    for path, lines in ((summary, slice(1)), (none, slice(1)), (twice, [0, 1, 1])):
        rows = path.read_text().splitlines(keepends=True)
        path.write_text("".join(rows[lines] if isinstance(lines, slice) else [rows[n] for n in lines]))
    monkeypatch.delenv("REGENRE_ROOT", raising=False)
    monkeypatch.chdir(root)
    return root


def compare(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    main(["compare", *arguments, "--json"])
    return json.loads(capsys.readouterr().out)


def test_two_cells_of_the_project_are_compared(here: Path, capsys) -> None:
    found = compare(capsys, str(A), str(B))
    assert (found["a"], found["b"]) == (str(A), str(B))
    assert (found["accuracy_a"], found["accuracy_b"]) == (round(2 / 6, 6), round(4 / 6, 6))
    assert compare(capsys, f"data/cells/d/{A}", str(B)) == found
    main(["compare", str(A), str(B)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"A: {A}", f"B: {B}"]
    assert lines[2].startswith("accuracy 0.333 -> 0.667: +0.333 (")
    assert lines[2].endswith(") on 6 clips of 6 groups, p 0.5 (sign-flip test over groups)")
    assert lines[-3:] == [
        "right in B alone: 2 clips; in A alone: 0",
        "  B: =c2 (x): y -> x",
        "  B: =c3 (x): y -> x",
    ]


def test_the_table_and_the_page_list_the_clips_that_changed_sides(here: Path, capsys) -> None:
    main(["compare", str(A), str(B), "--csv", "--out", "page.html"])
    printed = capsys.readouterr()
    table = pd.read_csv(io.StringIO(printed.out))
    assert table["clip_id"].tolist() == ["'=c2", "'=c3"]
    assert table["right"].tolist() == ["B", "B"]
    assert printed.err == "page.html\n"
    html = Path("page.html").read_text()
    assert "<h1>Accuracy of B less that of A: +0.333</h1>" in html
    assert '<th scope="row">=c3</th>' in html
    assert "http" not in html


def test_the_best_cell_of_another_project_or_the_one_that_is_named_is_compared(here: Path, capsys) -> None:
    found = compare(capsys, "../there", str(B))
    assert found["a"] == f"../there:{B}"
    assert (found["n_clips"], found["n_left_a"], found["n_left_b"]) == (6, 1, 0)
    assert found["accuracy_a"] == round(1 / 6, 6)
    named = compare(capsys, f"../there:{A}", str(B))
    assert (named["a"], named["accuracy_a"]) == (f"../there:{A}", 0)
    main(["compare", "../there", str(B)])
    assert "left out: 1 clips that only A tests" in capsys.readouterr().out


@pytest.mark.slow
def test_a_git_revision_is_compared_with_the_files_of_now(here: Path, capsys) -> None:
    (here / ".dvc").mkdir()
    (here / ".dvc/config").touch()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "before"]):
        subprocess.run([*git, *command], check=True)
    for path in here.glob("data/cells/*/*/predictions.csv"):
        path.write_text(path.read_text().replace(",y,0.5", ",x,0.5"))
    found = compare(capsys, "HEAD", str(A))
    assert (found["a"], found["accuracy_a"], found["accuracy_b"]) == (f"HEAD:{B}", round(4 / 6, 6), 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("nothing", str(B)),
            "'nothing': reports/summary.csv of this git revision or DVC experiment expected, none found (",
        ),
        (("", str(B)), "'': a cell, a project's folder, or a git revision or DVC experiment expected; name one"),
        (("../no:rows", str(B)), "../no:rows/reports/summary.csv: a row for each cell expected, none found"),
        (
            ("../none", str(B)),
            f"../none/data/cells/d/{A}/predictions.csv: one row for each tested clip expected, none or",
        ),
        (
            ("../twice", str(B)),
            f"../twice/data/cells/d/{A}/predictions.csv: one row for each tested clip expected, none or",
        ),
        ((str(A), str(B), "--out", "data.html", "--force"), "data.html: a file expected, a folder found there"),
        (("../there:x", str(B)), f"../there:x: one of its cells expected after the colon ({A}, {B}), 'x' found"),
        (("data", str(B)), "data: a cell's folder, or that of a project with results (reports/summary.csv), expected"),
        ((str(A), str(B), "--out", "a.png"), "--out: a name that ends in .html expected, a.png found"),
        ((str(A), str(B), "--out", "old.html"), "old.html: a new file expected, but it is there already"),
    ],
)
def test_a_wrong_side_is_one_line(here: Path, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["compare", *arguments])
    assert str(caught.value.code).startswith(f"regenre: {message}")
    assert "\n" not in str(caught.value.code)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_a_run_is_logged_once(here: Path, capsys, monkeypatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    main(["compare", str(A), str(B), "--mlflow"])
    uri = f"sqlite:///{here}/mlflow.db"
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"a run in {uri}; http://127.0.0.1:5000/#/experiments/")
    main(["compare", str(A), str(B), "--mlflow"])
    import mlflow

    client = mlflow.MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("synthetic").experiment_id])
    assert run.data.tags["kind"] == "comparison"
    assert run.data.metrics["difference"] == pytest.approx(1 / 3)


def test_bash_completes_cells_and_branches(here: Path) -> None:
    for command in (["init", "-qb", "trunk"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a",
                                               "--allow-empty"]):  # fmt: skip
        subprocess.run(["git", *command], check=True)
    words = subprocess.run(
        ["bash", "-c", f"{_SIDES}\n_regenre_sides g; _regenre_sides t"], capture_output=True, text=True, check=True
    )
    assert words.stdout.split() == [str(A), str(B), "trunk"]
