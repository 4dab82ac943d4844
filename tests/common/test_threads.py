"""One thread of the numerical libraries inside the block, and as many as before after it."""

import scipy.linalg  # noqa: F401  (it brings an OpenBLAS beside numpy's)
from threadpoolctl import threadpool_info, threadpool_limits

from regenre.common.threads import _find_pools, limit_threads


def count_threads() -> set[int]:
    pools = threadpool_info()
    assert len(pools) > 1
    return {pool["num_threads"] for pool in pools}


def test_every_library_has_one_thread_inside_the_block() -> None:
    with threadpool_limits(2):
        for _ in range(2):  # found, then remembered
            with limit_threads():
                assert count_threads() == {1}
            assert count_threads() == {2}


def test_a_library_that_is_loaded_later_is_found() -> None:
    assert _find_pools(1) is _find_pools(1)
    assert _find_pools(1) is not _find_pools(2)
