"""Where tasks run: the backend that `joblib.Parallel` uses inside `use()`.

    Compute        what every backend offers
    Local          processes of this machine
    Dask           workers of a Dask cluster, through joblib's own backend
    run_each       results of calls, in order
    run_apart      results of calls, though one ends its process
    start_workers  processes that import a module while the caller goes on
    end_workers    the end of this machine's processes, at once
    start_tracker  joblib's process that tracks its temporary files

The backend does not change a byte of the results: a task depends on its arguments only, runs in one thread, and
results are collected in the order of the tasks.
"""

import gc
import multiprocessing.resource_tracker
import re
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any, Protocol, TypeVar, runtime_checkable

import joblib
from joblib import Parallel, delayed, effective_n_jobs
from joblib._parallel_backends import LokyBackend
from joblib.externals.loky import ProcessPoolExecutor, reusable_executor
from joblib.externals.loky.backend import resource_tracker
from joblib.externals.loky.process_executor import TerminatedWorkerError

from regenre.common.errors import UserError, find_cause
from regenre.common.kinds import Jobs, Positive, strict_dataclass

T = TypeVar("T")
CRASHED = "the library that decodes it crashed"  # the reason for a file that ends its process
_IDLE_S = 60  # after which an idle worker ends, also if its parent was killed
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # what ends the process that people started


@runtime_checkable
class Compute(Protocol):
    """What every backend offers."""

    def use(self) -> AbstractContextManager[None]:
        """Make `joblib.Parallel()` use this backend inside the block."""
        ...


def run_each(
    function: Callable[..., T],
    calls: Sequence[tuple[Any, ...]],
    rescue: Callable[[Sequence[tuple[Any, ...]]], Iterable[T]] | None = None,
    n_jobs: int | None = None,
) -> Generator[T, None, None]:
    """Yield the result of each call, in order, as the current backend computes it.

    Parameters
    ----------
    rescue : if a process of this machine is ended from outside Python, by a defect of a decoder for one, it yields the
        results of the calls that were under way; None: that is an error
    n_jobs : number of processes of this machine; None for the current backend and its number
    """
    first, n_processes = 0, effective_n_jobs(n_jobs)
    while first < len(calls):
        backend = None if n_jobs is None else _Processes(idle_worker_timeout=_IDLE_S)
        parallel = Parallel(n_jobs, backend=backend, return_as="generator")
        results = parallel(delayed(function)(*call) for call in calls[first:])
        try:
            for result in results:
                yield result
                first += 1
        except TerminatedWorkerError:
            if rescue is None:
                raise
            under_way = calls[first : first + 2 * n_processes]  # some of the later calls may be computed twice
            yield from rescue(under_way)
            first += len(under_way)
        finally:
            with warnings.catch_warnings(action="ignore"):  # joblib counts the tasks that nobody waits for
                results.close()


def run_apart(function: Callable[..., T], calls: Sequence[tuple[Any, ...]], replace: Callable[..., T]) -> Iterator[T]:
    """Yield the result of each call from a process beside this one, or `replace(*call)` if that ends the process."""
    executor: ProcessPoolExecutor | None = None
    try:
        for call in calls:
            executor = executor or ProcessPoolExecutor(1)
            with _spare_workers():
                future = executor.submit(function, *call)
            try:
                result = future.result()
            except TerminatedWorkerError:
                executor, result = None, replace(*call)
            yield result
    finally:
        if executor:
            executor.shutdown()


@contextmanager
def start_workers(module: str) -> Iterator[int]:
    """Yield the number of processes of the current backend, which import a module while the body runs."""
    n_processes = effective_n_jobs(None)
    if n_processes == 1:
        yield 1
        return
    imports = Parallel(return_as="generator_unordered")(delayed(_import)(module) for _ in range(n_processes))
    try:
        yield n_processes
        deque(imports, maxlen=0)
    finally:
        with warnings.catch_warnings(action="ignore"):  # as above
            imports.close()


def _import(module: str) -> None:
    gc.disable()  # a quarter of the time
    import_module(module)
    gc.freeze()
    gc.enable()


def end_workers() -> None:
    """End the idle processes of this machine at once: Python would wait until each has cleaned up, most of a second."""
    if reusable_executor._executor is not None:
        reusable_executor._executor.shutdown(kill_workers=True)


def start_tracker() -> None:
    """Start joblib's process that tracks its temporary files, deaf to SIGHUP: it has to survive to remove them.

    Python's own, which joblib needs too, unblocks signals as it starts; later it would do so for a worker.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        resource_tracker.ensure_running()
        multiprocessing.resource_tracker.ensure_running()
    finally:
        signal.signal(signal.SIGHUP, handler)


@contextmanager
def _spare_workers() -> Iterator[None]:
    """Let the processes that start in the body inherit blocked signals.

    Those of a terminal reach every process. The one that people started says one line and ends its workers; a worker
    that they ended itself would print a traceback, most of all while it still imports.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class _Processes(LokyBackend):  # type: ignore[misc]
    """joblib's backend; its workers, and the thread that replaces them, start at the first task."""

    def configure(self, *args: Any, **kwargs: Any) -> Any:
        with _spare_workers():  # else a semaphore that was removed might still be listed
            return super().configure(*args, **kwargs)

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], None] | None = None) -> Any:
        with _spare_workers():
            return super().submit(func, callback)


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
            with (
                warnings.catch_warnings(),
                joblib.parallel_config(_Processes(idle_worker_timeout=_IDLE_S), n_jobs=self.n_jobs),
            ):
                warnings.filterwarnings("ignore", "A worker stopped while some jobs")  # it was idle; another one starts
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
            dask is not installed, no scheduler answers, the cluster has no worker, a worker has several threads, or the
            cluster loses a task.
        """
        try:
            from distributed import Client, KilledWorker
            from distributed.client import FutureCancelledError
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
            try:
                with joblib.parallel_config(_make_dask_backend(client)):
                    yield
            except (FutureCancelledError, KilledWorker) as error:
                raise UserError(
                    f"compute=dask: the cluster at {self.scheduler} lost a task ({find_cause(error)}): the scheduler"
                    " ended, or each worker that took the task did, perhaps with too little memory; read their logs,"
                    " then run the same command again"
                ) from error


def _make_dask_backend(client: Any) -> Any:
    """Return joblib's backend, but one that raises for a task that the cluster loses: joblib's own waits for ever."""
    from joblib._dask import DaskDistributedBackend

    class Backend(DaskDistributedBackend):  # type: ignore[misc]
        def submit(self, func: Any, callback: Callable[[Any], None]) -> Any:
            future = super().submit(func, callback)
            future.add_done_callback(lambda done: callback(done.exception()) if done.exception() else None)
            return future

    return Backend(client=client)
