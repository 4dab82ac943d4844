"""What tests let worker processes do: apart from `helpers`, whose libraries each of them would import."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def sum_squares(value: np.ndarray) -> float:
    time.sleep(0.02)
    return float((value**2).sum())


def is_imported(module: str) -> bool:
    time.sleep(0.1)  # so that each worker has its share
    return module in sys.modules


def die_once(marker: str, value: float) -> float:
    """The first worker that takes this dies, as a lost machine would."""
    if not Path(marker).exists():
        Path(marker).touch()
        signal.raise_signal(signal.SIGKILL)
    return value


def end_worker(client: int) -> None:
    """Every worker that takes this dies, as if it had too little memory; the process of this number does not."""
    if os.getpid() != client:
        signal.raise_signal(signal.SIGKILL)


def square_unless_five(number: Any) -> list[dict[str, Any]]:
    """Return the square in a row; five ends the process, as a damaged file ends a decoder that has a defect."""
    number = int(Path(number).stem) if isinstance(number, Path) else number
    if number == 5:
        signal.raise_signal(signal.SIGSEGV)
    return [{"square": number**2}]
