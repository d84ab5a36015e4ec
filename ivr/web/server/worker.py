"""One process that answers: an event loop, a few threads, and a sign of life twice a second."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import os
import resource
import signal
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from ivr.long_running import seek_garbage_often
from ivr.web.server.http_protocol import BoundedProtocol, ConnectionLimit, CountRefusals, RefusalLog
from ivr.web.server.wsgi_adapter import ThreadPool, WsgiAdapter, environ_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from uvicorn._types import HTTPScope
    from uvicorn.config import Config


# A worker whose main process has died must not go on serving: nobody would see it, stop it or replace it.

EVERY = 0.2  # Seconds.
GRACE = 2.0  # Seconds for the answers that are being written.


def die_with_parent(parent: int) -> None:
    """Watch the process that started this one, and end soon after it does: also when it has ended by now."""
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="orphan-watch").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(EVERY)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


logger = logging.getLogger(__name__)

BEAT = 0.5  # Seconds.
COLLECTED = 60  # Beats: a page of the console leaves some thousand things that hold each other.
KEEP_ALIVE = 75  # Seconds: longer than proxies keep theirs (60), so that it is they who close.
ENDING_SECONDS = 8  # For what has begun, when the process is told to end.
OWN_FILES = 256  # Descriptors that are not connections.
MOST_CONNECTIONS = 4096
BOOT_ERROR = 3  # gunicorn's word for it.
SERVER_ERROR = 500
TURN = 0.0005  # Seconds of one thread, after which another may go on: a tenth of Python's own choice.


class HttpWorker(UvicornWorker):
    """Serves Flask until it is told to end, or until a request is stuck in a thread."""

    CONFIG_KWARGS: dict[str, Any] = {  # noqa: RUF012 - declared so by uvicorn-worker
        "loop": "uvloop",
        "ws": "none",
        "interface": "asgi3",
        "lifespan": "off",
        "access_log": False,  # Addresses of the wait document name transfers.
        "server_header": False,
        "proxy_headers": False,
        "callback_notify": None,
        "timeout_graceful_shutdown": ENDING_SECONDS,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        log = logging.getLogger("uvicorn.error")
        log.setLevel(logging.WARNING)
        log.propagate = True

    def init_process(self) -> None:
        """Begin as a process of its own."""
        die_with_parent(self.ppid)
        self.app.passing.close()
        super().init_process()

    def run(self) -> None:
        """Serve, and end at once: a thread that is stuck, or what Python tidies up, is not waited for."""
        super().run()
        logging.shutdown()
        os._exit(0)

    async def _serve(self) -> None:
        refusals = RefusalLog(counted=self.app.count_refusal)
        logging.getLogger("uvicorn.error").addFilter(CountRefusals(refusals))
        limit = ConnectionLimit(most_connections(), refusals)
        seek_garbage_often()
        sys.setswitchinterval(TURN)
        pool = ThreadPool(self.app.options.threads)
        self.config.http = type(
            "Protocol",
            (BoundedProtocol,),
            {"limit": limit, "last_word_seconds": self.app.options.last_word_seconds},
        )
        self.config.app = adapter = WsgiAdapter(self.wsgi, pool, refusals)
        server = QuietServer(self.config)
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, server.end_now)
        beating = asyncio.create_task(self._beat(server, adapter, refusals))
        await server.serve(sockets=self.sockets)
        beating.cancel()
        if not server.started:
            sys.exit(BOOT_ERROR)

    async def _beat(self, server: QuietServer, adapter: WsgiAdapter, refusals: RefusalLog) -> None:
        """Tell the main process that this one lives, once it has answered and while no request is stuck."""
        status = await adapter.pool.run(partial(contextvars.Context().run, self._probe))
        await server.listening.wait()
        if status >= SERVER_ERROR:
            logger.error("the application answers its own probe with %s", status)
            server.should_exit = server.force_exit = True
            server.started = False
            return
        logger.info("Started worker")
        patience = round(self.app.options.stuck_seconds / BEAT)
        for beats in count(1):
            refusals.tell()
            if not beats % COLLECTED:
                gc.collect()
            if max(adapter.pool.beat(), adapter.rest.beat()) <= patience:
                self.notify()
            elif not server.should_exit:
                logger.error("a request is stuck for %s s: this process ends", self.app.options.stuck_seconds)
                server.should_exit = True
            await asyncio.sleep(BEAT)

    def _probe(self) -> int:
        """Ask the application for its health; give the status of its answer."""
        found: list[str] = []
        body = self.wsgi(environ_of(PROBE, b""), lambda status, _headers, _error=None: found.append(status))
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()
        return int(found[0][:3])


PROBE: HTTPScope = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/health",
    "raw_path": b"/health",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"127.0.0.1")],
    "client": ("127.0.0.1", 0),
    "server": ("127.0.0.1", 0),
}


class QuietServer(Server):
    """uvicorn's server, which ends without raising again the signal that ended it."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self.listening.set()

    async def _serve(self, sockets: list[socket.socket] | None = None) -> None:
        await super()._serve(sockets)
        self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what was begun."""
        logger.info("finishing what was begun")
        cast("type[BoundedProtocol]", self.config.http_protocol_class).process_ends = True
        await super().shutdown(sockets)

    def end_now(self) -> None:
        """End without waiting for anybody."""
        self.should_exit = self.force_exit = True


def most_connections() -> int:
    """Say how many connections one process can hold."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(min(MOST_CONNECTIONS, files - OWN_FILES), files // 2)


