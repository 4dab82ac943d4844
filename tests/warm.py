"""A `python` for tests that has the libraries imported already: it forks for each command.

A stage of a tiny project takes a fifth of a second, and its imports take two. A command of a test that begins with
`python`, `regenre` or `dvc`, also one that DVC, joblib or Dask runs, is sent to a process that waits with the
libraries, but without regenre, for each project has sources of its own. Tests of signals and of installation do without
it. A command gets the open files and the blocked signals of the process that sent it, and is killed with it; if it ends
without a status, that process is killed too.

    start            a server; returns the folder with its commands
    use_for_workers  start the processes of joblib so
"""

import atexit
import fcntl
import gc
import importlib
import json
import multiprocessing
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

LIBRARIES = (
    "alembic.command", "av.subtitles", "celery.app.amqp", "distributed", "dulwich.porcelain", "dvc.cli.parser",
    "dvc.data_cloud", "dvc.render.match", "dvc.repo.experiments.queue.celery", "dvc.repo.index",
    "dvc.repo.open_repo", "dvc.utils.strictyaml", "dvc_data.hashfile.db.local",
    "hydra._internal.core_plugins.basic_sweeper", "hydra_plugins.hydra_joblib_launcher.joblib_launcher", "joblib",
    "librosa.filters", "librosa.util.utils",
    "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "matplotlib.figure", "mlflow",
    "mlflow.models", "mlflow.store.tracking.sqlalchemy_workspace_store", "networkx", "pandas",
    "PIL.JpegImagePlugin", "pyarrow.dataset", "pyarrow.pandas_compat", "pyarrow.parquet", "pydantic.dataclasses",
    "ruamel.yaml.cyaml", "scipy.ndimage", "scipy.signal", "scipy.spatial", "scipy.stats", "sklearn.compose",
    "sklearn.discriminant_analysis", "sklearn.ensemble", "sklearn.model_selection", "sklearn.neighbors",
    "sklearn.svm", "skops.io", "soundfile", "soxr", "sqlalchemy.dialects.sqlite", "tabulate",
)  # fmt: skip
CLIENT = """#!{python} -IS
import json, os, signal, socket, sys
files = [number for number in map(int, os.listdir("/dev/fd")) if os.path.exists(f"/dev/fd/{{number}}")]
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
socket.send_fds(server, [b"{{"], files)
for number in set(files) - {{0, 1, 2}}:  # else a pipe that the command closes would stay open
    os.close(number)
mask = [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])]
request = [sys.argv[0], {command!r} + sys.argv[1:], os.getcwd(), dict(os.environ), files, os.getpid(), mask]
server.sendall(json.dumps(request).encode() + b"\\n")
sys.exit((server.recv(1) or os.kill(os.getpid(), signal.SIGKILL))[0])
"""
COMMANDS = {"python": [], "regenre": ["-m", "regenre"], "dvc": ["-m", "dvc"]}


@contextmanager
def start(folder: Path) -> Iterator[Path]:
    """Start a server, and yield the folder with its commands."""
    address, programs = folder / "socket", folder / "bin"
    programs.mkdir()
    for name, command in COMMANDS.items():
        text = CLIENT.format(python=sys.executable, address=str(address), command=command)
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen(64)  # commands wait until the server is ready
        number = str(listener.fileno())
        server = subprocess.Popen([sys.executable, __file__, number], pass_fds=[listener.fileno()])
    try:
        yield programs
    finally:
        server.kill()
        server.wait()


def use_for_workers(programs: Path) -> None:
    """Let joblib start the processes of this one with the `python` of these programs."""
    from joblib.externals.loky.backend import popen_loky_posix

    module = ModuleType("sys")
    module.__dict__.update(executable=str(programs / "python"), __getattr__=lambda name: getattr(sys, name))
    popen_loky_posix.sys = module


def serve(number: int) -> None:
    """Run each command that arrives at a listening socket in a process of its own."""
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    gc.set_threshold(20_000)  # a command of a test ends before there is much to collect
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    with socket.socket(fileno=number) as listener:
        while True:
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                answer(client)
            client.close()


def answer(client: socket.socket) -> None:
    """Run the client's command with its open files, folder and environment, send the status, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    client = socket.socket(fileno=move(client.detach()))
    _, received, _, _ = socket.recv_fds(client, 1, 253)
    with client.makefile("rb") as request:
        program, arguments, folder, environment, numbers, process, mask = json.loads(request.readline())
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for file, number in zip([move(file) for file in received], numbers, strict=True):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    threading.Thread(target=die_with, args=(client, os.getpid()), daemon=True).start()
    if any("loky" in argument for argument in arguments):
        os.getpid = lambda: process  # joblib knows its workers by the process that it started
    sys.executable = str(Path(program).with_name("python"))
    multiprocessing.set_executable(sys.executable)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[:1] = [folder, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    status = run(arguments)
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.closed or stream.flush()
        except OSError:
            status = status or 120
    client.sendall(bytes([status]))
    os._exit(status)


def move(file: int) -> int:
    """Give an open file a number that no client uses."""
    number = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 512)
    os.close(file)
    return number


def die_with(client: socket.socket, process: int) -> None:
    """End this process at once if the client ends, for somebody killed it."""
    client.recv(1)
    os.kill(process, signal.SIGKILL)


def run(arguments: list[str]) -> int:
    """Do what `python` does with these arguments; return its status."""
    sys.argv = arguments[:]
    try:
        if arguments[0] == "-m":
            sys.argv = ["-m", *arguments[2:]]  # what a package sees while it is imported
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        elif arguments[0] == "-c":
            sys.argv = ["-c", *arguments[2:]]
            exec(arguments[1], {"__name__": "__main__"})
        else:
            sys.path[0] = str(Path(arguments[0]).parent.absolute())
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 255
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve(int(sys.argv[1]))
