"""Fitted estimators as files of skops: no pickle, and the same bytes for the same model.

skops numbers objects by their memory address and stores the time of writing. Both are replaced here, so that a second
run writes identical bytes. Loading runs no code from the file: it builds objects of trusted types only.

    dump_model  estimator -> content of a file
    load_model  file -> estimator
    TRUSTED     types that may be loaded
    MAX_BYTES   size of a model
"""

import io
import re
import zipfile
from collections.abc import Collection
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from regenre.common.errors import UserError

TRUSTED = frozenset(  # what skops does not trust by itself in the models of conf/classifier; a test holds each to it
    {
        "regenre.learning.classifiers.cnn.Cnn",
        "regenre.learning.classifiers.gmm.Gmm",
        "regenre.learning.classifiers.hmm.Hmm",
        "regenre.learning.classifiers.hmm.KMeansGMMHMM",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
    }
)
_OWN = ("regenre", "sklearn", "hmmlearn", "numpy", "scipy")  # of these, the types above and no others
_ADDRESS = re.compile(r'(?<="__id__": )\d+|(?<!\d)\d+(?=\.np[yz]\b)')
_SCHEMA = "schema.json"
MAX_BYTES = 1 << 30  # bytes of a model without compression
_PIECE = 1 << 14  # bytes
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can store


def dump_model(estimator: Any) -> bytes:
    """Return the content of the file of a fitted estimator."""
    import skops.io  # takes half a second

    return _normalise(skops.io.dumps(estimator))


def load_model(path: Path, packages: Collection[str] = ()) -> Any:
    """Read the file of a fitted estimator.

    Parameters
    ----------
    packages : that the user trusts besides; classes of these may be loaded, functions may not

    Raises
    ------
    UserError
        There is no file, it is no model or larger than `MAX_BYTES`, or it contains a type that is not trusted.
    """
    if not path.is_file():
        raise UserError(f"model {path} is missing; run `dvc repro` first")
    import skops.io

    try:
        with path.open("rb") as stream:
            content = _unpack(stream, MAX_BYTES)
        types = skops.io.get_untrusted_types(data=content)
    except Exception as error:  # a damaged file fails anywhere
        raise UserError(f"model {path}: a model of skops expected, none found ({error}); run `dvc repro`") from error
    for name in types:
        if name not in TRUSTED and not _is_class_of(name, packages):
            raise UserError(
                f"model {path}: types of the classifiers in conf/ expected, {name} found; do not use this file, or add"
                " its package to `trusted` in conf/config.yaml if you trust its author"
            )
    try:
        return skops.io.loads(content, trusted=types)
    except Exception as error:
        raise UserError(
            f"model {path}: it cannot be read ({type(error).__name__}: {error}); run `dvc repro`"
        ) from error


def _unpack(archive: IO[bytes], most: int) -> bytes:
    """Return a zip archive, and those inside it, without compression.

    A member may inflate to more than its header states. `zipfile` cuts it there, but inflates it as a whole if it is
    read as a whole, as skops does.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(content, "w") as target:
        if (n := sum(info.file_size for info in source.infolist())) > most:
            raise ValueError(f"at most {MAX_BYTES:,} bytes without compression expected, more found")
        for name in dict.fromkeys(source.namelist()):
            with source.open(name) as stream:
                member = b"".join(iter(partial(stream.read, _PIECE), b""))
            target.writestr(name, _unpack(io.BytesIO(member), most - n) if member.startswith(b"PK") else member)
    return content.getvalue()


def _is_class_of(name: str, packages: Collection[str]) -> bool:
    """Return whether a name is a class of one of the user's packages."""
    module, _, attribute = name.rpartition(".")
    top = name.partition(".")[0]
    if top not in packages or top in _OWN:
        return False
    try:
        kind = getattr(import_module(module), attribute, None)
    except ImportError:
        return False
    return isinstance(kind, type) and kind.__module__.partition(".")[0] == top


def _normalise(content: bytes) -> bytes:
    """Return the archive with addresses numbered in order of appearance, and with one fixed time."""
    numbers: dict[str, str] = {}

    def renumber(match: re.Match[str]) -> str:
        return numbers.setdefault(match[0], str(len(numbers)))

    archive = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        schema = _ADDRESS.sub(renumber, source.read(_SCHEMA).decode())
        members = {_ADDRESS.sub(renumber, name): source.read(name) for name in source.namelist() if name != _SCHEMA}
        for name, member in sorted(members.items() | {(_SCHEMA, schema.encode())}):
            target.writestr(zipfile.ZipInfo(name, _EPOCH), member, zipfile.ZIP_DEFLATED)
    return archive.getvalue()
