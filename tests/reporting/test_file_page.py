import base64
import io
import re

import numpy as np
import pytest
import soundfile
from helpers import SR, build_family, build_leaf, sine

from regenre.features.extraction import Analysis
from regenre.reporting import gallery
from regenre.reporting.file_page import FilePage


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> FilePage:
    path = tmp_path_factory.mktemp("page") / "sine <1>.wav"
    soundfile.write(path, np.stack([sine(1000, 2.0, 44_100)] * 2, axis=1), 44_100, "PCM_24")
    families = {"spectral_shape": build_family("spectral_shape"), "energy": build_family("energy")}
    analysis = Analysis(families, build_leaf("pooling", "mean_std"), SR, 2048, 512)
    panels = {name: build_family(name) for name in gallery.FAMILIES}
    return FilePage.read(path, analysis, panels, 0.0, 30.0)


@pytest.fixture(scope="module")
def html(page: FilePage) -> str:
    return page.render_page()


def test_the_page_of_a_sine_has_its_facts(page: FilePage, html: str) -> None:
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html))
    assert "<h1>sine &lt;1&gt;.wav</h1>" in html
    assert facts["file"] == str(page.path).replace("<", "&lt;").replace(">", "&gt;")
    assert "24 bit PCM, 2 channel(s), 44100 Hz" in facts["stored as"]
    assert facts["length"] == "2.00 s"
    assert facts["shown as"] == f"mono, {SR} Hz"
    assert facts["peak"] == "-6.0 dB of full scale"  # 20 log10(0.5)
    assert facts["RMS"] == "-9.0 dB of full scale"  # 20 log10(0.5 / sqrt(2))


def test_the_mp3_of_the_page_decodes_to_the_sine(html: str) -> None:
    (mp3,) = re.findall(r'src="data:audio/mpeg;base64,([^"]*)"', html)
    y, sr = soundfile.read(io.BytesIO(base64.b64decode(mp3)))
    assert (sr, y.ndim) == (SR, 1)
    assert len(y) == pytest.approx(2 * SR, abs=2 * 1152)  # two MP3 frames of padding
    middle = y[SR // 2 :][:SR]  # 1 s: bins of 1 Hz
    assert np.abs(np.fft.rfft(middle)).argmax() == 1000
    assert np.sqrt(np.square(middle).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)


def test_a_rate_that_mp3_lacks_becomes_the_nearest_one(page: FilePage) -> None:
    analysis = Analysis(page.analysis.families, page.analysis.pooling, 20_000, 2048, 512)
    html = FilePage.read(page.path, analysis, page.panels, 0.0, 1.0).render_page()
    (mp3,) = re.findall(r'mpeg;base64,([^"]*)"', html)
    assert soundfile.info(io.BytesIO(base64.b64decode(mp3))).samplerate == 22_050


def test_the_page_lists_the_values_of_the_families(page: FilePage, html: str) -> None:
    values = dict(re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', html))
    rows, _ = page.analysis(page.y)
    expected = {
        column: f"{value:.6g}"
        for name, row in rows.items()
        for column, value in zip(page.analysis.name_columns(name), row, strict=True)
    }
    assert values == expected
    assert float(values["spectral_shape__centroid__mean"]) == pytest.approx(1000, rel=0.01)
    for name, row in rows.items():
        assert f"<summary>{name}: {len(row)} values" in html


def test_the_title_names_the_excerpt_but_not_the_whole_file(page: FilePage) -> None:
    assert page.title == "sine <1>.wav"
    excerpt = FilePage.read(page.path, page.analysis, page.panels, 0.5, 1.0)
    assert excerpt.title == "sine <1>.wav, 0.5 to 1.5 s of 2.0 s"
