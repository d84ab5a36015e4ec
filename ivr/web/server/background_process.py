"""One more process beside those that answer, for what no caller waits for.

The main process forks it, replaces it when it ends or hangs, and ends it last, after those that answer.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gunicorn.workers.workertmp import WorkerTmp

from ivr.long_running import seek_garbage_often
from ivr.web.server.worker import GRACE, StallDetector, read_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from gunicorn.config import Config

logger = logging.getLogger(__name__)

BEAT = 0.2  # Seconds.
AFTER_FAILURE = 1.0  # Seconds until it is started again.
ENDING_SECONDS = 8.0
LESS_URGENT = 10  # By nice: where processors are short, it gets a tenth of what one that answers gets.
THEIRS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR2)  # The main process's.
END = signal.SIGUSR1  # A platform ends all processes at once: this one waits for the main's word, or its end.


class BackgroundProcess:
    """Starts one process, watches it and ends it. For the thread of the main process.

    ``begin`` is called in it, and starts a thread that does the work; what it gives is called at the end.
    """

    def __init__(self, name: str, begin: Callable[[], Callable[[], object]], config: Config) -> None:
        self.name = name
        self._begin = begin
        self._config = config
        self._pid = 0
        self._signs: WorkerTmp | None = None
        self._detector: StallDetector | None = None
        self._next_start = 0.0

    def look(self) -> None:
        """Start it if it is not there, and replace it if it hangs."""
        now = time.monotonic()
        if self._pid and not self._is_there():
            logger.error("process %s (%s) has ended, and is started again", self._pid, self.name)
            self._pid, self._next_start = 0, now + AFTER_FAILURE
        if not self._pid and now >= self._next_start:
            self._start(now)
        elif self._pid and self._hangs(now):
            logger.error("process %s (%s) hangs, and is replaced", self._pid, self.name)
            self._send(signal.SIGKILL)

    def renew(self) -> None:
        """Have another begin with what this process has read anew; the one that is there finishes."""
        self._send(END)
        self._pid = 0

    def end(self) -> None:
        """End it, once there is nothing left to do, or soon."""
        self._send(END)
        deadline = time.monotonic() + ENDING_SECONDS
        while self._pid and self._is_there():
            if time.monotonic() > deadline:
                self._send(signal.SIGKILL)
            time.sleep(0.02)
        self._pid = 0

    def _start(self, now: float) -> None:
        if self._signs:
            self._signs.close()
        self._signs, self._detector = WorkerTmp(self._config), StallDetector(now)
        main = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, {END})  # Whoever is told to end at once hears of it later.
        self._pid = os.fork()
        if self._pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {END})
            return
        failed = 1
        try:
            self._run(main)
            failed = 0
        except Exception:
            logger.exception("process %s (%s) failed", os.getpid(), self.name)
        finally:
            logging.shutdown()
            sys.stderr.flush()
            os._exit(failed)

    def _run(self, main: int) -> None:
        """Do the work, until told to end. In the process itself."""
        told: list[int] = []
        for each in THEIRS:
            signal.signal(each, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(END, lambda number, _: told.append(number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {END})
        with suppress(OSError):
            Path("/proc/self/comm").write_text(self.name, "ascii")
            os.nice(LESS_URGENT)
        seek_garbage_often()
        finish = self._begin()
        while not told and os.getppid() == main:
            self._give_sign()
            time.sleep(BEAT)
        if not told:  # Those that answer see it as well, and end.
            time.sleep(GRACE)
        finish()

    def _give_sign(self) -> None:
        if self._signs:
            self._signs.notify()

    def _hangs(self, now: float) -> bool:
        if not self._signs or not self._detector:
            return False
        sign = self._signs.last_update()
        return self._detector.hangs(sign if sign <= now else None, partial(read_process, self._pid), now)

    def _is_there(self) -> bool:
        """Whether it lives; it is buried if it does not, by us or with those that answer."""
        with suppress(ChildProcessError):
            return os.waitpid(self._pid, os.WNOHANG)[0] == 0
        return False

    def _send(self, number: signal.Signals) -> None:
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)
