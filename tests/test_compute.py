import os
import time
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed, effective_n_jobs

from regenre.compute import Dask, Local
from regenre.errors import UserError


def squared(value: np.ndarray) -> float:
    time.sleep(0.02)
    return float((value**2).sum())


def die_once(marker: str, value: float) -> float:
    """The first worker that takes this dies, as a lost machine would."""
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), 9)
    return value


def test_local_works_with_the_processes_asked_for() -> None:
    with Local(2).parallel():
        assert effective_n_jobs(None) == 2
        assert Parallel()(delayed(squared)(np.arange(n)) for n in range(4)) == [0, 0, 1, 5]


def test_a_cluster_yields_the_same(cluster: str) -> None:
    values = [np.random.default_rng(n).normal(size=1000) for n in range(20)]
    with Dask(cluster).parallel():
        assert effective_n_jobs(None) == 2
        found = list(Parallel(return_as="generator")(delayed(squared)(value) for value in values))
    assert found == [squared(value) for value in values]


def test_nothing_is_lost_with_a_worker(cluster: str, tmp_path: Path) -> None:
    with Dask(cluster).parallel():
        tasks = (delayed(die_once)(str(tmp_path / "died") if n == 5 else str(tmp_path), n) for n in range(20))
        assert list(Parallel(return_as="generator")(tasks)) == list(range(20))
    assert (tmp_path / "died").exists()


def test_what_is_wrong_with_a_cluster_is_said() -> None:
    for made, said in (
        (Dask(), "address of a scheduler expected, none found"),
        (Dask("tcp://127.0.0.1:9", timeout_s=0.5), r"no scheduler answers at tcp://127.0.0.1:9 within 0.5 s"),
        (Dask("nonsense://x", timeout_s=0.5), "no scheduler answers at nonsense://x"),
    ):
        with pytest.raises(UserError, match=said), made.parallel():
            pass