# Whether a process hangs, told from one that is only starved of processor time by a busy machine.

HANGING_SECONDS = 3.0  # Without a sign of life, of time in which the process could have given one.
STOPPED_SECONDS = 2.0  # The same for one that somebody has stopped: it cannot be mistaken for a busy one.
STARTING_SECONDS = 60.0  # Until the first sign of life.
LONGEST_LOOK = 1.0  # A longer gap between two looks means that it was us who did not run.
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class ProcessState:
    """What the kernel says of a process."""

    cpu_seconds: float
    runnable: bool  # One of its threads runs or waits for a processor.
    stopped: bool


class StallDetector:
    """Watches one process. It is charged the time in which it could have given a sign of life.

    That is the whole time between two looks while none of its threads wants a processor, and else only the
    processor time that it was given: a process that gets none is not at fault for its silence.
    """

    def __init__(self, now: float) -> None:
        self._looked = now
        self._sign: float | None = None
        self._started = False
        self._silence = 0.0
        self._cpu: float | None = None

    def hangs(self, sign: float | None, read: Callable[[], ProcessState | None], now: float) -> bool:
        """Whether the process has been silent for too long. ``sign`` is the time of its last sign of life.

        The kernel is asked only where the sign is an old one: a process has many threads.
        """
        elapsed, self._looked = min(now - self._looked, LONGEST_LOOK), now
        if sign != self._sign:
            self._sign, self._started, self._silence, self._cpu = sign, True, 0.0, None
            return False
        state = read()
        if state is None:  # It ends, or this system has no /proc: then half of the time is given away.
            self._silence += elapsed / 2
        elif state.runnable:
            before = state.cpu_seconds if self._cpu is None else self._cpu
            self._silence += min(state.cpu_seconds - before, elapsed)
        else:
            self._silence += elapsed
        self._cpu = state.cpu_seconds if state else None
        if state and state.stopped:
            return self._silence > STOPPED_SECONDS
        return self._silence > (HANGING_SECONDS if self._started else STARTING_SECONDS)


def read_process(pid: int) -> ProcessState | None:
    """Ask the kernel about a process; nothing where it cannot say."""
    try:
        fields = _stat(Path(f"/proc/{pid}/stat"))
        states = [_stat(task / "stat")[0] for task in Path(f"/proc/{pid}/task").iterdir()]
    except (OSError, IndexError):
        return None
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    return ProcessState(cpu, runnable="R" in states, stopped=fields[0] in "Tt")


def _stat(path: Path) -> list[str]:
    """Split the line from the state on: a program's name may hold blanks and brackets."""
    return path.read_text(errors="replace").rpartition(")")[2].split()
