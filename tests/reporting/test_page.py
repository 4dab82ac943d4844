"""The page as text, and in a browser: on a wide screen, on a phone, in the dark scheme, by keyboard, by ear."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from axe_core_python.selenium import Axe
from helpers import make_stress, noise
from selenium.webdriver import Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.by import By

from regenre.common import tables
from regenre.common.paths import CellName
from regenre.evaluation import grid, metrics
from regenre.evaluation.comparison import Hits
from regenre.quality.preview import make_preview
from regenre.reporting import page

GENRES = ["blues & co", "<rock>", "pop"]
CELLS = [
    CellName(split, features, classifier)
    for split in ("stratified_kfold", "grouped_kfold")
    for features in ("mfcc", "gfcc")
    for classifier in ("svm", "knn")
]


PREVIEW = make_preview(noise(2.0), 22_050)


def make_map() -> pd.DataFrame:
    clip_ids, places = [f"clip {n:02d}" for n in range(60)], np.random.default_rng(0).normal(size=(60, 2))
    return pd.DataFrame({"clip_id": clip_ids, "genre": np.repeat(GENRES, 20), "x": places[:, 0], "y": places[:, 1]})


def make_predictions(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    actual = np.repeat(GENRES, 20)
    shares = rng.dirichlet(np.ones(3), 60) + 0.5 * (actual[:, None] == np.array(GENRES))
    table = pd.DataFrame({"clip_id": [f"clip {n:02d}" for n in range(60)], "fold": 0, "actual": actual})
    table = table.assign(group=[f"g{n // 4}" for n in range(60)], predicted=np.array(GENRES)[shares.argmax(axis=1)])
    return table.assign(**{f"proba__{genre}": shares[:, n] / shares.sum(axis=1) for n, genre in enumerate(GENRES)})


def make_explanations() -> pd.DataFrame:
    """Return the table of one clip: two families, and the nearest clip."""
    parts = [("family", "mfcc", "", 0.5, 0.0), ("family", "gfcc", "", -0.1, 0.0), ("clip", "<near>", "pop", 1.5, 0.0)]
    table = pd.DataFrame(parts, columns=["part", "of", "of_genre", "value", "error"])
    facts = {"clip_id": "clip <2>", "genre": "pop", "predicted_genre": "<rock>", "proba": 0.8, "background": 0.4}
    return table.assign(**facts)


def make_reports() -> page.Reports:
    predictions = {cell: make_predictions(seed) for seed, cell in enumerate(CELLS)}
    hits = {cell: Hits.count(rows, [40]) for cell, rows in predictions.items()}
    keys = {cell: {"dataset": "test", **cell.columns} for cell in CELLS}
    comparisons = grid.compare_cells(hits, 0)
    summary = pd.DataFrame([{**keys[cell], **metrics.score(rows, 0).cell} for cell, rows in predictions.items()])
    summary["pretrained_on"] = ""
    points = {"n_train": [10.0, 20, 40], "accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6}
    return page.Reports(
        summary=summary.merge(comparisons[[*CellName.COLUMNS, "indistinguishable"]], on=list(CellName.COLUMNS)),
        per_genre=pd.concat([metrics.score(rows, 0).genres.assign(**keys[cell]) for cell, rows in predictions.items()]),
        leak=grid.measure_leaks(hits, 0),
        audit=pd.DataFrame([("clip 01", "dc", "", 0.1)], columns=["clip_id", "finding", "related_clip_id", "score"]),
        suspects=pd.DataFrame(
            [("clip 02", "pop", "<rock>", 0.1, 0.8, True)],
            columns=["clip_id", "genre", "suspected_genre", "proba_genre", "proba_suspected", "confident"],
        ),
        importance=pd.DataFrame(
            [("mfcc", 40, 0.2, 0.1, 0.3)], columns=["of", "n_columns", "loss", "loss_low", "loss_high"]
        ),
        explanations=make_explanations(),
        learning_curve=pd.DataFrame(points).assign(measured=[True, True, False]),
        map=make_map(),
        stress=make_stress(CELLS[4]),
        study=grid.Study("grouped_kfold-mfcc-svm", "Is more data needed? Yes.", "The two directions of PCA."),
        studied=predictions[CELLS[4]],
        expected=0.5,
        predictions={cell: rows for cell, rows in predictions.items() if cell.split == "grouped_kfold"},
        previews={f"clip {n:02d}": PREVIEW for n in range(50)},
        sounds=True,
        published=page.Published("fault_filtered", {"them": {"MFCC": 0.448}}),
        configuration='{"seed": 1}',
    )


def test_the_answers_are_explained_if_they_are_wanted() -> None:
    reports = make_reports()
    html = page.render_page(reports)
    assert '<a href="#why">why</a>' in html
    answer = "classified as &lt;rock&gt; with probability 0.800 (0.400 on average over training clips)"
    assert f"<summary>clip &lt;2&gt;: pop, {answer}</summary>" in html
    assert [value in html for value in ("+0.500", "-0.100", "&lt;near&gt;</th><td>pop</td>")] == [True] * 3
    html = page.render_page(replace(reports, explanations=reports.explanations.iloc[:0]))
    assert 'id="why"' not in html
    assert 'href="#why"' not in html


def test_answers_that_are_all_right_have_no_mistakes_to_show() -> None:
    reports = make_reports()
    predictions = {cell: rows.assign(predicted=rows["actual"]) for cell, rows in reports.predictions.items()}
    studied = reports.studied.assign(predicted=reports.studied["actual"])
    html = page.render_page(replace(reports, predictions=predictions, studied=studied))
    assert "mistake" not in html[html.index('id="confusions"') : html.index('id="more-data"')].partition("</p>")[2]


def test_the_leaderboard_marks_cells_of_networks_if_there_are_any() -> None:
    reports = make_reports()
    assert "pre-trained" not in page.render_page(reports)
    networks = ["net: songs of <others>" if cell.features == "gfcc" else "" for cell in CELLS]
    text = page.render_page(replace(reports, summary=reports.summary.assign(pretrained_on=networks)))
    assert '<button type="button">pre-trained</button>' in text
    assert (text.count("<td>yes</td></tr>"), text.count("<td>no</td></tr>")) == (4, 4)
    assert text.count("(net: songs of &lt;others&gt;). Artists that the folds keep apart may have met there") == 1


def test_the_same_reports_yield_the_same_page_that_needs_no_network() -> None:
    text = page.render_page(make_reports())
    assert text == page.render_page(make_reports())
    assert "<rock>" not in text
    assert "&lt;rock&gt;" in text
    for reference in ('src="http', 'href="http', "url(http", "@import", "<link"):
        assert reference not in text


def test_the_page_says_which_results_are_empty(tmp_path: Path) -> None:
    """These are the reports of a table without audio, in a grid of one split whose best cell reads frames."""
    full = make_reports()
    empty = {}
    for name in ("audit", "suspects", "importance", "leak", "stress", "explanations"):
        tables.write_csv(tmp_path / f"{name}.csv", getattr(full, name).iloc[:0])
        empty[name] = tables.read_report(tmp_path / f"{name}.csv")
    never_wrong = full.studied.assign(predicted=full.studied["actual"])
    assert page.choose_clips({**empty, "map": make_map()}, never_wrong, sounds=False) == []
    one = full.summary[full.summary["split"] == "grouped_kfold"]
    genres = full.per_genre[full.per_genre["split"] == "grouped_kfold"]
    without = replace(full, **empty, summary=one, per_genre=genres, previews={}, map=make_map().iloc[:0])
    text = page.render_page(without)
    for message in ("The audit found nothing.", "The grid has one split", "reads frames. Importance is"):
        assert message in text
    assert "<canvas" not in text
    assert "licence" not in text
    assert 'id="stress"' in page.render_page(full)
    assert "stress" not in text


def choose(audit: pd.DataFrame, suspects: list[str], sounds: bool) -> list[str]:
    nearest = pd.DataFrame({"part": ["family", "clip"], "of": ["mfcc", "near"]})
    shown = {"audit": audit, "suspects": pd.DataFrame({"clip_id": suspects})}
    by_table = {**shown, "map": make_map(), "explanations": nearest}
    return page.choose_clips(by_table, make_predictions(0), sounds)


def test_the_clips_to_hear_are_the_hardest_confusion_the_surest_mistakes_suspects_and_the_worst_findings() -> None:
    audit = pd.DataFrame(
        [("a", "dc", 0.1), ("b", "dc", -0.5), ("c", "dc", 0.2), ("d", "silent", np.nan)],
        columns=["clip_id", "finding", "score"],
    )
    rows = make_predictions(0)
    wrong = rows[rows["actual"] != rows["predicted"]].assign(proba=lambda t: t.filter(like="proba__").max(axis=1))
    surest = wrong.sort_values("proba", ascending=False)["clip_id"].tolist()
    sizes = wrong.groupby(["actual", "predicted"]).size()
    actual, predicted = sizes.idxmax()
    hardest = wrong[(wrong["actual"] == actual) & (wrong["predicted"] == predicted)]["clip_id"]
    of_pair = [clip for clip in surest if clip in set(hardest)][:3]
    shown = choose(audit, ["x", "a"], sounds=False)
    assert shown == [*[*of_pair, *(clip for clip in surest if clip not in of_pair)][:6], "x", "a", "b", "c"]
    heard = choose(audit, ["x", "a"], sounds=True)
    assert heard[:10] == shown
    assert heard[10] == "near"
    assert set(heard[11 : 11 + len(surest) - 6]) == set(surest) - set(heard[:6])  # then the other mistakes
    assert set(heard) == {*make_map()["clip_id"], "x", "a", "b", "c", "near"}


def test_sounds_can_be_left_out_and_the_page_says_who_judges_the_licence() -> None:
    reports = make_reports()
    text, silent = page.render_page(reports), page.render_page(replace(reports, sounds=False))
    for html in (text, silent):
        assert "licence of the recordings" in html.replace("\n", " ")
    assert "data:audio/mpeg" in text
    for sound in ("<audio", "data:audio/mpeg;base64,", '"sounds": {"'):
        assert sound not in silent.replace(text[text.index("<script>\nfor") :], "")
    assert '"sounds": {}' in silent


def test_the_page_of_very_many_clips_is_small_and_says_what_it_cuts() -> None:
    n = 100_000
    full, clip_ids = make_reports(), [f"clip {number:06d}" for number in range(n)]
    places = np.random.default_rng(0).normal(size=(n, 2))
    rows = pd.concat([full.studied] * (n // 60 + 1), ignore_index=True).iloc[:n].assign(clip_id=clip_ids)
    reports = replace(
        full,
        map=pd.DataFrame({"clip_id": clip_ids, "genre": rows["actual"], "x": places[:, 0], "y": places[:, 1]}),
        studied=rows,
        predictions=dict.fromkeys(full.predictions, rows),
        audit=pd.DataFrame({"clip_id": clip_ids, "finding": "dc", "related_clip_id": "", "score": 0.1}),
        previews={},
        sounds=False,
    )
    text = page.render_page(reports)
    assert len(text.encode()) < 5e6
    assert "10000 of 100000, evenly chosen, clips" in text
    assert "100000 findings (reports/audit.csv; here the first 200)" in text


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page.render_page(make_reports()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        if os.environ.get("CI"):
            pytest.fail("no chromium and chromedriver, but CI has to have them (.ci/run installs them)")
        pytest.skip("no chromium and chromedriver: apt-get install chromium chromium-driver")
    options = ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", "autoplay-policy=no-user-gesture-required",
        f"user-data-dir={tmp_path_factory.mktemp('browser')}",
    ):  # fmt: skip
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options, ChromeService(driver)) as browser:
        browser.set_script_timeout(300)  # a busy machine plays sounds late
        yield browser


def open_page(browser: Chrome, address: str, width: int = 1280, scheme: str = "light") -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(address)


def read_column(browser: Chrome, number: int) -> list[float]:
    """Return a column of the open leaderboard."""
    rows = browser.find_elements(By.CSS_SELECTOR, "#leaderboard ~ .wide table")[0].find_elements(
        By.CSS_SELECTOR, "tbody tr"
    )
    return [float(row.find_elements(By.CSS_SELECTOR, "td,th")[number].get_attribute("data-v")) for row in rows]


def test_a_heading_sorts_by_keyboard_and_announces_the_order(browser: Chrome, address: str) -> None:
    open_page(browser, address)
    head = browser.find_element(By.XPATH, "//th[button='log loss']")
    button = head.find_element(By.TAG_NAME, "button")
    button.send_keys(Keys.ENTER)
    assert head.get_attribute("aria-sort") == "descending"
    assert read_column(browser, 9) == sorted(read_column(browser, 9), reverse=True)
    button.send_keys(Keys.SPACE)
    assert head.get_attribute("aria-sort") == "ascending"
    assert read_column(browser, 9) == sorted(read_column(browser, 9))
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_is_no_wider_than_the_screen(browser: Chrome, address: str, width: int) -> None:
    open_page(browser, address, width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_in_either_scheme(browser: Chrome, address: str, scheme: str) -> None:
    """Contrast of at least 4.5 (WCAG 2.2, 1.4.3), also on the darkest cell of a heat map and in figures."""
    open_page(browser, address, scheme=scheme)
    contrasts = browser.execute_script(
        """
        const rgb = text => text.match(/[\\d.]+/g).map(Number);
        const over = (low, [r, g, b, a]) => low.map((v, i) => v * (1 - a) + [r, g, b][i] * a);
        const under = element => { for (let at = element, left = []; ; at = at.parentElement) {
          const [r, g, b, a = 1] = at ? rgb(getComputedStyle(at).backgroundColor) : [255, 255, 255, 1];
          left.push([r, g, b, a]);
          if (a === 1) return left.reverse().reduce(over, [0, 0, 0]); } };
        const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
        const light = c => c.slice(0, 3).reduce((sum, v, i) => sum + linear(v / 255) * [.2126, .7152, .0722][i], 0);
        return [...document.querySelectorAll("p, td, th, button, small, summary, a, pre, svg text")].map(e => {
          const [x, y] = [light(rgb(getComputedStyle(e)[e.closest("svg") ? "fill" : "color"])), light(under(e))];
          return [(Math.max(x, y) + .05) / (Math.min(x, y) + .05), e.tagName + ": " + e.textContent.slice(0, 30)]; });
        """
    )
    assert len(contrasts) > 200
    assert min(contrasts)[0] >= 4.5, min(contrasts)


def test_a_screen_reader_can_read_the_page(browser: Chrome, address: str) -> None:
    open_page(browser, address)
    evaluate = browser.execute_script
    assert evaluate("return document.documentElement.lang") == "en"
    assert evaluate("return document.querySelectorAll('h1').length") == 1
    assert evaluate("return document.querySelectorAll('table:not(:has(caption))').length") == 0
    assert evaluate("return document.querySelectorAll('thead th:not([scope])').length") == 0
    assert evaluate("return document.querySelectorAll('img:not([alt]), svg:not([aria-hidden])').length") == 0
    ids = evaluate("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    targets = evaluate(
        "return [...document.querySelectorAll('a[href^=\"#\"]')].map(e => e.getAttribute('href').slice(1))"
    )
    assert set(targets) <= set(ids)
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the results"


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_axe_finds_no_violation(browser: Chrome, address: str, width: int, scheme: str) -> None:
    open_page(browser, address, width, scheme)
    browser.execute_script("document.querySelectorAll('details').forEach(e => e.open = true)")
    violations = Axe().run(browser)["violations"]
    assert [(rule["id"], [node["html"][:200] for node in rule["nodes"][:3]]) for rule in violations] == []


WAIT_FOR_SOUND = """
    const [find, done] = arguments, audio = document.querySelector(find);
    const end = text => done(text);
    audio.addEventListener("error", () => end("error"));
    audio.addEventListener("timeupdate", () => audio.currentTime > 0 && end("played"));
    """


def test_a_sound_plays(browser: Chrome, address: str) -> None:
    open_page(browser, address)
    assert browser.execute_async_script(WAIT_FOR_SOUND + "audio.play().catch(end);", "audio[data-clip]") == "played"


def read_name(browser: Chrome) -> str:
    return browser.find_element(By.ID, "named").text


def test_a_click_on_the_map_names_the_clip_and_plays_it(browser: Chrome, address: str) -> None:
    open_page(browser, address)
    click = """
        const data = JSON.parse(document.getElementById("map-data").textContent);
        const chart = document.getElementById("chart"), {x, y} = chart.getBoundingClientRect();
        const sizes = [chart.clientWidth, chart.clientHeight];
        const at = [data.x[i], 1000 - data.y[i]].map((v, k) => 14 + v / 1000 * (sizes[k] - 28));
        chart.dispatchEvent(new MouseEvent("click", {clientX: x + at[0], clientY: y + at[1], bubbles: true}));
        """
    played = browser.execute_async_script(WAIT_FOR_SOUND + "const i = 20;" + click, "#player")
    assert played == "played"
    assert read_name(browser).startswith("clip 20: <rock>, predicted ")
    browser.execute_script("const i = 55;" + click)
    assert read_name(browser).endswith("(no sound on this page)")
    assert browser.get_log("browser") == []


def test_the_map_shows_genres_mistakes_and_groups_on_demand_and_its_table_does_the_same_by_keyboard(
    browser: Chrome, address: str
) -> None:
    open_page(browser, address)
    chart = browser.find_element(By.ID, "chart")
    browser.find_element(By.CSS_SELECTOR, "#points summary").send_keys(Keys.ENTER)

    def wait_for_change(action: str) -> tuple[bool, int]:
        """Return whether the picture changes, and the number of rows below it."""
        before = browser.execute_script("return arguments[0].toDataURL()", chart)
        browser.execute_script(action)
        after = browser.execute_async_script(
            "const [chart, done] = arguments; requestAnimationFrame(() => requestAnimationFrame("
            "() => done(chart.toDataURL())));", chart,
        )  # fmt: skip
        return before != after, len(browser.find_elements(By.CSS_SELECTOR, "#points tbody tr"))

    rows = make_reports().studied
    n_wrong = int(((rows["actual"] != rows["predicted"]) & (rows["actual"] == "pop")).sum())
    assert wait_for_change("") == (False, 60)
    assert wait_for_change(
        "document.getElementById('join').value = 'all'; join.dispatchEvent(new Event('change'))"
    ) == (True, 60)
    assert wait_for_change("document.querySelector('[data-genre=\"2\"]').click()") == (True, 20)
    assert wait_for_change("document.getElementById('mistakes').click()") == (True, n_wrong)
    button = browser.find_element(By.CSS_SELECTOR, "#points tbody button")
    button.send_keys(Keys.ENTER)
    assert read_name(browser).startswith(f"{button.text}: pop, predicted ")
