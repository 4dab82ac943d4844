"""One thread for each process: no nested parallelism, and the same sums for any number of workers."""

import sys
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController


def limit_threads() -> AbstractContextManager[Any]:
    """Let the numerical libraries use one thread inside the block."""
    block: AbstractContextManager[Any] = _find_pools(len(sys.modules)).limit(limits=1)
    return block


@lru_cache(1)
def _find_pools(n_modules: int) -> ThreadpoolController:
    """Find the libraries that have threads, 4 ms, again after each import: it may have loaded another one."""
    return ThreadpoolController()
