"""The page in a browser, as people meet it: wide, on a phone, in the dark, by keyboard."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import noise
from selenium.webdriver import Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.by import By

from regenre import metrics, page, report, tables
from regenre.comparison import Hits

GENRES = ["blues & co", "<rock>", "pop"]
CELLS = [(s, f, c) for s in ("stratified_kfold", "grouped_kfold") for f in ("mfcc", "gfcc") for c in ("svm", "knn")]


def predictions(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    actual = np.repeat(GENRES, 20)
    shares = rng.dirichlet(np.ones(3), 60) + 0.5 * (actual[:, None] == np.array(GENRES))
    table = pd.DataFrame({"clip_id": [f"clip {n:02d}" for n in range(60)], "fold": 0, "actual": actual})
    table = table.assign(group=[f"g{n // 4}" for n in range(60)], predicted=np.array(GENRES)[shares.argmax(axis=1)])
    return table.assign(**{f"proba__{genre}": shares[:, n] / shares.sum(axis=1) for n, genre in enumerate(GENRES)})


def reports() -> page.Reports:
    made = {parts: predictions(seed) for seed, parts in enumerate(CELLS)}
    hits = {parts: Hits.of(of, [40]) for parts, of in made.items()}
    keys = [{"dataset": "test", **dict(zip(report.PARTS, parts, strict=True))} for parts in CELLS]
    compared = report.comparisons(hits, 0)
    summary = pd.DataFrame([{**key, **metrics.score(of, 0)} for key, of in zip(keys, made.values(), strict=True)])
    points = {"n_train": [10.0, 20, 40], "accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6}
    return page.Reports(
        summary=summary.merge(compared[[*report.PARTS, "indistinguishable"]], on=list(report.PARTS)),
        per_genre=pd.concat(
            [metrics.score_genres(of, 0).assign(**k) for k, of in zip(keys, made.values(), strict=True)]
        ),
        leak=report.leaks(hits, 0),
        audit=pd.DataFrame([("clip 01", "dc", "", 0.1)], columns=["clip_id", "finding", "related_clip_id", "score"]),
        suspects=pd.DataFrame(
            [("clip 02", "pop", "<rock>", 0.1, 0.8, True)],
            columns=["clip_id", "genre", "suspected_genre", "proba_genre", "proba_suspected", "confident"],
        ),
        importance=pd.DataFrame(
            [("mfcc", 40, 0.2, 0.1, 0.3)], columns=["of", "n_columns", "loss", "loss_low", "loss_high"]
        ),
        learning_curve=pd.DataFrame(points).assign(measured=[True, True, False]),
        study={"cell": "grouped_kfold-mfcc-svm", "more_data": "Is more data needed? Yes."},
        expected=0.5,
        predictions={"-".join(parts): of for parts, of in made.items() if parts[0] == "grouped_kfold"},
        sounds={"clip 01": (noise(2.0), 22_050)},
        published={"source": "them", "split": "fault_filtered", "accuracy": {"MFCC": 0.448}},
        configuration='{"seed": 1}',
    )


def test_the_same_reports_are_the_same_page_that_needs_no_network() -> None:
    text = page.render(reports())
    assert text == page.render(reports())
    assert "<rock>" not in text
    assert "&lt;rock&gt;" in text
    for outside in ('src="http', 'href="http', "url(http", "@import", "<link"):
        assert outside not in text


def test_what_there_is_none_of_is_said(tmp_path: Path) -> None:
    """A table without audio, in a grid of one split and of frames."""
    full = reports()
    empty = {}
    for name in ("audit", "suspects", "importance", "leak"):
        tables.write_csv(tmp_path / f"{name}.csv", getattr(full, name).iloc[:0])
        empty[name] = tables.read_report(tmp_path / f"{name}.csv")
    assert page.shown(empty["audit"], empty["suspects"]) == []
    one = full.summary[full.summary["split"] == "grouped_kfold"]
    text = page.render(replace(full, **empty, summary=one, sounds={}))
    for said in ("Nothing was found.", "The grid has one split", "reads frames; columns to shuffle"):
        assert said in text


def test_the_worst_clips_are_shown() -> None:
    audit = pd.DataFrame(
        [("a", "dc", 0.1), ("b", "dc", -0.5), ("c", "dc", 0.2), ("d", "silent", np.nan)],
        columns=["clip_id", "finding", "score"],
    )
    assert page.shown(audit, pd.DataFrame({"clip_id": ["x", "a"]})) == ["x", "a", "b", "c"]


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page.render(reports()), encoding="utf-8")
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
        "disable-component-update", "disable-sync", f"user-data-dir={tmp_path_factory.mktemp('browser')}",
    ):  # fmt: skip
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options, ChromeService(driver)) as opened:
        yield opened


def seen(browser: Chrome, written: str, width: int = 1280, scheme: str = "light") -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(written)


def column(browser: Chrome, number: int) -> list[float]:
    rows = browser.find_elements(By.CSS_SELECTOR, "#leaderboard ~ .wide table")[0].find_elements(
        By.CSS_SELECTOR, "tbody tr"
    )
    return [float(row.find_elements(By.CSS_SELECTOR, "td,th")[number].get_attribute("data-v")) for row in rows]


def test_a_heading_sorts_by_keyboard_and_says_so(browser: Chrome, written: str) -> None:
    seen(browser, written)
    head = browser.find_element(By.XPATH, "//th[button='log loss']")
    button = head.find_element(By.TAG_NAME, "button")
    button.send_keys(Keys.ENTER)
    assert head.get_attribute("aria-sort") == "descending"
    assert column(browser, 12) == sorted(column(browser, 12), reverse=True)
    button.send_keys(Keys.SPACE)
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(browser, 12) == sorted(column(browser, 12))
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_fits_and_what_is_wide_scrolls_by_itself(browser: Chrome, written: str, width: int) -> None:
    seen(browser, written, width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_either_scheme(browser: Chrome, written: str, scheme: str) -> None:
    """Contrast of at least 4.5 (WCAG 2.2, 1.4.3), also on the darkest cell of a heat map and in figures."""
    seen(browser, written, scheme=scheme)
    found = browser.execute_script(
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
    assert len(found) > 200
    assert min(found)[0] >= 4.5, min(found)


def test_it_can_be_read_without_eyes(browser: Chrome, written: str) -> None:
    seen(browser, written)
    count = browser.execute_script
    assert count("return document.documentElement.lang") == "en"
    assert count("return document.querySelectorAll('h1').length") == 1
    assert count("return document.querySelectorAll('table:not(:has(caption))').length") == 0
    assert count("return document.querySelectorAll('thead th:not([scope])').length") == 0
    assert count("return document.querySelectorAll('img:not([alt]), svg:not([aria-hidden])').length") == 0
    ids = count("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    targets = count("return [...document.querySelectorAll('a[href^=\"#\"]')].map(e => e.getAttribute('href').slice(1))")
    assert set(targets) <= set(ids)
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the leaderboard"
