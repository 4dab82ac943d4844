import math
import os
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import psutil
import pytest
from helpers import wait_until
from joblib import Parallel, delayed, effective_n_jobs
from workers import die_once, end_worker, is_imported, square_unless_five, sum_squares

from regenre.common.compute import Dask, Local, end_workers, run_apart, run_each, start_workers
from regenre.common.errors import UserError


def test_local_uses_its_number_of_processes() -> None:
    with Local(2).use():
        assert effective_n_jobs(None) == 2
        assert Parallel()(delayed(sum_squares)(np.arange(n)) for n in range(4)) == [0, 0, 1, 5]


def test_processes_import_while_the_body_runs_and_end_when_they_are_told_to() -> None:
    end_workers()  # those of other tests
    with Local(2).use():
        with start_workers("mailbox") as n_workers:
            assert n_workers == 2
        assert any(Parallel()(delayed(is_imported)("mailbox") for _ in range(4)))  # one may be quick enough for two
    workers = psutil.Process().children()
    assert sum("LokyProcess" in " ".join(each.cmdline()) for each in workers) == 2
    end_workers()
    assert not [each for each in psutil.Process().children() if "LokyProcess" in " ".join(each.cmdline())]
    with Local(1).use(), start_workers("mailbox") as n_workers:
        assert n_workers == 1
    assert "mailbox" not in sys.modules


def test_a_process_that_is_ended_from_outside_is_one_line() -> None:
    message = r"ended in the middle of its work \(SIGKILL.*\): there was too little memory"
    with pytest.raises(UserError, match=message), Local(2).use():
        Parallel()(delayed(signal.raise_signal)(signal.SIGKILL) for _ in range(2))


def test_workers_are_born_deaf_to_what_ends_the_process_that_people_started() -> None:
    """Else Ctrl-C while they import is a traceback each: a handler would come too late."""
    call = (signal.SIG_BLOCK, [])  # changes nothing, and returns what is blocked
    end_workers()  # those of other tests
    with Local(2).use():
        masks = Parallel()(delayed(signal.pthread_sigmask)(*call) for _ in range(2))
    masks += run_apart(signal.pthread_sigmask, [call], lambda *_: set())
    end_workers()
    masks += run_each(signal.pthread_sigmask, [call] * 2, n_jobs=2)
    assert all({signal.SIGINT, signal.SIGTERM, signal.SIGHUP} <= mask for mask in masks)
    assert signal.SIGINT not in signal.pthread_sigmask(*call)


def test_a_call_that_ends_its_process_costs_no_other_its_result() -> None:
    calls = [(number,) for number in (1, 5, 2, 3, 4, 5, 6, 7, 8, 9, 5)]
    with Local(2).use():
        results = run_each(
            square_unless_five, calls, lambda waiting: run_apart(square_unless_five, waiting, lambda _: [])
        )
        rows = list(results)
    assert rows == [[{"square": number**2}] if number != 5 else [] for (number,) in calls]


def test_a_process_that_was_idle_for_too_long_is_replaced_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where warnings are errors, joblib's own word on it would end the thread that collects results."""
    monkeypatch.setattr("regenre.common.compute._IDLE_S", 0.05)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with Local(2).use():
            for number in range(20):
                assert list(run_each(math.sqrt, [(0,), (1,), (4,), (9,)])) == [0, 1, 2, 3]
                time.sleep(0.04 + 0.002 * number)  # about when they end
    assert heard == []


def test_a_cluster_yields_the_same_results(cluster: str) -> None:
    values = [np.random.default_rng(n).normal(size=1000) for n in range(20)]
    with Dask(cluster).use():
        assert effective_n_jobs(None) == 2
        results = list(Parallel(return_as="generator")(delayed(sum_squares)(value) for value in values))
    assert results == [sum_squares(value) for value in values]


def test_no_result_is_lost_if_a_worker_dies(cluster: str, tmp_path: Path) -> None:
    with Dask(cluster).use():
        tasks = (delayed(die_once)(str(tmp_path / "died") if n == 5 else str(tmp_path), n) for n in range(20))
        assert list(Parallel(return_as="generator")(tasks)) == list(range(20))
    assert (tmp_path / "died").exists()


def test_a_task_that_ends_every_worker_is_one_line(cluster: str) -> None:
    with Dask(cluster).use():
        wait_until(lambda: effective_n_jobs(None) == 2)  # joblib asks a cluster of one worker for nothing
    message = rf"^compute=dask: the cluster at {cluster} lost a task \(KilledWorker: .*\): the scheduler ended, or each"
    with pytest.raises(UserError, match=message), Dask(cluster).use():
        Parallel()([delayed(end_worker)(os.getpid())])


def test_errors_name_the_scheduler_and_what_is_wrong_with_it() -> None:
    for compute, message in (
        (Dask(), "address of a scheduler expected, none found"),
        (Dask("tcp://127.0.0.1:9", timeout_s=0.5), r"no scheduler answers at tcp://127.0.0.1:9 within 0.5 s"),
        (Dask("nonsense://x", timeout_s=0.5), "no scheduler answers at nonsense://x"),
    ):
        with pytest.raises(UserError, match=message), compute.use():
            pass
