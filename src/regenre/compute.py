"""Where tasks run: the backend that `joblib.Parallel` uses inside `use()`.

    Compute        what every backend offers
    Local          processes of this machine
    Dask           workers of a Dask cluster, through joblib's own backend
    start_tracker  joblib's process that tracks its temporary files

The backend does not change a byte of the results: a task depends on its arguments only, runs in one thread, and
results are collected in the order of the tasks.
"""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable

import joblib
from joblib.externals.loky.backend import resource_tracker
from joblib.externals.loky.process_executor import TerminatedWorkerError

from regenre.errors import UserError
from regenre.kinds import Jobs, Positive, strict_dataclass


@runtime_checkable
class Compute(Protocol):
    """What every backend offers."""

    def use(self) -> AbstractContextManager[None]:
        """Make `joblib.Parallel()` use this backend inside the block."""
        ...


def start_tracker() -> None:
    """Start joblib's process that tracks its temporary files, deaf to SIGHUP: it has to survive to remove them."""
    if threading.current_thread() is not threading.main_thread():
        return
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        resource_tracker.ensure_running()
    finally:
        signal.signal(signal.SIGHUP, handler)


@strict_dataclass
class Local:
    """Processes of this machine.

    Parameters
    ----------
    n_jobs : number of worker processes; -1 for one per core
    """

    n_jobs: Jobs = -1

    @contextmanager
    def use(self) -> Iterator[None]:
        """Use processes of this machine, see `Compute`.

        Raises
        ------
        UserError
            A process was ended from outside Python.
        """
        if self.n_jobs != 1:
            start_tracker()
        try:
            with joblib.parallel_config("loky", n_jobs=self.n_jobs):
                yield
        except TerminatedWorkerError as error:
            signals = ", ".join(re.findall(r"SIG[A-Z]+", str(error))) or "its status is not known"
            raise UserError(
                f"a worker process ended in the middle of its work ({signals}): there was too little memory, or a"
                " library has a defect that one of the files meets; run again with REGENRE_JOBS=1, and if it ends"
                " again, leave out the files that were changed last"
            ) from error


@strict_dataclass
class Dask:
    """An existing Dask cluster.

    Its workers need regenre installed, the project's folder `data` under the same path, and one thread each.

    Parameters
    ----------
    scheduler : address of the scheduler, e.g. tcp://10.0.0.1:8786
    timeout_s : how long to wait for the scheduler
    """

    scheduler: str | None = None
    timeout_s: Positive = 10.0

    @contextmanager
    def use(self) -> Iterator[None]:
        """Use the workers of the cluster, see `Compute`.

        Raises
        ------
        UserError
            dask is not installed, no scheduler answers, the cluster has no worker, or a worker has several threads.
        """
        try:
            from distributed import Client
        except ImportError as error:
            raise UserError("compute=dask: dask is not installed; run pip install 'regenre[dask]'") from error
        if not self.scheduler:
            raise UserError(
                "compute=dask: the address of a scheduler expected, none found; pass compute.scheduler=tcp://host:8786"
                " or set DASK_SCHEDULER_ADDRESS"
            )
        try:
            client = Client(self.scheduler, timeout=self.timeout_s, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise UserError(
                f"compute=dask: no scheduler answers at {self.scheduler} within {self.timeout_s:g} s;"
                " start one with `dask scheduler`"
            ) from error
        with client:
            threads = client.nthreads()
            if not threads:
                raise UserError(
                    f"compute=dask: at least one worker expected at {self.scheduler}, none found;"
                    f" start one with `dask worker {self.scheduler} --nthreads 1`"
                )
            if max(threads.values()) > 1:
                raise UserError(
                    "compute=dask: workers with one thread each expected,"
                    f" one with {max(threads.values())} threads found; start them with"
                    " `dask worker --nthreads 1 --nworkers N`"
                )
            with joblib.parallel_config("dask", client=client):
                yield
