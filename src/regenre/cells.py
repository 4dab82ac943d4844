"""A cell on disk: predictions.csv, model.skops, card.md, and cell.json, written last.

cell.json holds `inputs`, a digest of all that decides the cell's content, and the digests of its other
files; a cell whose digests still hold is not fitted again. So one process can fit a whole grid side by
side, and an edit costs the cells that it touches.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from regenre import tables
from regenre.fetch import md5_of

_FILES = ("predictions.csv", "model.skops", "card.md")
_SOURCES = (
    "card.py",
    "cells.py",
    "fitting.py",
    "models.py",
    "splits.py",
    "tables.py",
    "training.py",
    "classifiers/*.py",
)
LIBRARIES = ("numpy", "scipy", "scikit-learn", "hmmlearn", "skops")


def inputs(content: dict[str, Any]) -> str:
    """Digest of a cell's names, configuration and data digests, of the code that fits it and of its libraries."""
    package = Path(__file__).parent
    sources = [path for pattern in _SOURCES for path in sorted(package.glob(pattern))]
    code = {path.name: md5_of(path) for path in sources} | {name: version(name) for name in LIBRARIES}
    return hashlib.md5(json.dumps([content, code], sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def is_current(folder: Path, digest: str) -> bool:
    """Whether the cell there is whole and was made from these inputs."""
    if not (folder / "cell.json").is_file():
        return False
    content = json.loads((folder / "cell.json").read_text(encoding="utf-8"))
    return content["inputs"] == digest and content["outputs"] == _digests(folder)


def write(folder: Path, content: dict[str, Any], predictions: pd.DataFrame, model: bytes, card: str) -> None:
    """Write a cell; `content` goes into cell.json."""
    (folder / "cell.json").unlink(missing_ok=True)
    tables.write_predictions(folder / "predictions.csv", predictions)
    tables.atomically(folder / "model.skops", lambda temporary: temporary.write_bytes(model))
    tables.write_text(folder / "card.md", card)
    tables.write_json(folder / "cell.json", content | {"outputs": _digests(folder)})


def read(folder: Path) -> dict[str, Any]:
    """The content of cell.json."""
    content: dict[str, Any] = json.loads((folder / "cell.json").read_text(encoding="utf-8"))
    return content


def remove_others(folder: Path, names: Sequence[str]) -> list[str]:
    """Remove the cells that are none of these; their names."""
    others = sorted(path for path in folder.glob("*") if path.name not in names)
    for path in others:
        shutil.rmtree(path)
    return [path.name for path in others]


def _digests(folder: Path) -> dict[str, str]:
    return {name: md5_of(folder / name) if (folder / name).is_file() else "" for name in _FILES}
