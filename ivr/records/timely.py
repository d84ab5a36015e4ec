"""The truth about transfers, for those who cannot wait: an answer in a third of a second, or none."""

from __future__ import annotations

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, TypeVar

from ivr.circuit_breaker import Breaker
from ivr.records.database import RecordsUnavailable
from ivr.transfer.machine import Decide, Follow, nothing

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.transfer.machine import Transfer

Answer = TypeVar("Answer")

AT_ONCE = 4  # Fewer than the connections of a pool, so that a hanging SQL cannot take them all.


class Store(Protocol):
    """What is asked."""

    def open(self, transfer: Transfer) -> None:
        """Begin a transfer."""

    def find(self, transfer_id: str) -> Transfer | None:
        """Read one transfer."""

    def change(
        self, transfer_id: str, decide: Decide, follow: Follow = nothing
    ) -> tuple[Transfer, Transfer] | None:
        """Change one transfer."""

    def unreached_in_a_row(self) -> int:
        """Count the newest transfers that reached nobody."""


class Timely:
    """Asks a store in time, and leaves it alone for a while after it failed.

    What is late was still asked for, and may still be done: no answer does not mean that nothing changed.
    """

    _threads: ThreadPoolExecutor | None

    def __init__(
        self,
        transfers: Store,
        seconds: float = 0.3,
        rest: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transfers = transfers
        self._seconds = seconds
        self._clock = clock
        self._breaker = Breaker(clock, rest)
        self._answered = -math.inf
        self._threads = None
        self._pid = 0

    def open(self, transfer: Transfer) -> None:
        """Begin a transfer; RecordsUnavailable when that is not done in time."""
        self._ask(lambda: self._transfers.open(transfer))

    def find(self, transfer_id: str) -> Transfer | None:
        """Read one transfer; RecordsUnavailable when it does not come in time."""
        return self._ask(lambda: self._transfers.find(transfer_id))

    def change(
        self, transfer_id: str, decide: Decide, follow: Follow = nothing
    ) -> tuple[Transfer, Transfer] | None:
        """Change one transfer; RecordsUnavailable when that is not known to be done in time.

        ``decide`` and ``follow`` run in another thread, and perhaps when nobody waits for them any more.
        """
        return self._ask(lambda: self._transfers.change(transfer_id, decide, follow))

    def unreached_in_a_row(self) -> int:
        """Count the newest that reached nobody; RecordsUnavailable when that is not known in time."""
        return self._ask(self._transfers.unreached_in_a_row)

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """Wait for an answer as long as a caller can."""
        if not self._breaker.closed:
            raise RecordsUnavailable("left alone for some seconds, for it failed")
        begun = self._clock()
        asked = self._own_threads().submit(question)
        try:
            answer = asked.result(self._seconds)
        except TimeoutError as fault:
            asked.cancel()  # What has not begun yet need not begin.
            self._leave_alone(begun)
            raise RecordsUnavailable("no answer in time") from fault
        except RecordsUnavailable:
            self._leave_alone(begun)
            raise
        self._answered = self._clock()
        return answer

    def _leave_alone(self, begun: float) -> None:
        """Ask no more for a while, unless others were answered meanwhile: who is busy is not gone."""
        if self._answered <= begun:
            self._breaker.trip()

    def _own_threads(self) -> ThreadPoolExecutor:
        """Start the threads when first asked in this process: a parent's do not come through a fork."""
        if self._threads is None or self._pid != os.getpid():
            self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="records")
            self._pid = os.getpid()
        return self._threads
