"""Stop asking a part that does not answer: a hanging part is worse than a dead one.

A breaker is closed while its part answers. A failure opens it, and the part is left alone for some seconds.
Then it is half open: one caller tries the part, and the others are refused until that one knows.
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REST_SECONDS = 5.0  # How long a part that failed is left alone.


class PartUnavailable(Exception):  # noqa: N818 - named by what is the matter, as a person would say it
    """A part that the line can do without does not answer, or not in time."""


class CircuitBreaker:
    """Guards the requests to one part. One breaker may guard several clients of the same part."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        rest: float = REST_SECONDS,
        failures: int = 1,
    ) -> None:
        """``failures``: how many in a row open the breaker."""
        self._clock = clock
        self._rest = rest
        self._most = failures
        self._failed = 0  # In a row.
        self._until: float | None = None  # Until when the part is left alone; None while closed.
        self._trying = False  # Whether somebody tries a part that has failed.
        self._answered = -math.inf  # When the part last answered.
        self._lock = threading.Lock()

    @property
    def closed(self) -> bool:
        """Whether the part may be asked now."""
        with self._lock:
            return self._may_ask()

    @contextmanager
    def guard(self, *faults: type[Exception]) -> Iterator[None]:
        """Ask the part within this block. PartUnavailable when it is left alone, or when it fails.

        ``faults``: the errors that mean that the part failed. Those of them that are a PartUnavailable are
        raised as they are. Any other error tells that the part answered.
        """
        begun = self._begin()
        try:
            yield
        except faults as fault:
            self._fail(begun)
            if isinstance(fault, PartUnavailable):
                raise
            raise PartUnavailable(
                f"no answer: {type(fault).__name__}"
            ) from None  # Its text may quote a number.
        except Exception:
            self._answer()
            raise
        except BaseException:  # We were told to stop: nothing is known of the part.
            self._fail(begun)
            raise
        self._answer()

    def _may_ask(self) -> bool:
        return self._until is None or (not self._trying and self._clock() >= self._until)

    def _begin(self) -> float:
        with self._lock:
            if not self._may_ask():
                raise PartUnavailable("left alone for some seconds, for it failed")
            self._trying = self._until is not None
            return self._clock()

    def _answer(self) -> None:
        """Note an answer: also a late one tells that the part is there."""
        with self._lock:
            self._answered = self._clock()
            self._failed, self._until, self._trying = 0, None, False

    def _fail(self, begun: float) -> None:
        """Note a failure, unless others were answered since the request began: who is busy is not gone."""
        with self._lock:
            if self._answered > begun:
                return
            self._failed += 1
            if self._trying or self._failed >= self._most:
                self._open()

    def _open(self) -> None:
        self._until, self._trying = self._clock() + self._rest, False
