"""The clock of a network around real processes: it jumps from event to event, and waits for answers.

However slow a machine is, it takes no time of the network's: time stands still until every answer has come,
and whoever is rehearsed with has nothing in hand. So what the network does is the same on every machine.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from ivr.simulator.agenda import Agenda
from ivr.simulator.clock import LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.simulator.agenda import Timer

logger = logging.getLogger(__name__)

T = TypeVar("T")
PATIENCE = 60.0  # Real seconds that one answer may take, or what is in hand, before something is wrong.
A_MOMENT = 0.01  # Real seconds that pass before it is looked at again, where people live through them.
LOOK_AGAIN = 0.002  # Real seconds until what is in hand is looked at again.
REMEMBERED = 400  # Events of which a fault tells.


class StuckError(Exception):
    """The network waits for something that does not come; says for what."""


class EventClock:
    """A clock that is moved by whoever waits for something, one event after the other.

    ``busy`` says what the other side has in hand, or nothing; ``show`` is told of each new date.
    At most so many webhooks are under way ``at_once``: with one, all that happens has an order.
    Where time ``passes``, it does not stand still meanwhile, and jumps only when there is nothing to wait
    for: so people live through what an answer takes, and through what is mended.
    """

    def __init__(  # noqa: PLR0913 - the choices of a rehearsal
        self,
        busy: Callable[[], str] = lambda: "",
        show: Callable[[float], None] = lambda _: None,
        *,
        at_once: int = 1,
        start: datetime | None = None,
        patience: float = PATIENCE,
        passes: bool = False,
    ) -> None:
        self.lock = threading.Condition(threading.RLock())
        self.start = start or datetime.now(UTC)
        self.history: deque[tuple[float, str]] = deque(maxlen=REMEMBERED)
        self._now = 0.0
        self._agenda = Agenda()
        self._busy, self._show = busy, show
        self._at_once = at_once
        self._asked = 0  # Answers that are not there yet.
        self._stirred = True  # The other side was asked something since it last had nothing in hand.
        self._patience = patience
        self._passes = passes
        self._closed = False
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="webhook")
        self._show(self.date(0).timestamp())

    def now(self) -> float:
        """Tell the seconds since the network began."""
        return self._now

    def date(self, at: float) -> datetime:
        """Tell the date of a moment."""
        return self.start + timedelta(seconds=at)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Put something down for later, and let whoever waits look at it."""
        with self.lock:
            timer = self._agenda.put(self._now + max(0.0, seconds), action)
            self.lock.notify_all()
            return timer

    def work(self, job: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do a slow thing on another thread; time stands still until its result is there."""

        def whole() -> None:
            try:
                result = job()
                with self.lock:
                    then(result)
            except Exception:  # One broken call must not stop the clock of all others.
                logger.exception("an answer could not be got, or not be taken")
            finally:
                with self.lock:
                    self._asked -= 1
                    self._stirred = True
                    self.lock.notify_all()

        with self.lock:
            if not self._closed:
                self._asked += 1
                self._pool.submit(whole)

    def until(self, ready: Callable[[], bool], limit: float = LIMIT) -> bool:
        """Jump from one thing to the next until something is true; StuckError when no answer comes."""
        with self.lock:
            deadline, given_up = self._now + limit, time.monotonic() + self._patience
            while not ready():
                if self._closed:
                    return False
                waits_for = self._waits_for()
                if waits_for and self._passes and not (self._asked and self._now >= deadline):
                    if not self._live_on(deadline):
                        return False
                    continue
                if waits_for:
                    self._look_again(waits_for, given_up)
                    continue
                given_up = time.monotonic() + self._patience
                if not self._jump(deadline):
                    return False
        return True

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.until(lambda: False, seconds)

    def close(self) -> None:
        """Forget what is due; what is under way is left to end by itself."""
        with self.lock:
            self._closed = True
            self._agenda = Agenda()
            self.lock.notify_all()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def tell(self) -> list[str]:
        """Tell the last events, what is due, and what is waited for, a line each."""
        with self.lock:
            past = [f"{at:8.2f} {what}" for at, what in self.history]
            due = [f"{at:8.2f} due: {what}" for at, what in self._agenda.listed()]
            return [*past, f"{self._now:8.2f} now; waits for: {self._waits_for() or 'nothing'}", *due]

    def _waits_for(self) -> str:
        """Name what keeps time from going on; nothing when the next event may happen."""
        at = self._agenda.next_at()
        time_passes = at is None or at > self._now
        if self._asked:
            return f"{self._asked} answers" if time_passes or self._asked >= self._at_once else ""
        busy = self._busy() if time_passes or self._stirred else ""
        self._stirred = bool(busy)
        return busy

    def _look_again(self, waits_for: str, given_up: float) -> None:
        if time.monotonic() > given_up:
            raise StuckError(f"for {self._patience:.0f} s the network has waited for {waits_for}")
        self.lock.wait(1.0 if self._asked else LOOK_AGAIN)

    def _live_on(self, deadline: float) -> bool:
        """Let a moment pass, and do what was due in it; tell whether there is time left."""
        began = time.monotonic()
        self.lock.wait(A_MOMENT)
        self._pass(min(self._now + time.monotonic() - began, deadline))
        while (at := self._agenda.next_at()) is not None and at <= self._now:
            self._do_next()
        return self._now < deadline

    def _jump(self, deadline: float) -> bool:
        """Do the next thing that is due, if that is before the deadline."""
        at = self._agenda.next_at()
        if at is None or at > deadline:
            self._pass(deadline)
            return False
        self._pass(at)
        self._do_next()
        return True

    def _do_next(self) -> None:
        """Do the next thing of all."""
        timer = self._agenda.pop()
        self.history.append((self._now, timer.name))
        try:
            timer.action()
        except Exception:  # One broken call must not stop the clock of all others.
            logger.exception("a thing that was due failed")

    def _pass(self, at: float) -> None:
        if at > self._now:
            self._now = at
            self._show(self.date(at).timestamp())
