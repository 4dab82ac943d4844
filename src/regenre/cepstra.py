"""Compressed bands -> cepstral coefficients: what the families in -CC share."""

from functools import lru_cache

import numpy as np
import scipy.fft

from regenre.frames import TINY


def decibels(power: np.ndarray, top_db: float | None = None) -> np.ndarray:
    """10 log10 of power, floored at `TINY`, and at `top_db` below its maximum if that is given."""
    result = np.maximum(power, TINY)
    np.log10(result, out=result)
    result *= np.float32(10)
    return result if top_db is None else np.maximum(result, result.max() - np.float32(top_db), out=result)


def cepstra(bands: np.ndarray, n: int) -> np.ndarray:
    """The first n coefficients of the orthonormal DCT-II over bands: (n_bands, n_frames) -> (n, n_frames)."""
    return _dct_matrix(n, len(bands)) @ bands


def numbered(n: int) -> tuple[str, ...]:
    """`00`, `01`, ...: coefficients by number."""
    return tuple(f"{number:02d}" for number in range(n))


@lru_cache(maxsize=32)
def _dct_matrix(n: int, n_bands: int) -> np.ndarray:
    """Rows are the DCT's basis vectors, float32, shape (n, n_bands)."""
    return np.ascontiguousarray(scipy.fft.dct(np.eye(n_bands), axis=0, norm="ortho")[:n], dtype=np.float32)
