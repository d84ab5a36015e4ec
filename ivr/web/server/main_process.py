"""The main process of a server: starts those that answer, and replaces one that ends or hangs."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.glogging import Logger

from ivr.logs import set_up_logs
from ivr.operations.version import running_version
from ivr.web.server.background_process import BackgroundProcess
from ivr.web.server.http_protocol import LAST_WORD_SECONDS
from ivr.web.server.listening_socket import (
    PortTakenError,
    SocketPassing,
    bind,
    door_name,
    find_running,
    take_given,
)
from ivr.web.server.shared_counts import share_counts
from ivr.web.server.worker import ENDING_SECONDS, KEEP_ALIVE, HttpWorker, StallDetector, read_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask

    from ivr.web.server.listening_socket import RunningServer


# What this server tells whoever started it (systemd's sd_notify), and how it was started.

logger = logging.getLogger(__name__)

NOTIFY = "NOTIFY_SOCKET"


@dataclass(frozen=True)
class Supervisor:
    """Whoever started this process, if it wants to be told: ready means that all processes answer."""

    address: str
    command: tuple[str, ...]  # What started this process: run again, it starts the version that lies there.
    environment: Mapping[str, str]

    @classmethod
    def of_this_process(cls) -> Supervisor:
        """Read who started this process, and keep it from gunicorn, which says "ready" before it is."""
        environment = dict(os.environ)
        return cls(os.environ.pop(NOTIFY, ""), tuple(sys.argv), environment)

    def tell_ready(self) -> None:
        """Say that callers are answered, and by which main process: a new version's is another."""
        self.tell(f"MAINPID={os.getpid()}\nREADY=1")

    def tell_reloading(self) -> None:
        """Say that files are taken up."""
        self.tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def tell(self, state: str) -> None:
        """Send a state, if anybody wants to know."""
        if not self.address:
            return
        name = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.connect(name)
                line.sendall(state.encode())
        except OSError as error:
            logger.warning("whoever started this server cannot be told of it: %s", error.strerror)


LOOK = 0.5  # Seconds between two looks at the processes.
AFTER_FAILURE = 1.0  # Seconds until a process is started again that did not come up.


@dataclass(frozen=True)
class ServerOptions:
    """What is served, and how."""

    factory: str  # module:function, called in each process after it was forked.
    host: str
    port: int
    workers: int
    threads: int = 8
    stuck_seconds: float = 10.0  # Older than this, a request is stuck and its process is replaced.
    last_word_seconds: float = LAST_WORD_SECONDS
    refused: str = ""  # module:function, called with the reason of each refusal.
    files: str = ""  # module:function, called in the main process: its result goes to the factory.
    # module:function, called with these files in the main process while others still answer: what takes long.
    prepare: str = ""
    prepare_first: bool = False  # Also where nobody answers yet.
    # name and module:function, called with these files in one more process: see `BackgroundProcess`.
    background: tuple[str, str] | None = None


def serve(options: ServerOptions, *, replace: bool = False) -> None:
    """Serve until told to end. PortTakenError when the port is another's."""
    set_up_logs(version=running_version())
    _raise_file_limit()
    supervisor = Supervisor.of_this_process()
    name = door_name(options.host, options.port)
    given, older = take_given(), find_running(name)
    if older and not replace:
        raise PortTakenError(
            f"process {older.pid} answers on port {options.port} already: stop it,"
            " or add --replace to take over from it without losing a caller"
        )
    share_counts(options.port, goes_on=older is not None)  # Before anything that counts is imported.
    listener = given or (older.pass_socket() if older else bind(options.host, options.port))
    app = _Application(options, SocketPassing(listener, name))
    if older or options.prepare_first:
        app.prepare()
    MainProcess(app, listener, older, supervisor).run()


class _Application(BaseApplication):
    """What gunicorn asks about us."""

    def __init__(self, options: ServerOptions, passing: SocketPassing) -> None:
        self.options = options
        self.passing = passing
        # Imported before the processes are forked, so that each is up sooner; called in each of them.
        self._factory: Callable[..., Flask] = _named(options.factory)
        self.count_refusal: Callable[[str], object] = (
            _named(options.refused) if options.refused else lambda _: None
        )
        # Read here, so that a process that is replaced begins with the files of all others.
        self._read_files: Callable[..., object] | None = _named(options.files) if options.files else None
        self._files = self._read_files() if self._read_files else None
        self._prepare: Callable[[object], object] | None = (
            _named(options.prepare) if options.prepare else None
        )
        self._background = _named(options.background[1]) if options.background else None
        super().__init__()

    def background(self, listener: socket.socket) -> BackgroundProcess | None:
        """Give what is to be done beside answering, if anything is."""
        begin = self._background
        if begin is None or not self.options.background:
            return None

        def beside() -> Callable[[], object]:
            listener.close()  # It answers nobody, and must not keep the port.
            self.passing.close()
            finish: Callable[[], object] = begin(self._files)
            return finish

        return BackgroundProcess(self.options.background[0], beside, cast("Any", self.cfg))

    def prepare(self) -> None:
        """Prepare the files once for all processes, which then need not do it while callers wait."""
        if self._prepare:
            self._prepare(self._files)

    def read_anew(self) -> bool:
        """Read the files anew; say whether processes are to be started with them. Broken ones are refused."""
        files = self._read_files(self._files) if self._read_files else None
        if files is None:
            return False
        self._files = files
        self.prepare()
        return True

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        config: Any = self.cfg
        settings = {
            "bind": f"{self.options.host}:{self.options.port}",
            "workers": self.options.workers,
            "worker_class": HttpWorker,
            "logger_class": OurLogger,
            "keepalive": KEEP_ALIVE,
            "graceful_timeout": ENDING_SECONDS + 2,
            "control_socket_disable": True,
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,  # noqa: S108 - memory: no disk can make a sign of life late
        }
        for key, value in settings.items():
            config.set(key, value)

    def load(self) -> Flask:
        """Make the application, in the process that will serve it."""
        return self._factory(self._files) if self._read_files else self._factory()


