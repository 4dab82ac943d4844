"""Names that strangers choose: one test per medium, then all media with the same ten classes."""

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import make_plan, make_stress, noise
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markupsafe import Markup
from matplotlib.figure import Figure

from regenre.common import tables
from regenre.common.paths import CellName
from regenre.evaluation import grid, metrics
from regenre.evaluation.comparison import Hits
from regenre.evaluation.grid import TestedCell
from regenre.inference.answers import Answer, make_rows
from regenre.learning.cells import Cell, Search
from regenre.quality.preview import make_preview
from regenre.reporting import model_card, page, plots, summary
from regenre.reporting.escaping import (
    LONGEST_METRIC,
    escape_figure,
    escape_markdown,
    escape_page,
    escape_sheet,
    escape_terminal,
    name_metric,
)

pytestmark = pytest.mark.slow

CLASSES = ["R&B", "Ba$$in", "01", "nan", "a|b", "<b>x", "=cmd()", "a\nb", "ü/ö", "${oc.env:HOME}"]
NASTY = [
    *CLASSES,
    "`x`",
    "*x*",
    "__x__",
    "[x](y)",
    "a\\",
    "\x1b[31mred\x1b[0m",
    "abc\u202efed",
    "1e2",
    "_x",
    "'x",
    "~~x~~",
]
names = st.text(st.characters(), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("R&B ü/ö", "R&B ü/ö"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("abc\u202efed", r"abc\u202efed"),
        ("no utf-8: \udcff", r"no utf-8: \udcff"),
    ],
)
def test_a_terminal_gets_no_control_character(text: str, shown: str) -> None:
    assert escape_terminal(text) == shown


@given(names)
def test_a_terminal_gets_one_printable_line(name: str) -> None:
    assert escape_terminal(name).isprintable()
    escape_terminal(name).encode()


@pytest.mark.parametrize("name", NASTY)
def test_markdown_shows_the_name_in_a_sentence_and_in_a_table(name: str) -> None:
    escaped = escape_markdown(name)
    html = MarkdownIt("gfm-like", {"linkify": False}).render(
        f"It is {escaped}.\n\n| a | b |\n|---|---|\n| {escaped} | 1 |\n"
    )
    sentence, cells = re.findall(r"<p>(.*?)</p>", html), re.findall(r"<td>(.*?)</td>", html)
    shown = str(Markup.escape(escape_terminal(name))).replace("&#39;", "'")
    assert sentence == [f"It is {shown}."]
    assert cells == [shown, "1"]


def test_markdown_of_an_ordinary_name_stays_readable() -> None:
    assert escape_markdown("grouped_kfold-svm_rbf") == "grouped_kfold-svm_rbf"


@pytest.mark.parametrize("name", NASTY)
def test_a_figure_shows_the_name(name: str) -> None:
    figure = Figure()
    text = figure.text(0.5, 0.5, escape_figure(name))
    figure.savefig(io.BytesIO(), format="png")
    drawn, is_math = text._preprocess_math(text.get_text())
    assert (drawn, is_math) == (escape_terminal(name), False)


def test_a_page_gets_one_line_and_keeps_its_own_markup() -> None:
    assert escape_page("a\nb") == r"a\nb"
    assert escape_page(Markup("<b>a\nb</b>")) == Markup("<b>a\nb</b>")
    assert escape_page(0.5) == 0.5


@given(st.lists(st.text("=+-@'\t\rab\n"), min_size=1))
def test_a_sheet_has_no_formula_and_reads_back(values: list[str]) -> None:
    sheet = escape_sheet(pd.DataFrame({"genre": values, "n": -1}))
    lines = [line for value in sheet["genre"] for line in re.split("[\r\n]", value)]
    assert not any(line.startswith(("=", "+", "-", "@", "\t")) for line in lines)
    assert [tables._restore_formula(value) for value in sheet["genre"]] == values
    assert (sheet["n"] == -1).all()


@given(names)
def test_a_metric_has_a_name_that_mlflow_takes_and_can_be_read_back(name: str) -> None:
    metric = name_metric(f"f1.{name}")
    assert re.fullmatch(r"[\w.\- :]+", metric)
    assert re.sub(":([0-9a-f]+):", lambda code: chr(int(code[1], 16)), metric) == f"f1.{name}"


def test_metrics_of_long_names_are_cut_and_do_not_collide() -> None:
    long = [name_metric(f"f1.{'x' * 255}{end}") for end in "ab"]
    assert [len(name) for name in long] == [LONGEST_METRIC] * 2
    assert long[0] != long[1]


