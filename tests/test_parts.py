"""Parts: a run that stopped goes on, and never with what other inputs left."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from workers import square_unless_five

from regenre import parts
from regenre.common.compute import Local
from regenre.parts import compute_parts, view_rows

SCHEMA = pa.schema({"number": pa.int64(), "steps": pa.list_(pa.float32())})
CALLS: list[int] = []


def count(number: int, last: int) -> list[dict[str, object]]:
    if number == last:
        raise KeyboardInterrupt
    CALLS.append(number)
    rows = [{"number": number, "steps": np.arange(number, dtype=np.float32)}]
    return rows + [{"number": -number}] * (number % 2)


def run(folder: Path | None, last: int = -1, inputs: object = "same") -> tuple[list[int], list[list[float]], list[int]]:
    CALLS.clear()
    table = compute_parts(folder, inputs, count, [(number, last) for number in range(5)], SCHEMA, "count")
    return table["number"].to_pylist(), [row.tolist() for row in view_rows(table["steps"])], list(CALLS)


def test_a_run_that_was_stopped_goes_on_and_ends_as_if_it_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SIZE", 2)
    numbers, steps, calls = run(None)
    assert (numbers, calls) == ([0, 1, -1, 2, 3, -3, 4], [0, 1, 2, 3, 4])
    assert steps == [[], [0], [], [0, 1], [0, 1, 2], [], [0, 1, 2, 3]]
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", last=3)
    assert run(tmp_path / "parts") == (numbers, steps, [2, 3, 4])
    assert run(tmp_path / "parts") == (numbers, steps, [])


def test_a_damaged_part_is_computed_again_and_a_file_of_others_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SIZE", 2)
    whole = run(tmp_path / "parts")
    (tmp_path / "parts/.DS_Store").touch()
    first, second, _ = sorted(tmp_path.glob("parts/*/*.arrow"))
    first.write_bytes(b"")
    second.write_bytes(second.read_bytes()[:-100])
    assert run(tmp_path / "parts") == (*whole[:2], [0, 1, 2, 3])
    assert (tmp_path / "parts/.DS_Store").is_file()


@pytest.mark.parametrize("change", ["inputs", "code"])
def test_parts_of_other_inputs_or_code_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    run(tmp_path / "parts")
    (old,) = (tmp_path / "parts").iterdir()
    if change == "code":
        (tmp_path / "new.py").touch()
        monkeypatch.setattr(parts, "_SOURCES", tmp_path)
    assert run(tmp_path / "parts", inputs=change if change == "inputs" else "same")[2] == [0, 1, 2, 3, 4]
    assert old not in (tmp_path / "parts").iterdir()


def test_a_call_that_ends_its_process_has_other_rows() -> None:
    schema = pa.schema([("square", pa.int64())])
    with Local(2).use():
        calls = [(number,) for number in range(8)]
        table = compute_parts(None, 0, square_unless_five, calls, schema, "test", lambda _: [{"square": -1}])
    assert table["square"].to_pylist() == [0, 1, 4, 9, 16, -1, 36, 49]
