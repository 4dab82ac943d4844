import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from regenre.common.errors import UserError
from regenre.common.records import convert_to_plain, read_record, write_record


@dataclass(frozen=True)
class Part:
    size: int


@dataclass(frozen=True)
class Whole:
    FORMAT: ClassVar[int] = 3

    name: str
    parts: list[Part]
    settings: dict[str, Any]
    score: float | None = None


WHOLE = Whole("a", [Part(1), Part(2)], {"x": {"y": [1, "z", None]}})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_record(tmp_path / "a.json", WHOLE)
    return tmp_path / "a.json"


def test_a_record_comes_back_equal(path: Path) -> None:
    assert read_record(path, Whole, "write it") == WHOLE
    assert json.loads(path.read_text()) == {"format": 3, **convert_to_plain(WHOLE)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 4}, r"a.json: format 3 expected, 4 found; another version wrote it, write it"),
        ({"format": None}, r"a.json: format 3 expected, no format found"),
        ({"name": None}, r"a.json: name: a valid string expected, None found; write it"),
        ({"parts": [{"size": 1}, {"size": "2"}]}, r"a.json: parts.1.size: a valid integer expected, '2' found"),
    ],
)
def test_a_record_of_another_kind_is_refused_in_one_line(path: Path, change: dict, message: str) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=message) as caught:
        read_record(path, Whole, "write it")
    assert "\n" not in str(caught.value)


def test_a_record_without_a_field_is_refused(path: Path) -> None:
    content = json.loads(path.read_text())
    del content["settings"]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"a.json: settings is missing"):
        read_record(path, Whole, "write it")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff", "[1]", "3"])
def test_what_is_no_record_is_refused_in_one_line(path: Path, text: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"a.json: (JSON|format 3) expected") as caught:
        read_record(path, Whole, "write it")
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"b.json is missing; write it first"):
        read_record(tmp_path / "b.json", Whole, "write it")
