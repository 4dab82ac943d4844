import importlib
import io
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import skops.io
from helpers import LEARNERS, ROOT, blobs, fit_all
from numpy.testing import measure
from sklearn.preprocessing import FunctionTransformer

from regenre.common.errors import UserError
from regenre.learning import models


@pytest.mark.parametrize("name", LEARNERS)
def test_a_loaded_model_has_the_same_probabilities(tmp_path: Path, name: str) -> None:
    X, clips = blobs()
    model = fit_all(LEARNERS[name], X, clips)
    (tmp_path / "model.skops").write_bytes(models.dump_model(model))
    loaded = models.load_model(tmp_path / "model.skops")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert list(loaded.classes_) == list(model.classes_)


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})\n"
        "from pathlib import Path; from helpers import LEARNERS, blobs, fit_all\n"
        "from regenre.learning import models\n"
        "Path(sys.argv[1]).write_bytes(models.dump_model(fit_all(LEARNERS['vote'], *blobs())))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "model.skops")], check=True)
    assert (tmp_path / "model.skops").read_bytes() == models.dump_model(fit_all(LEARNERS["vote"], *blobs()))


def test_the_members_of_a_file_have_no_time(tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(models.dump_model(fit_all(LEARNERS["knn"], *blobs())))
    with zipfile.ZipFile(tmp_path / "model.skops") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize(("function", "name"), [(subprocess.run, "subprocess.run"), (measure, r"numpy.*\.measure")])
@pytest.mark.parametrize("packages", [(), ("numpy", "subprocess")])
def test_a_file_that_would_run_code_is_refused(tmp_path: Path, function, name: str, packages: tuple[str, ...]) -> None:
    """Also a function of a trusted library, such as numpy's `measure`, which executes text."""
    skops.io.dump(FunctionTransformer(func=function), tmp_path / "evil.skops")
    with pytest.raises(UserError, match=rf"types of the classifiers in conf/ expected, {name} found; do not use this"):
        models.load_model(tmp_path / "evil.skops", packages)


def test_a_class_of_a_package_that_the_user_trusts_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stranger.py").write_text(
        "from sklearn.dummy import DummyClassifier\nclass Mine(DummyClassifier): pass\ndef run(): 1 / 0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    stranger = importlib.import_module("stranger")
    X, clips = blobs()
    model = stranger.Mine(strategy="prior").fit(X, clips["genre"].to_numpy(dtype=object))
    (tmp_path / "model.skops").write_bytes(models.dump_model(model))
    with pytest.raises(UserError, match=r"stranger.Mine found; do not use this file, or add its package to `trusted`"):
        models.load_model(tmp_path / "model.skops")
    assert type(models.load_model(tmp_path / "model.skops", ["stranger"])).__name__ == "Mine"
    skops.io.dump(FunctionTransformer(func=stranger.run), tmp_path / "evil.skops")
    with pytest.raises(UserError, match=r"stranger.run found"):
        models.load_model(tmp_path / "evil.skops", ["stranger"])


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_model_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.skops").write_bytes(content)
    with pytest.raises(UserError, match="a model of skops expected, none found") as caught:
        models.load_model(tmp_path / "model.skops")
    assert "\n" not in str(caught.value)


def pack(name: str, content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr(name, content)
    return archive.getvalue()


@pytest.mark.parametrize("wrap", [bytes, lambda bomb: pack("1.npz", pack("2.npz", bomb))], ids=["outside", "inside"])
def test_a_model_that_inflates_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrap) -> None:
    monkeypatch.setattr(models, "MAX_BYTES", 1 << 20)
    (tmp_path / "model.skops").write_bytes(wrap(pack("1.npy", bytes(1 << 20) + b"1")))
    with pytest.raises(UserError, match="at most 1,048,576 bytes without compression expected, more found"):
        models.load_model(tmp_path / "model.skops")


def test_a_model_that_states_less_than_it_inflates_to_is_cut_there(tmp_path: Path) -> None:
    """Its checksum is that of the part; skops would inflate it as a whole."""
    bomb = pack("1.npy", bytes(64 << 20))
    sizes, sums = struct.pack("<I", 64 << 20), struct.pack("<I", zlib.crc32(bytes(64 << 20)))
    bomb = bomb.replace(sizes, struct.pack("<I", 16)).replace(sums, struct.pack("<I", zlib.crc32(bytes(16))))
    tracemalloc.start()
    with zipfile.ZipFile(io.BytesIO(models._unpack(io.BytesIO(bomb), models.MAX_BYTES))) as archive:
        assert archive.read("1.npy") == bytes(16)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_a_missing_file_raises(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model .*none.skops is missing; run `dvc repro` first"):
        models.load_model(tmp_path / "none.skops")
