"""A `python` for tests that has the libraries imported already: it forks for each command.

A stage of a tiny project takes a fifth of a second, and its imports take two. A command of a test that begins with
`python`, `regenre` or `dvc`, also one that DVC runs, is sent to a process that waits with the libraries, but without
regenre, for each project has sources of its own. Tests of signals and of installation do without it.
With WARM_CHILDREN in its environment, the `sys.executable` that a command starts is such a `python` too. A command is
killed with the process that sent it.

    start  a server; returns the folder with its commands
"""

import atexit
import gc
import importlib
import json
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

LIBRARIES = (
    "alembic.command", "av", "dvc.cli", "dvc.repo", "hydra", "joblib", "librosa.filters", "librosa.util.utils",
    "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "matplotlib.figure", "mlflow",
    "mlflow.models", "mlflow.store.tracking.sqlalchemy_store", "pandas", "pyarrow.pandas_compat", "pyarrow.parquet",
    "pydantic", "scipy.ndimage", "scipy.signal", "scipy.spatial", "scipy.stats", "sklearn.compose",
    "sklearn.discriminant_analysis", "sklearn.ensemble", "sklearn.model_selection", "sklearn.neighbors", "sklearn.svm",
    "skops.io", "soundfile", "soxr",
)  # fmt: skip
CLIENT = """#!{python} -IS
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
socket.send_fds(server, [b"{{"], [0, 1, 2])
server.sendall(json.dumps([sys.argv[0], {command!r} + sys.argv[1:], os.getcwd(), dict(os.environ)]).encode() + b"\\n")
sys.exit((server.recv(1) or b"\\1")[0])
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


def serve(number: int) -> None:
    """Run each command that arrives at a listening socket in a process of its own."""
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    with socket.socket(fileno=number) as listener:
        while True:
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                answer(client)
            client.close()


def answer(client: socket.socket) -> None:
    """Run the client's command with its streams, folder and environment, send the status, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(client, 1, 3)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    with client.makefile("rb") as request:
        program, arguments, folder, environment = json.loads(request.readline())
    threading.Thread(target=die_with, args=(client,), daemon=True).start()
    if environment.pop("WARM_CHILDREN", ""):
        sys.executable = str(Path(program).with_name("python"))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[:1] = [folder, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    status = run(arguments)
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = status or 120
    client.sendall(bytes([status]))
    os._exit(status)


def die_with(client: socket.socket) -> None:
    """End this process at once if the client ends, for somebody killed it."""
    client.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


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
