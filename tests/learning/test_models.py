import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from helpers import LEARNERS, ROOT, blobs, fit_all
from sklearn.preprocessing import FunctionTransformer

from regenre.errors import UserError
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
    for name in "ab":
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=True)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_members_of_a_file_have_no_time(tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(models.dump_model(fit_all(LEARNERS["knn"], *blobs())))
    with zipfile.ZipFile(tmp_path / "model.skops") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    skops.io.dump(FunctionTransformer(func=subprocess.run), tmp_path / "evil.skops")
    with pytest.raises(UserError, match=r"only types of sklearn, .* expected, subprocess.run found; do not use this"):
        models.load_model(tmp_path / "evil.skops")


def test_a_missing_file_raises(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model .*none.skops is missing; run `dvc repro` first"):
        models.load_model(tmp_path / "none.skops")
