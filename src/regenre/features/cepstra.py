"""Cepstral coefficients of compressed band power, shared by the cepstral families."""

from functools import lru_cache

import numpy as np
import scipy.fft

from regenre.features.frames import TINY


def convert_to_db(power: np.ndarray, top_db: float | None = None) -> np.ndarray:
    """Convert power to dB, not below the level of `TINY` and, with `top_db`, not below the maximum minus `top_db`."""
    result = np.maximum(power, TINY)
    np.log10(result, out=result)
    result *= np.float32(10)
    level: np.ndarray = result if top_db is None else np.maximum(result, result.max() - np.float32(top_db), out=result)
    return level


def compute_cepstra(bands: np.ndarray, n: int) -> np.ndarray:
    """Compute the first n coefficients of the orthonormal DCT-II over bands: (n_bands, n_frames) -> (n, n_frames)."""
    coefficients: np.ndarray = _make_dct_matrix(n, len(bands)) @ bands
    return coefficients


def check_counts(coefficients: str, n: int, bands: str, n_bands: int) -> None:
    """Raise `ValueError` if there are more coefficients than bands; each number has the name of its setting."""
    if n > n_bands:
        raise ValueError(f"{coefficients}: at most {bands}, {n_bands}, expected, {n} found")


def number_names(n: int) -> tuple[str, ...]:
    """Return the numbers 0 to n - 1 as names: `00`, `01`, ..."""
    return tuple(f"{number:02d}" for number in range(n))


@lru_cache(maxsize=32)
def _make_dct_matrix(n: int, n_bands: int) -> np.ndarray:
    """Return the first n basis vectors of the DCT as rows, float32, shape (n, n_bands)."""
    return np.ascontiguousarray(scipy.fft.dct(np.eye(n_bands), axis=0, norm="ortho")[:n], dtype=np.float32)
