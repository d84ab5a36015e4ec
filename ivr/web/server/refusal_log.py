"""Says in the log what was refused: at most a line a second, however many are refused."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

EVERY = 1.0  # Seconds.


class RefusalLog:
    """Counts refusals by reason, and tells of them once a second. For one thread: that of the event loop."""

    def __init__(
        self, now: Callable[[], float] = time.monotonic, counted: Callable[[str], object] = lambda _: None
    ) -> None:
        self._now = now
        self._counted = counted  # Called with the reason of each.
        self._counts: Counter[str] = Counter()
        self._told = float("-inf")

    def count(self, reason: str) -> None:
        """Note one refusal. The reason is ours: never what somebody sent."""
        self._counts[reason] += 1
        self._counted(reason)
        self.tell()

    def tell(self) -> None:
        """Write what was counted since the last line, unless that was within this second."""
        if not self._counts or self._now() - self._told < EVERY:
            return
        self._told = self._now()
        reasons = ", ".join(f"{reason}: {count}" for reason, count in self._counts.most_common())
        logger.warning("refused %s: %s", self._counts.total(), reasons)
        self._counts.clear()


class CountRefusals(logging.Filter):
    """Counts what uvicorn would log for each bad request, instead of logging it."""

    def __init__(self, refusals: RefusalLog) -> None:
        super().__init__()
        self._refusals = refusals

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is logged as it is: one with an exception is, what strangers sent is counted."""
        if record.exc_info or record.levelno < logging.WARNING:
            return True
        self._refusals.count(str(record.msg).rstrip("."))
        return False
