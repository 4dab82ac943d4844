"""Signals that we know, and the real audio of ../shared where it is there."""

import gc
import importlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported: pytest-xdist uses every core already
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")  # tiny networks: to compile them takes longer
os.environ.setdefault("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")  # workers that a task may end, not three
os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")  # seven processes that no test needs

import numpy as np
import pytest
import soundfile
import warm
from filelock import FileLock
from helpers import ROOT, SR, find_port, frames_of, silence, sine, write_mean_network
from hypothesis import HealthCheck, settings
from joblib import effective_n_jobs
from projects import Project

from regenre.common.compute import Dask
from regenre.common.errors import UserError
from regenre.features.families.spectral_shape import SpectralShape
from regenre.pretrained import musicnn

SHARED_PROGRAMS = "REGENRE_TEST_PROGRAMS"

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real audio and tables; CI has it always."""
    folder = Path(os.environ.get("REGENRE_SHARED", ROOT.parent / "shared"))
    if not (folder / "audio").is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"no real audio at {folder}, but CI has to have it")
        pytest.skip(f"no real audio at {folder}: set REGENRE_SHARED")
    return folder


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a project that has what the families `musicnn` and `onnx` read."""
    for library in ("onnx", "onnxruntime"):
        pytest.importorskip(library, reason="pip install 'regenre[pretrained]'")
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "networks"
    with FileLock(f"{root}.lock"):
        if not (root / ".regenre").is_file():
            folder = root / "data/pretrained"
            write_mean_network(folder / "network.onnx")
            own = sorted((ROOT / "data/pretrained").glob("musicnn_*.onnx"))
            for path in own:
                shutil.copy(path, folder)
            try:
                own or musicnn.fetch(folder)
            except UserError as error:
                pytest.skip(str(error))
            (root / "conf").symlink_to(ROOT / "conf")
            (root / ".regenre").touch()
    return root


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
def cluster(tmp_path_factory, programs: Path) -> Iterator[str]:
    """A scheduler and two workers of one thread on loopback; a worker that dies is started again by its nanny."""
    folder = tmp_path_factory.mktemp("dask")
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"}
    port = str(find_port())
    address = f"tcp://127.0.0.1:{port}"

    def start(*arguments: str) -> subprocess.Popen:
        command = [str(programs / "python"), "-m", "dask", *arguments]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, env=env)

    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", port, "--dashboard-address", ":0")
    workers = start("worker", address, "--nworkers", "2", "--nthreads", "1", "--no-dashboard")
    try:
        for _ in range(120):
            try:
                with Dask(address, timeout_s=1).use():
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


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A `python` and a `regenre` that have the libraries imported; the processes of pytest-xdist share them."""
    if SHARED_PROGRAMS in os.environ:
        yield Path(os.environ[SHARED_PROGRAMS])
        return
    with warm.start(tmp_path_factory.mktemp("warm")) as folder:
        yield folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, programs: Path) -> Project:
    """A project of this process on which `dvc repro` has run."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    with FileLock(f"{shared}.lock"):
        if not (shared / "done").is_file():
            project = Project.make(shared)
            project.programs = programs
            (shared / "output").write_text(project.run("dvc", "repro"))
            (shared / "done").touch()
    project = Project(shared).copy_to(tmp_path_factory.mktemp("finished") / "project")
    project.programs = programs
    return project


@pytest.fixture(scope="module")
def project(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project for the tests of one module, which may leave their changes to the next."""
    return finished.copy_to(tmp_path_factory.mktemp("module") / "project")


def pytest_configure(config: pytest.Config) -> None:
    """Compile, and start the shared programs, before the workers of pytest-xdist start.

    Several processes that compile at once spoil numba's cache, and the programs import librosa too, but not regenre.
    Projects copy what is compiled of regenre with its sources.
    """
    gc.disable()  # until the tests are collected
    if "PYTEST_XDIST_WORKER" in os.environ:
        warm.use_for_workers(Path(os.environ[SHARED_PROGRAMS]))
    if config.getoption("numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        for name in ("util.utils", "beat", "core.pitch", "core.audio"):
            importlib.import_module(f"librosa.{name}")
        stack = ExitStack()
        config.add_cleanup(stack.close)
        folder = Path(stack.enter_context(TemporaryDirectory()))
        os.environ[SHARED_PROGRAMS] = str(stack.enter_context(warm.start(folder)))
        SpectralShape([0.5])(frames_of(silence()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run slow modules first, so that no process is left with a long one at the end.

    The first one makes the finished project; the next ones do without it, so that no process waits for it. Those of
    the outermost folder are about the whole project, and the longest; of quick ones, they are the shortest.
    """
    first = next((item.path for item in items if uses_finished(item)), None)

    def rank(item: pytest.Item) -> tuple[bool, bool, bool, int]:
        depth = len(item.path.parts)
        return (item.path != first, is_quick(item), uses_finished(item), -depth if is_quick(item) else depth)

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Spare Python's collector the walks through what stays: every test, and every module."""
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


def pytest_sessionfinish() -> None:
    """Collect what tests lost once; pytest does it five times at its end, in each process."""
    gc.collect()
    gc.freeze()


def is_quick(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is None


def uses_finished(item: pytest.Item) -> bool:
    return "finished" in getattr(item, "fixturenames", ())
