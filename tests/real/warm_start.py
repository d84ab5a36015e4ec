"""Processes of the line that begin where their modules are imported already, which is most of a start.

A process that has imported them, and compiled the rules by which texts are read, waits. Asked for a command,
it forks and runs the command's script in the child, with the environment, log, session and folder that it was
given. The child belongs to whoever asked, as one that was started without help.
"""

from __future__ import annotations

import ctypes
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PHRASES = Path(__file__).parent.parent.parent / "phrases"
MODULES = (  # What commands import, and what those import only once they run.
    "ivr.cli.main",
    "ivr.wiring",
    "ivr.jobs",
    "ivr.reports.digest",
    "ivr.web.server.main_process",
    "ivr.web.server.worker",
    "ivr.work.worker",
    "gunicorn.arbiter",
    "pydantic.dataclasses",
    "rq.worker",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "twilio.rest.api.v2010",
    "uvicorn_worker",
    "uvloop",
)
COUNTS = "PROMETHEUS_MULTIPROC_DIR"
SUBREAPER = 36  # prctl(2): whoever loses their parent below this process becomes its child.
LONGEST = 65_536  # Bytes of a command and its environment.
LOOK = 0.01  # Seconds between two looks whether a process has ended.


class WarmProcess:
    """A process that was started so; it is asked and ended as `subprocess.Popen` is."""

    def __init__(self, pid: int, args: Sequence[str]) -> None:
        self.pid, self.args = pid, args
        self.returncode: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Give the code with which the process ended, None while it lives."""
        with self._lock:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process has ended; TimeoutExpired when it has not in so many seconds."""
        deadline = time.monotonic() + (timeout or float("inf"))
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            time.sleep(LOOK)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, if the process still lives."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process."""
        self.send_signal(signal.SIGKILL)


class WarmStart:
    """Starts scripts from one process that waits for them. It ends with this one."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
        self._lock = threading.Lock()
        self._asked, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._waiting = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def __call__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> WarmProcess:
        """Start a Python script in a session of its own, in the folder of its log."""
        return self._start(command, environment, log.parent, log, log)

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a Python script in a folder to its end, and give what it wrote."""
        with tempfile.TemporaryDirectory() as own:
            said, complained = Path(own) / "said", Path(own) / "complained"
            code = self._start(command, environment, folder, said, complained).wait(seconds)
            return subprocess.CompletedProcess(
                command, code, said.read_text("utf-8"), complained.read_text("utf-8")
            )

    def _start(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, *logs: Path
    ) -> WarmProcess:
        wish = json.dumps([list(command), dict(environment), str(folder)]).encode()
        with self._lock, ExitStack() as open_files:
            files = [open_files.enter_context(log.open("ab")).fileno() for log in logs]
            socket.send_fds(self._asked, [wish], files)
            return WarmProcess(int(self._asked.recv(LONGEST)), command)


@cache
def warm_start() -> WarmStart:
    """Give the one process that waits beside this one."""
    return WarmStart()


def wait_for_wishes(asked: socket.socket) -> None:
    """Start what is asked for until nobody can ask any more."""
    while True:
        wish, logs, _, _ = socket.recv_fds(asked, LONGEST, 2)
        if not wish:
            return
        come, gone = os.pipe()
        between = os.fork()
        if not between:  # It dies at once, so that its child comes to whoever asked.
            child = os.fork()
            if child:
                os.write(gone, str(child).encode())
                os._exit(0)
            asked.close()
            os.close(come)
            os.close(gone)
            run_script(json.loads(wish), *logs)
        os.close(gone)
        os.waitpid(between, 0)
        asked.send(os.read(come, LONGEST))
        os.close(come)
        for log in logs:
            os.close(log)


def run_script(wish: tuple[list[str], dict[str, str], str], said: int, complained: int) -> NoReturn:
    """Be the process that was asked for."""
    sys.argv, environment, folder = wish
    os.setsid()
    for log, descriptor in ((said, 1), (complained, 2)):
        os.dup2(log, descriptor)
        os.close(log)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    runpy.run_path(sys.argv[0], run_name="__main__")  # Which exits by itself.
    raise SystemExit(0)


def import_all() -> None:
    """Import what processes of the line need, and compile what they compile: `re` keeps it for children."""
    os.environ[COUNTS] = ""  # Now the library of counts decides that processes share them; where, each reads.
    for module in MODULES:
        import_module(module)
    del os.environ[COUNTS]
    from ivr.understanding.understand import read_rules  # noqa: PLC0415 - after the library of counts

    read_rules(PHRASES).compile()


if __name__ == "__main__":
    import_all()
    with socket.socket(fileno=int(sys.argv[1])) as wishes:
        wait_for_wishes(wishes)
