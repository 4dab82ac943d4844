import re
import xml.etree.ElementTree as ET

import numpy as np

from regenre.reporting.confusion import render_svg

COUNTS = np.array([[3, 1, 0], [0, 0, 0], [0, 2, 2]])


def list_squares(svg: str) -> list[tuple[int, int, float, str]]:
    """Return row, column, share and text of each square that has a colour."""
    root = ET.fromstring(svg)
    squares = [rect for rect in root.findall(".//{*}rect") if "fill-opacity" in rect.attrib]
    texts = [text for text in root.findall(".//{*}text") if "fill" in text.attrib]
    left, top = (min(float(square.get(axis, "")) for square in squares) for axis in "xy")
    return [
        (
            round((float(square.get("y", "")) - top) / 36),
            round((float(square.get("x", "")) - left) / 36),
            float(square.get("fill-opacity", "")),
            str(text.text),
        )
        for square, text in zip(squares, texts, strict=True)
    ]


def test_squares_stand_where_the_counts_are() -> None:
    expected = [(0, 0, 0.75, "3"), (0, 1, 0.25, "1"), (2, 1, 0.5, "2"), (2, 2, 0.5, "2")]
    assert list_squares(render_svg(COUNTS, ["a", "b", "c"], "cell")) == expected


def test_the_title_has_clips_and_accuracy_and_any_name_is_text() -> None:
    svg = render_svg(COUNTS, ["R&B", "<b>\n", "\u202e摇滚"], "s-f-c")
    texts = [element.text for element in ET.fromstring(svg).iter() if element.text]
    assert "s-f-c: 8 clips, accuracy 0.625" in texts
    assert {"R&B", r"<b>\n", r"\u202e摇滚"} <= set(texts)


def test_longest_names_fit_into_the_picture() -> None:
    for name in ("a", "a" * 60, "摇" * 30):
        svg = render_svg(COUNTS, [name, "b", "c"], "cell")
        width, height = map(int, re.findall(r'width="(\d+)" height="(\d+)"', svg)[0])
        left, top, side = (int(found) for found in re.findall(r'<rect x="(\d+)" y="(\d+)" width="(\d+)"', svg)[-1])
        assert left >= 7 * len(name) * (2 if name[0] == "摇" else 1)
        assert (width, height) > (left + side, top + side)
