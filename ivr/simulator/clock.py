"""The clocks of the pretend network: one that jumps, for one process, and one that runs at some speed.

Between them stands the one for tests with real processes, in `event_clock.py`: it waits for answers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from ivr.simulator.agenda import Agenda, Timer

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

T = TypeVar("T")
START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)  # A Monday morning in Hamilton, for tests that name none.
LIMIT = 600.0  # Nobody waits longer than this for anything on the line.
HANDS = 256  # Webhooks that may be under way at once: 200 calls, and room.


class Clock(Protocol):
    """What the network needs of time. Its lock guards everything that the network knows."""

    lock: threading.Condition

    def now(self) -> float:
        """Tell the seconds since the network began."""

    def date(self, at: float) -> datetime:
        """Tell the date of a moment."""

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Do something, with the lock held, when so many seconds have passed."""

    def work(self, job: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do a slow thing without the lock, then hand its result on with the lock."""

    def until(self, ready: Callable[[], bool], limit: float = LIMIT) -> bool:
        """Let time pass until something is true; tell whether it became so."""

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""

    def close(self) -> None:
        """Stop."""


class VirtualClock:
    """A clock that jumps to the next thing due. While a webhook is being answered it stands still."""

    def __init__(self, start: datetime = START) -> None:
        self.lock = threading.Condition(threading.RLock())
        self.start = start
        self._now = 0.0
        self._agenda = Agenda()
        self._jobs: deque[Callable[[], None]] = deque()

    def now(self) -> float:
        """Tell the seconds since the network began."""
        return self._now

    def date(self, at: float) -> datetime:
        """Tell the date of a moment."""
        return self.start + timedelta(seconds=at)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Put something down for later."""
        with self.lock:
            return self._agenda.put(self._now + max(0.0, seconds), action)

    def work(self, job: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do a slow thing in the thread that moves the clock, before time goes on."""

        def whole() -> None:
            result = job()
            with self.lock:
                then(result)

        self._jobs.append(whole)

    def until(self, ready: Callable[[], bool], limit: float = LIMIT) -> bool:
        """Jump from one thing to the next until something is true."""
        deadline = self._now + limit
        while True:
            while self._jobs:
                self._jobs.popleft()()
            with self.lock:
                if ready():
                    return True
                if not self._jump(deadline):
                    return False

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.until(lambda: False, seconds)

    def close(self) -> None:
        """Forget what is due."""
        self._agenda = Agenda()
        self._jobs.clear()

    def _jump(self, deadline: float) -> bool:
        at = self._agenda.next_at()
        if self._jobs:
            return True
        if at is None or at > deadline:
            self._now = max(self._now, deadline)
            return False
        self._now = max(self._now, at)
        self._agenda.pop().action()
        return True


class PacedClock:
    """A clock that runs in real time, or so many times faster, and answers webhooks side by side."""

    def __init__(self, speed: float = 1.0, start: datetime | None = None) -> None:
        self.lock = threading.Condition(threading.RLock())
        self.speed = speed
        self.start = start or datetime.now(UTC)
        self._began = time.monotonic()
        self._passed = 0.0  # What had passed when the speed was last changed.
        self._agenda = Agenda()
        self._closed = False
        self._pool = ThreadPoolExecutor(HANDS, thread_name_prefix="webhook")
        self._thread = threading.Thread(target=self._run, name="network-clock", daemon=True)
        self._thread.start()

    def now(self) -> float:
        """Tell the seconds since the network began."""
        return self._passed + (time.monotonic() - self._began) * self.speed

    def pace(self, speed: float) -> None:
        """Go on at another speed."""
        with self.lock:
            self._passed, self._began = self.now(), time.monotonic()
            self.speed = speed
            self.lock.notify_all()

    def date(self, at: float) -> datetime:
        """Tell the date of a moment."""
        return self.start + timedelta(seconds=at)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Put something down for later, and wake the clock to see it."""
        with self.lock:
            timer = self._agenda.put(self.now() + max(0.0, seconds), action)
            self.lock.notify_all()
            return timer

    def work(self, job: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do a slow thing on a thread of its own."""

        def whole() -> None:
            try:
                result = job()
            except Exception:
                logger.exception("a webhook could not be sent")
                return
            with self.lock:
                then(result)
                self.lock.notify_all()

        if not self._closed:
            self._pool.submit(whole)

    def until(self, ready: Callable[[], bool], limit: float = LIMIT) -> bool:
        """Wait until something is true, or the limit has passed on this clock."""
        deadline = self.now() + limit
        with self.lock:
            while not ready():
                left = (deadline - self.now()) / self.speed
                if left <= 0 or self._closed:
                    return False
                self.lock.wait(min(left, 0.5))
        return True

    def advance(self, seconds: float) -> None:
        """Wait so many seconds of this clock."""
        self.until(lambda: False, seconds)

    def close(self) -> None:
        """Stop the threads; what is under way is left to end by itself."""
        with self.lock:
            self._closed = True
            self.lock.notify_all()
        self._thread.join(timeout=5)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        with self.lock:
            while not self._closed:
                at = self._agenda.next_at()
                if at is None or at > self.now():
                    self.lock.wait(None if at is None else (at - self.now()) / self.speed)
                    continue
                self._do(self._agenda.pop())
                self.lock.notify_all()

    @staticmethod
    def _do(timer: Timer) -> None:
        try:
            timer.action()
        except Exception:  # One broken call must not stop the clock of all others.
            logger.exception("a thing that was due failed")
