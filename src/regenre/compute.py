"""Where the work is done: what `joblib.Parallel` means inside `parallel()`.

    Local  processes of this machine
    Dask   workers of a Dask cluster, through joblib's own backend

Results are the same bytes either way: a task sees its arguments alone, works in one thread, and tasks
are collected in the order in which they were given.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import joblib

from regenre.errors import UserError


class Compute(Protocol):
    """What every place of work offers."""

    def parallel(self) -> AbstractContextManager[None]:
        """Within, `joblib.Parallel()` works there."""
        ...


@dataclass(frozen=True)
class Local:
    """Processes of this machine.

    Parameters
    ----------
    n_jobs : worker processes; -1: one a core
    """

    n_jobs: int = -1

    @contextmanager
    def parallel(self) -> Iterator[None]:
        """See `Compute`."""
        with joblib.parallel_config("loky", n_jobs=self.n_jobs):
            yield


@dataclass(frozen=True)
class Dask:
    """An existing Dask cluster; its workers see the clips under the same path, have regenre, and one thread each.

    Parameters
    ----------
    scheduler : its address, e.g. tcp://10.0.0.1:8786
    timeout_s : how long to wait for it
    """

    scheduler: str | None = None
    timeout_s: float = 10.0

    @contextmanager
    def parallel(self) -> Iterator[None]:
        """See `Compute`.

        Raises
        ------
        UserError
            dask is not installed, nobody answers at the address, there is no worker, or one has several threads.
        """
        try:
            from distributed import Client
        except ImportError as error:
            raise UserError("compute=dask needs the extra: pip install 'regenre[dask]'") from error
        if not self.scheduler:
            raise UserError(
                "compute=dask: address of a scheduler expected, none found; pass compute.scheduler=tcp://host:8786"
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
                    f"compute=dask: {self.scheduler} has no worker; `dask worker {self.scheduler} --nthreads 1`"
                )
            if max(threads.values()) > 1:
                raise UserError(
                    "compute=dask: workers of one thread expected (dask worker --nthreads 1 --nworkers N),"
                    f" one of {max(threads.values())} found"
                )
            with joblib.parallel_config("dask", client=client):
                yield