@pytest.mark.parametrize(
    "values",
    [
        [*NASTY, "a\r=1", "a\n'@b", "true", "", "None", "-1", "NA"],
        ["01", "1e2"],
        ["true", "False"],
        ["nan", "NA"],
        ["", ""],
    ],
)
def test_a_report_reads_names_as_text_and_the_rest_as_numbers(tmp_path: Path, values: list[str]) -> None:
    table = pd.DataFrame({"clip_id": values, "genre": values, "of": values, "score": 0.5, "measured": True})
    table.loc[0, "score"] = None
    tables.write_csv(tmp_path / "a.csv", escape_sheet(table))
    read = tables.read_report(tmp_path / "a.csv")
    for column in ("clip_id", "genre", "of"):
        assert read[column].tolist() == values
    assert np.isnan(read["score"][0])
    assert (read["score"][1:] == 0.5).all()
    assert read["measured"].dtype == bool


def test_a_table_of_answers_has_no_formula() -> None:
    answer = Answer(("a", "b"), np.zeros(1), np.array([[0.25, 0.75]]))
    assert escape_sheet(make_rows("=cmd().wav", answer))["file"].tolist() == ["'=cmd().wav"]


class Texts(HTMLParser):
    """The texts of a page, and the names of its elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts, self.tags = [], set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def make_predictions(seed: int) -> pd.DataFrame:
    """Return predictions of 4 clips of each class, about half of them right; clips are called like their class."""
    rng, n = np.random.default_rng(seed), 4 * len(CLASSES)
    actual = np.repeat(CLASSES, 4)
    proba = rng.dirichlet(np.ones(len(CLASSES)), n) + 0.4 * (actual[:, None] == np.array(CLASSES))
    table = pd.DataFrame({"clip_id": [f"{genre}/{genre} {place % 4}" for place, genre in enumerate(actual)]})
    table = table.assign(group=table["clip_id"], fold=np.arange(n) % 4, actual=actual)
    table["predicted"] = np.array(CLASSES)[proba.argmax(axis=1)]
    return table.assign(
        **{tables.PROBA + genre: proba[:, place] / proba.sum(axis=1) for place, genre in enumerate(CLASSES)}
    )


@pytest.fixture(scope="module")
def cells(tmp_path_factory) -> dict[CellName, TestedCell]:
    """Return two cells, written and read."""
    folder, read = tmp_path_factory.mktemp("cells"), {}
    for seed, split in enumerate(("grouped_kfold", "stratified_kfold")):
        name = CellName(split, "mfcc", "knn")
        plan = make_plan(name=name, fitted_on=dict.fromkeys([*CLASSES, "=1|$$"], 4))
        cell = Cell(plan, "f00", [Search(None, {"n_neighbors": 5}, 0.5, [], [])], {})
        cell.write(folder / str(name), make_predictions(seed), b"model")
        read[name] = TestedCell.read(folder / str(name))
    return read


@pytest.fixture(scope="module")
def evaluation(cells: dict[CellName, TestedCell]) -> grid.Evaluation:
    clips = make_predictions(0)[["clip_id", "actual", "group"]].rename(columns={"actual": "genre"})
    return grid.evaluate("d", cells, clips.assign(status="ok", fault="", reason="", path=""), 0)


def test_cells_keep_the_names(cells: dict[CellName, TestedCell]) -> None:
    for tested in cells.values():
        assert tables.list_genres(tested.predictions) == CLASSES
        assert set(tested.predictions["actual"]) == set(CLASSES)
        assert set(tested.predictions["clip_id"]) == set(make_predictions(0)["clip_id"])


def test_cards_show_each_class_in_a_row_of_its_own(cells: dict[CellName, TestedCell], tmp_path: Path) -> None:
    tested = next(iter(cells.values()))
    scores = metrics.score(tested.predictions, 0)
    model_card.write_views(
        tested, scores, make_stress(tested.cell.plan.name), tmp_path / "card.md", tmp_path / "figure.svg"
    )
    assert {escape_terminal(genre) for genre in CLASSES} <= set(Texts((tmp_path / "figure.svg").read_text()).texts)
    html = MarkdownIt("gfm-like", {"linkify": False}).render((tmp_path / "card.md").read_text())
    shown = [str(Markup.escape(escape_terminal(genre))) for genre in CLASSES]
    genres, origin = re.findall(r"<tbody>(.*?)</tbody>", html, re.DOTALL)
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", genres, re.DOTALL)]
    assert {row[0] for row in rows} == set(shown)
    assert {len(row) for row in rows} == {6}
    (sentence,) = re.findall(r"<p>Tells 11 genres of a clip of about 30 s: (.*)\.</p>", html)
    assert sorted(sentence.split(", ")) == sorted([*shown, "=1|$$"])
    assert "one group: =1|$$." in html
    assert "n_neighbors = 5" in origin


def make_explanations(clip_id: str, genres: list[str]) -> pd.DataFrame:
    """Return the table of one clip whose nearest clips have these genres."""
    table = pd.DataFrame({"of": clip_id, "of_genre": genres, "part": "clip", "value": 0.5, "error": 0.0})
    return table.assign(clip_id=clip_id, genre=genres[0], predicted_genre=genres[1], proba=0.8, background=0.4)


def test_summaries_and_pages_show_the_names(cells, evaluation: grid.Evaluation, tmp_path: Path) -> None:
    stress = make_stress(next(iter(cells)))
    assert summary.render_summary(
        evaluation.summary, evaluation.leak, stress, evaluation.excluded, 0.5, grid.find_texts(cells.values())
    ).isascii()
    own = {name: getattr(evaluation, name) for name in ("summary", "per_genre", "leak", "suspects")}
    read = {}
    for name, table in (own | {"stress": stress}).items():
        tables.write_csv(tmp_path / f"{name}.csv", escape_sheet(table))
        read[name] = tables.read_report(tmp_path / f"{name}.csv", page.TABLES[name])
    assert set(read["per_genre"]["genre"]) == set(CLASSES)
    assert set(read["suspects"]["genre"]) <= set(CLASSES)
    assert read["stress"]["worst_genre"].tolist() == ["", "", "<b>x", "=cmd()", "<b>x"]
    assert "a\nb/a\nb 0" in set(make_predictions(0)["clip_id"])
    points = pd.DataFrame({"n_train": [10.0, 20], "accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6})
    clip_id = "a\nb/<b>x\u202e"
    html = page.render_page(
        page.Reports(
            **read,
            audit=pd.DataFrame([(clip_id, "dc", "${x}|", 0.1)], columns=page.TABLES["audit"]),
            importance=pd.DataFrame([("$$", 1, 0.2, 0.1, 0.3)], columns=page.TABLES["importance"]),
            explanations=make_explanations(clip_id, CLASSES),
            learning_curve=points.assign(measured=[True, False]),
            map=pd.DataFrame([(clip_id, CLASSES[0], 0.0, 1.0)], columns=page.TABLES["map"]),
            study=grid.Study("c", "No.", "PCA."),
            studied=next(iter(cells.values())).predictions,
            expected=grid.estimate_best({cell: Hits.count(tested.predictions) for cell, tested in cells.items()}, 0),
            predictions={cell: tested.predictions for cell, tested in cells.items()},
            previews={clip_id: make_preview(noise(1.0), 22_050)},
            sounds=True,
            published=page.Published("fault_filtered", {"them": {"MFCC": 0.448}}),
            configuration='{\n "a": "<b>x"\n}',
        )
    )
    parsed = Texts(html)
    assert "b" not in parsed.tags
    for genre in CLASSES:
        assert escape_terminal(genre) in parsed.texts  # cells of tables
        assert any(
            escape_terminal(genre) == text.strip()
            for text in Texts(re.sub("<table.*?</table>", "", html, flags=re.DOTALL)).texts
        )
    assert r"a\nb/<b>x\u202e" in parsed.texts
    assert '{\n "a": "<b>x"\n}' in parsed.texts
    assert "\u202e" not in html


def test_figures_show_classes_that_look_like_mathtext_or_like_an_svg() -> None:
    genres = ["Ba$$in", "$x", "_x", ' id="x', "#0b0b0c"]
    per_genre = pd.DataFrame({"split": "s", "genre": genres, "f1": 0.5})
    svg = plots.render_svg("name", lambda: plots.draw_genre_f1(per_genre, "$$ title $$"))
    shown = Texts(svg).texts
    assert {*genres, "$$ title $$"} <= {text if text in genres else text.strip() for text in shown}
    proba = np.full((3, 5), 0.2)
    timeline = plots.render_svg("name", lambda: plots.draw_timeline(np.arange(3.0), proba, genres, "=a$$.wav"))
    assert {"_x", "Ba$$in", "others", "=a$$.wav"} <= {text.strip() for text in Texts(timeline).texts}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("folder", ["100%20 what?", "C# ü'ö"])
def test_mlflow_keeps_each_class_in_the_store_of_a_folder_of_any_name(
    cells: dict[CellName, TestedCell], evaluation: grid.Evaluation, folder: str, tmp_path: Path, monkeypatch
) -> None:
    from mlflow import MlflowClient

    from regenre.reporting import tracking

    root = tmp_path / folder
    root.mkdir()
    (root / ".regenre").touch()
    monkeypatch.chdir(root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("REGENRE_ROOT", raising=False)
    name, tested = next(iter(cells.items()))
    tested.cell.write(root / str(name), tested.predictions, b"model")
    model_card.write_views(
        tested, metrics.score(tested.predictions, 0), make_stress(name), root / "card.md", root / "figure.svg"
    )
    reports = tracking.Tables(evaluation.summary, evaluation.per_genre, evaluation.leak, make_stress(name))
    run = tracking.describe_cell(tested, root / str(name), reports, root / "figure.svg", root / "card.md", 0, "grid")
    n_logged, uri, _ = tracking.log_runs("d", [run])
    assert (n_logged, tracking.log_runs("d", [run])[0]) == (1, 0)
    assert (root / "mlflow.db").is_file()
    client = MlflowClient(uri)
    (logged,) = client.search_runs([client.get_experiment_by_name("d").experiment_id])
    table = client.load_table(logged.info.experiment_id, "per_genre.json", [logged.info.run_id])
    assert set(table["genre"]) == set(CLASSES)
