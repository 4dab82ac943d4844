"""Parts: results of many calls in files, written as they come, so that a run that was killed goes on where it stopped.

locate_parts   the folder of the parts of an output
compute_parts  calls -> a table of their results, in memory maps
view_rows      a column of lists -> arrays
"""

import itertools
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from hashlib import md5
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from packaging.requirements import Requirement
from tqdm import tqdm

from regenre.common import files
from regenre.common.compute import run_apart, run_each

SIZE = 100  # calls of a part
_SOURCES = Path(__file__).parent


def locate_parts(output: Path) -> Path:
    """Return the folder beside an output: DVC removes outputs before a stage runs."""
    return output.with_name(f".{output.name}.parts")


def compute_parts(
    folder: Path | None,
    inputs: object,
    function: Callable[..., list[dict[str, Any]]],
    calls: Sequence[tuple[Any, ...]],
    schema: pa.Schema,
    title: str,
    replace: Callable[..., list[dict[str, Any]]] | None = None,
) -> pa.Table:
    """Call a function with each of the arguments, in the processes of the current `compute` backend.

    Parameters
    ----------
    folder : of the parts; those of other inputs, code or libraries are removed. The caller removes it when its outputs
        are written. None: nothing is written
    inputs : what decides the results, as JSON takes it
    function : returns the rows of one call
    schema : of the rows
    title : of the progress bar
    replace : returns the rows of a call that ends its process; None: that is an error

    Returns
    -------
    the rows of all calls, in their order
    """
    own = folder / _digest(inputs) if folder else None
    for other in folder.iterdir() if folder and folder.is_dir() else ():
        if other != own and other.is_dir():
            shutil.rmtree(other)
    batches = {f"{first:09d}.arrow": calls[first : first + SIZE] for first in range(0, len(calls), SIZE)}
    tables: dict[str, pa.Table] = {}
    for name in batches if own else ():
        with suppress(OSError, pa.ArrowInvalid):  # missing or damaged
            tables[name] = _read(own / name)  # type: ignore[operator]
    missing = {name: batch for name, batch in batches.items() if name not in tables}
    rescue = partial(run_apart, function, replace=replace) if replace else None
    results = run_each(function, [call for batch in missing.values() for call in batch], rescue)
    n_missing = sum(map(len, missing.values()))
    bar = tqdm(total=len(calls), initial=len(calls) - n_missing, desc=title, unit=" clips", disable=None)
    with closing(results), bar as progress:
        for name, batch in missing.items():
            rows: list[dict[str, Any]] = []
            for _ in batch:
                rows += next(results)
                progress.update()
            tables[name] = pa.Table.from_pylist(rows, schema)
            if own:
                files.write_atomically(own / name, partial(_write, tables[name]))
                tables[name] = _read(own / name)
    return pa.concat_tables(tables[name] for name in batches)


def view_rows(column: pa.ChunkedArray) -> Iterator[np.ndarray]:
    """Yield the rows of a column of lists, as views; a missing one is empty."""
    for chunk in column.chunks:
        values, ends = chunk.values.to_numpy(), chunk.offsets.to_numpy()
        yield from (values[start:end] for start, end in itertools.pairwise(ends))


def _write(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _read(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _digest(inputs: object) -> str:
    """Return the MD5 of inputs, of all sources of regenre and of the versions of the libraries that it needs."""
    needed = [Requirement(text) for text in requires("regenre") or ()]
    parts: Mapping[str, object] = {
        "inputs": inputs,
        "code": [files.compute_md5(path) for path in sorted(_SOURCES.rglob("*.py"))],
        "libraries": [version(each.name) for each in needed if not each.marker or each.marker.evaluate({"extra": ""})],
    }
    return md5(json.dumps(parts, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