class OurLogger(Logger):
    """Writes gunicorn's lines as we write ours."""

    def setup(self, cfg: Any) -> None:
        """Leave the writing to the root logger."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class MainProcess(Arbiter):
    """gunicorn's main process, with another idea of when a process hangs."""

    def __init__(
        self,
        app: _Application,
        listener: socket.socket,
        older: RunningServer | None,
        supervisor: Supervisor,
    ) -> None:
        super().__init__(app)
        self.LISTENERS = [listener]
        self._background = app.background(listener)
        self._older = older
        self._supervisor = supervisor
        self._answered = False  # All processes have answered once.
        self._detectors: dict[int, StallDetector] = {}
        self._next_start = 0.0
        self._outdated_age = 0  # Processes up to this age began with older files.
        self._ending: set[int] = set()

    def start(self) -> None:
        """Begin, and be there for who asks for the socket before any of our processes answers."""
        super().start()
        self.app.passing.look()

    def wait_for_signals(self, timeout: float = LOOK) -> list[int]:
        """Wait for a signal, but not for longer than until the next look."""
        found: list[int] = super().wait_for_signals(min(timeout, LOOK))
        return found

    def murder_workers(self) -> None:
        """Kill what hangs, at once; and see to an older and a newer server."""
        now = time.monotonic()
        self._detectors = {pid: self._detectors.get(pid) or StallDetector(now) for pid in self.WORKERS}
        for pid, worker in list(self.WORKERS.items()):
            if self._detectors[pid].hangs(_sign_of(worker), partial(read_process, pid), now):
                logger.error("process %s hangs, and is replaced", pid)
                self.kill_worker(pid, signal.SIGKILL)
        if not self._answered and self.WORKERS and all(map(_sign_of, self.WORKERS.values())):
            self._answered = True
            self._supervisor.tell_ready()
            if self._older:
                logger.info("the new version answers: process %s is told to end", self._older.pid)
                self._older.stop()
        self.app.passing.look()
        if self._background:
            self._background.look()

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002 - gunicorn's
        """End those that answer, then what is done beside them."""
        super().stop(graceful)
        if self._background:
            self._background.end()

    def reap_workers(self) -> None:
        """Bury those that ended. Once all have answered, one that does not come up is tried again."""
        try:
            super().reap_workers()
        except HaltServer:
            if not self._answered:
                raise
            self._next_start = time.monotonic() + AFTER_FAILURE

    def manage_workers(self) -> None:
        """Start what is missing; end those that have older files once all of the others answer."""
        self._ending &= self.WORKERS.keys()
        current = {pid: worker for pid, worker in self.WORKERS.items() if worker.age > self._outdated_age}
        if time.monotonic() >= self._next_start:
            for _ in range(self.num_workers - len(current)):
                self.spawn_worker()
        too_many = sorted(current, key=lambda pid: current[pid].age)[: -self.num_workers]
        if len(current) >= self.num_workers and all(map(_sign_of, current.values())):
            self._end(*(self.WORKERS.keys() - current.keys()))
        self._end(*too_many)

    def spawn_worker(self) -> int:
        """Start a process. What is there before stays: no collection of garbage need look at it."""
        gc.freeze()
        pid: int = super().spawn_worker()
        return pid

    def handle_hup(self) -> None:
        """Take up the files anew: new processes answer with them before the old ones end."""
        self._supervisor.tell_reloading()
        if self.app.read_anew():
            self._outdated_age = self.worker_age
            if self._background:
                self._background.renew()
        self._supervisor.tell_ready()

    def handle_usr2(self) -> None:
        """Start the new version that lies where this one was started from: it takes over once it answers."""
        command = [
            *self._supervisor.command,
            *(() if "--replace" in self._supervisor.command else ("--replace",)),
        ]
        logger.info("a new version is started")
        try:
            subprocess.Popen(command, env=self._supervisor.environment)  # noqa: S603 - what started us
        except OSError as error:
            logger.error("the new version cannot be started: %s", error.strerror)  # noqa: TRY400 - its text says all

    def handle_term(self) -> None:
        """End, and say so."""
        self._supervisor.tell("STOPPING=1")
        super().handle_term()

    def _end(self, *pids: int) -> None:
        """Tell processes, once, to finish what they began."""
        for pid in pids:
            if pid not in self._ending:
                self._ending.add(pid)
                self.kill_worker(pid, signal.SIGTERM)


def _sign_of(worker: HttpWorker) -> float | None:
    """Give the last sign of life; a process that has given none yet has the time of its file's making."""
    try:
        sign: float = worker.tmp.last_update()
    except (OSError, ValueError):
        return None
    return sign if sign <= time.monotonic() else None


def _named(name: str) -> Callable[..., Any]:
    """Import a function by module:function."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def _raise_file_limit() -> None:
    """Let a process hold as many connections as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
