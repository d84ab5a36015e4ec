"""What is due on a network, and when."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Timer:
    """Something that is due at a moment, and can be called off."""

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.off = False

    @property
    def name(self) -> str:
        """What is done then, as the code calls it."""
        return getattr(self.action, "__qualname__", repr(self.action)).replace(".<locals>.<lambda>", "")

    def call_off(self) -> None:
        """Never do it."""
        self.off = True


class Agenda:
    """What is due. Things due at one moment keep the order in which they were put."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Timer]] = []
        self._count = 0

    def put(self, at: float, action: Callable[[], None]) -> Timer:
        """Put something down for a moment."""
        timer = Timer(action)
        self._count += 1
        heapq.heappush(self._due, (at, self._count, timer))
        return timer

    def next_at(self) -> float | None:
        """Tell when the next thing is due."""
        while self._due and self._due[0][2].off:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def listed(self) -> list[tuple[float, str]]:
        """List what is due: when, and what."""
        return [(at, timer.name) for at, _, timer in sorted(self._due) if not timer.off]

    def pop(self) -> Timer:
        """Take the next thing."""
        return heapq.heappop(self._due)[2]
