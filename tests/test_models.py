import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer
from test_training import LEARNERS, blobs, fitted

from regenre import models
from regenre.errors import UserError


@pytest.mark.parametrize("name", LEARNERS)
def test_a_model_comes_back_the_same(tmp_path: Path, name: str) -> None:
    X, clips = blobs()
    model = fitted(LEARNERS[name], X, clips)
    (tmp_path / "model.skops").write_bytes(models.dumps(model))
    loaded = models.load(tmp_path / "model.skops")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert list(loaded.classes_) == list(model.classes_)


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path; from test_training import *; from regenre import models\n"
        "Path(sys.argv[1]).write_bytes(models.dumps(fitted(LEARNERS['vote'], *blobs())))"
    )
    for name in "ab":
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=True)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    skops.io.dump(FunctionTransformer(func=subprocess.run), tmp_path / "evil.skops")
    with pytest.raises(UserError, match=r"it holds subprocess.run; do not trust"):
        models.load(tmp_path / "evil.skops")
