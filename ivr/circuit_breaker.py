"""Stop asking a part that does not answer: a hanging part is worse than a dead one."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

REST_SECONDS = 5.0  # How long a part that failed is left alone.


class PartUnavailable(Exception):  # noqa: N818 - named by what is the matter, as a person would say it
    """A part that the line can do without does not answer, or not in time."""


class CircuitBreaker:
    """A circuit breaker: after a failure a part is left alone for a while, then tried again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, rest: float = REST_SECONDS) -> None:
        self._clock = clock
        self._rest = rest
        self._until = 0.0
        self._lock = threading.Lock()

    @property
    def closed(self) -> bool:
        """Whether the part may be asked."""
        with self._lock:
            return self._clock() >= self._until

    def trip(self) -> None:
        """Note a failure."""
        with self._lock:
            self._until = self._clock() + self._rest
