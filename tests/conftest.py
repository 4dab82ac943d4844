"""Signals that we know, and the real audio of ../shared where it is there."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from joblib import effective_n_jobs

from regenre.compute import Dask
from regenre.errors import UserError
from regenre.frames import Frames

SR = 22_050
ROOT = Path(__file__).parents[1]


def sine(hz: float, duration_s: float = 1.0, sr: int = SR, peak: float = 0.5) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * hz * np.arange(round(duration_s * sr)) / sr)).astype(np.float32)


def noise(duration_s: float = 1.0, sr: int = SR, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(duration_s * sr))).astype(np.float32)


def clicks(bpm: float, duration_s: float = 30.0, sr: int = SR) -> np.ndarray:
    """Bursts of noise, 20 ms each, one a beat."""
    y, burst = np.zeros(round(duration_s * sr), np.float32), noise(0.02, sr)
    for start in np.arange(0.5, duration_s - 0.1, 60 / bpm):
        y[round(start * sr) :][: len(burst)] += burst
    return y


def silence(duration_s: float = 1.0, sr: int = SR) -> np.ndarray:
    return np.zeros(round(duration_s * sr), np.float32)


def frames_of(y: np.ndarray, sr: int = SR) -> Frames:
    return Frames(y, sr, n_fft=2048, hop_length=512)


def clip_table(genres: list[str], groups: list[str]) -> pd.DataFrame:
    clip_ids = [f"{genre}.{number:05d}" for number, genre in enumerate(genres)]
    return pd.DataFrame({"clip_id": clip_ids, "genre": genres, "group": groups}, dtype=object)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real audio and tables; CI has it always."""
    folder = Path(os.environ.get("REGENRE_SHARED", ROOT.parent / "shared"))
    if not (folder / "audio").is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"no real audio at {folder}, but CI has to have it")
        pytest.skip(f"no real audio at {folder}: set REGENRE_SHARED")
    return folder


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """A folder of two classes, two formats, two rates, mono and stereo."""
    folder = tmp_path / "classes"
    for number in range(6):
        low, high = folder / "low", folder / "high" / "deep"
        low.mkdir(parents=True, exist_ok=True)
        high.mkdir(parents=True, exist_ok=True)
        soundfile.write(low / f"{number}.wav", sine(200 + 20 * number, 1.5), SR)
        y = sine(3000 + 100 * number, 1.5, 44_100)
        soundfile.write(high / f"{number}.flac", np.stack([y, 0.5 * y], axis=1), 44_100)
    return folder


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[str]:
    """A scheduler and two workers of one thread on loopback; a worker that dies is started again by its nanny."""
    folder = tmp_path_factory.mktemp("dask")
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"}
    port = str(20_000 + os.getpid() % 20_000)
    address = f"tcp://127.0.0.1:{port}"

    def started(*arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "dask", *arguments]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, env=env)

    scheduler = started("scheduler", "--host", "127.0.0.1", "--port", port, "--dashboard-address", ":0")
    workers = started("worker", address, "--nworkers", "2", "--nthreads", "1", "--no-dashboard")
    try:
        for _ in range(120):
            try:
                with Dask(address, timeout_s=1).parallel():
                    if effective_n_jobs(None) == 2:
                        break
            except UserError:
                time.sleep(0.5)
        else:
            pytest.fail("no Dask cluster came up within a minute")
        yield address
    finally:
        for process in (workers, scheduler):
            process.terminate()
            process.wait(30)
